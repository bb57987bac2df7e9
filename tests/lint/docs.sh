#!/bin/sh
# The pages: each relative link leads to a file or folder, and each verb that is named exists.
# usage: docs.sh SAMCL [PAGE...]     (without pages: those of the project)
set -eu
export LC_ALL=C
samcl=$1
shift
if [ $# = 0 ]; then
    cd "$(dirname "$0")/../.."
    set -- *.md docs/*.md
fi
verbs=$("$samcl" -h | sed -n 's/^  \([a-z][a-z]*\)  .*/\1/p')
[ -n "$verbs" ] || { echo "docs.sh: samcl -h lists no verb" >&2; exit 1; }

# links PAGE: the targets of ](TARGET), without #PLACE, one a line; none of another site.
links()
{
    grep -o '](\([^)]*\))' "$1" | sed 's/^](//; s/)$//; s/#.*//' |
        grep -v '^$\|^[a-z]*:' || true
}

# named_verbs PAGE: what follows samcl where a command is shown: at the start of a line of code, or
# of `code`.
named_verbs()
{
    awk '/^```/ { code = !code; next } code' "$1" |
        sed -n 's/^\(build\/\)\{0,1\}samcl \([a-z][a-z]*\).*/\2/p'
    grep -o '`\(build/\)\{0,1\}samcl [a-z][a-z]*' "$1" | sed 's/.* //' || true
}

failed=0
for page; do
    for link in $(links "$page"); do
        [ -e "$(dirname "$page")/$link" ] && continue
        echo "$page: the link to $link leads nowhere"
        failed=1
    done
    for verb in $(named_verbs "$page" | sort -u); do
        printf '%s\n' "$verbs" | grep -qx "$verb" && continue
        echo "$page: samcl has no verb $verb"
        failed=1
    done
done
exit $failed
