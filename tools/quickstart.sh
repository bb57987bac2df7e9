#!/bin/sh
# From a fresh clone to a tuned model: installs what is missing, builds, paints a small data set,
# fine-tunes, evaluates base versus tuned, and leaves pictures of it all in quickstart/.
set -eu
cd "$(dirname "$0")/.."

tools/install_packages.sh
[ -f build/build.ninja ] || cmake -S . -B build -G Ninja -DSAMCL_TESTS=OFF > /dev/null
ninja -C build samcl samcl-pictures plugins > build/quickstart.log || {
    cat build/quickstart.log
    exit 1
}

echo "painting pictures of cells: 40 to train on, 8 to validate with, 16 to test on"
build/samcl-pictures cells --count 40 --seed 11 --out quickstart/train
build/samcl-pictures cells --count 8 --seed 12 --out quickstart/val
build/samcl-pictures cells --count 16 --seed 13 --out quickstart/test

build/samcl train configs/quickstart-lora.yaml | tee quickstart/train.txt
best=$(grep 'safetensors$' quickstart/train.txt)
run=${best%/checkpoints/*}

echo
build/samcl eval "$run"
