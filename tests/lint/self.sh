#!/bin/sh
# The checks of includes, shape and docs complain about what they are there for, and only about that.
# usage: self.sh FOLDER     (a scratch folder of its own)
set -eu
export LC_ALL=C
lint=$(cd "$(dirname "$0")" && pwd)
rm -rf "$1"
mkdir -p "$1"
cd "$1"

# expect STATUS WORDS CHECK FILE: the check of a FILE with the standard input as its text.
expect()
{
    mkdir -p "$(dirname "$4")"
    cat >"$4"
    status=0
    case $3 in
    includes) found=$(awk -f "$lint/includes.awk" "$lint/rooms.txt" "$4") || status=$? ;;
    shape) found=$(awk -f "$lint/shape.awk" "$4") || status=$? ;;
    docs) found=$("$lint/docs.sh" ./samcl "$4") || status=$? ;;
    esac
    case $status:$found in
    "$1:"*"$2"*) ;;
    *)
        echo "self.sh: $3 of $4: expected $1 with \"$2\", found $status: $found" >&2
        exit 1
        ;;
    esac
}

echo '#include "base/mem.h"' | expect 0 '' includes core/graph/a.c
echo '#include <unistd.h>' | expect 0 '' includes core/io/a.c
echo '#include <samcl/plugin.h>' | expect 0 '' includes losses/a/a.c
echo '#include "io/image.h"' | expect 1 'core/base may not include io/image.h' includes core/base/a.c
echo '#include "train/run.h"' | expect 1 'core/model may not' includes core/model/a.h
echo '#include <CL/cl.h>' | expect 1 'core/graph may not include CL/cl.h' includes core/graph/a.c
echo '#  include <CL/cl.h>' | expect 1 'backends/reference may not' includes backends/reference/a.c
echo '#include "io/image.h"' | expect 1 'backends/opencl may not' includes backends/opencl/a.c
echo '#include "base/mem.h"' | expect 1 'plugins may not' includes adapters/a/a.c
echo '#include <unistd.h>' | expect 1 'plugins may not include unistd.h' includes losses/b/b.c
echo '#include "cli.h"' | expect 0 '' includes tools/a.c
echo '#include "cli.h"' | expect 1 'core/train may not include cli.h' includes core/train/a.c
echo 'int x;' | expect 1 'the room core/kitchen has no row' includes core/kitchen/a.c

lines() { awk -v n="$1" 'BEGIN { for (i = 0; i < n; i++) print "    x();" }'; }
columns() { awk -v n="$1" 'BEGIN { while (n--) printf "—"; print "" }'; }
{ echo '{'; lines 58; echo '}'; } | expect 0 '' shape a.c
{ echo '{'; lines 59; echo '}'; } | expect 1 ':61: a function of 61 lines' shape a.c
lines 600 | expect 0 '' shape a.h
lines 601 | expect 1 ':601: the file has more' shape a.h
columns 100 | expect 0 '' shape a.c
columns 101 | expect 1 ':1: a line of 101 columns' shape a.c
columns 1 | expect 1 'not ASCII' shape a.cl
printf 'a\tb\n' | expect 1 'a tab' shape a.c
printf 'a \n' | expect 1 'a space at the end' shape a.c

printf '#!/bin/sh\necho "  train      x"\n' >samcl
chmod +x samcl
code='```'
echo '[a](#a) [b](a.c#b) [c](https://c/d.md) `samcl train`, samcl dances' | expect 0 '' docs a.md
echo 'see [d](no/d.md#e)' | expect 1 'the link to no/d.md leads nowhere' docs a.md
echo 'try `samcl dance`' | expect 1 'samcl has no verb dance' docs a.md
printf '%s\nbuild/samcl dance a.yaml\n%s\n' $code $code | expect 1 'no verb dance' docs a.md
