#!/bin/sh
# From `samcl plugins new` to a training run that uses the plugin in at most 5 commands: runs `new`,
# and then what it printed, word for word, on a few pictures in place of the quickstart's.
# usage: check_plugin_kit.sh SOURCE BUILD    (CC and CFLAGS as of the build)
set -eu
source=$1 build=$2
work=$build/tests/plugin_kit
export PATH="$build:$PATH" LDFLAGS="${CFLAGS-}"

fail()
{
    echo "check_plugin_kit.sh: $*" >&2
    exit 1
}

rm -rf "$work"
mkdir -p "$work"
cd "$work"
ln -s "$source/configs" configs
samcl-pictures cells --count 2 --seed 11 --out quickstart/train >log
samcl-pictures cells --count 1 --seed 12 --out quickstart/val >>log

for kind in loss adapter; do
    samcl plugins new $kind my_$kind | sed -n 's/^  //p' >commands
    [ "$(wc -l <commands)" -le 4 ] || fail "more than 5 commands for a $kind: $(cat commands)"
    grep -q "^samcl train " commands || fail "no training among them: $(cat commands)"
    sh -e ./commands >>log 2>&1 || fail "these commands failed: $(cat commands; cat log)"
    [ -f my_$kind/runs/my_$kind/checkpoints/best.safetensors ] || fail "the run left no weights"
done
grep -q '"loss.my_loss"' my_loss/runs/my_loss/metrics.jsonl || fail "the run has no loss my_loss"
