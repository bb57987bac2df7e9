#!/usr/bin/env python3
"""Compare the resizers with Pillow and torch over many random sizes.

usage: check_resize.py PATH/TO/resize_driver [CASES] [SEED]

Needs numpy, Pillow 13 and torch. Prints one line per kind; exits with 1 if Pillow's bytes differ
anywhere, or torch's floats by more than rounding: 2 units in the last place of the largest input,
and as much as moving the source position by one unit in its last place makes (torch fuses that
multiply-add in some of its loops and not in others).
"""

import subprocess
import sys

import numpy as np
import torch
from PIL import Image

PILLOW_KINDS = {
    "bilinear L": ("bilinear", 1, np.uint8, (), Image.BILINEAR),
    "bilinear RGB": ("bilinear", 3, np.uint8, (3,), Image.BILINEAR),
    "nearest L": ("nearest", 1, np.uint8, (), Image.NEAREST),
    "nearest I;16": ("nearest", 2, np.uint16, (), Image.NEAREST),
    "nearest I": ("nearest", 4, np.int32, (), Image.NEAREST),
}


def random_side(rng):
    """Mostly ordinary sides, some tiny, so that both directions and the borders are met."""
    return int(rng.integers(1, 9) if rng.random() < 0.15 else rng.integers(9, 700))


def random_sizes(rng, case):
    sw, sh, dw, dh = (random_side(rng) for _ in range(4))
    if case % 10 == 0:
        dw = sw
    if case % 10 == 1:
        dh = sh
    if case % 10 == 2:  # tall images, which Pillow shrinks in the other order
        sw, sh, dh = int(rng.integers(1, 12)), int(rng.integers(1100, 2500)), random_side(rng)
    return sw, sh, dw, dh


def run_driver(driver, kind, unit, sizes, array):
    command = [driver, kind, str(unit), *map(str, sizes)]
    return subprocess.run(command, input=array.tobytes(), capture_output=True, check=True).stdout


def check_pillow(driver, rng, cases, kind, unit, dtype, tail, method):
    differing = total = 0
    for case in range(cases):
        sw, sh, dw, dh = random_sizes(rng, case)
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
        array = rng.integers(low, high, (sh, sw, *tail), dtype=dtype, endpoint=True)
        wanted = np.asarray(Image.fromarray(array).resize((dw, dh), method), dtype=dtype)
        out = run_driver(driver, kind, unit, (sw, sh, dw, dh), array)
        found = np.frombuffer(out, np.uint8)
        differing += int((found != np.frombuffer(wanted.tobytes(), np.uint8)).sum())
        total += found.size
    return differing, total


def check_torch(driver, rng, cases, kind):
    worst, beyond, total = 0.0, 0, 0
    for case in range(cases):
        sw, sh, dw, dh = random_sizes(rng, case)
        array = rng.standard_normal((sh, sw)).astype(np.float32) * 8
        if kind == "float":
            source = torch.from_numpy(array)[None, None]
            wanted = torch.nn.functional.interpolate(source, (dh, dw), mode="bilinear")
        else:
            source = torch.from_numpy(array).T[None]
            wanted = torch.nn.functional.interpolate(source, dh, mode="linear")[0].T
        out = run_driver(driver, kind, 4, (sw, sh, dw, dh), array)
        gap = np.abs(np.frombuffer(out, np.float32) - wanted.contiguous().numpy().ravel())
        largest = np.abs(array).max()
        unit = float(np.spacing(largest))
        moved = 4 * float(largest) * float(np.spacing(np.float32(max(sw, sh))))
        worst = max(worst, float(gap.max()) / (2 * unit + moved))
        beyond += int((gap > 2 * unit).sum())
        total += gap.size
    return worst, beyond, total


def main():
    driver = sys.argv[1]
    cases = int(sys.argv[2]) if len(sys.argv) > 2 else 200
    rng = np.random.default_rng(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    failed = False
    for name, (kind, unit, dtype, tail, method) in PILLOW_KINDS.items():
        differing, total = check_pillow(driver, rng, cases, kind, unit, dtype, tail, method)
        print(f"{name}: {cases} sizes, {differing} of {total} bytes differ from Pillow")
        failed |= differing > 0
    for kind in ("float", "rows"):
        worst, beyond, total = check_torch(driver, rng, cases, kind)
        print(f"{kind}: {cases} sizes, {beyond} of {total} values more than 2 units in the last "
              f"place from torch; the worst at {worst:.2f} of what rounding explains")
        failed |= worst > 1
    sys.exit(failed)


if __name__ == "__main__":
    main()
