#!/bin/sh
# Every run file of configs/ is right, but for its data; so is its checkpoint where it is there.
# usage: check_configs.sh SAMCL
set -eu
samcl=$1
cd "$(dirname "$0")/../.."

failed=0
for file in configs/*.yaml; do
    checkpoint=$(sed -n 's/^[^#]*checkpoint: \([^ ,}]*\).*/\1/p' "$file")
    setting=
    [ -z "$checkpoint" ] || [ -e "$checkpoint" ] || setting=model.checkpoint=null
    said=$("$samcl" validate "$file" --no-data $setting 2>&1) && continue
    echo "$file: $said"
    failed=1
done
exit $failed
