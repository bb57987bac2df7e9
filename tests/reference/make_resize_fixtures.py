#!/usr/bin/env python3
"""Make tests/fixtures/io/resize.txt and resize_float.txt from Pillow 13 and torch.

usage: make_resize_fixtures.py FOLDER

resize.txt: "KIND UNIT SW SH DW DH HASH" a line; the input is the byte pattern. resize_float.txt:
"KIND SW SH DW DH VALUES"; the input is (pattern byte - 128) / 16.
"""

import pathlib
import sys

import numpy as np
import torch
from PIL import Image

from pattern import pattern_bytes, pattern_hash

NEAREST_TYPES = {1: np.uint8, 2: np.uint16, 4: np.int32}
FLOAT_SIZES = [(5, 7, 11, 4), (1, 1, 3, 2), (16, 9, 7, 23), (13, 2, 13, 2), (6, 6, 1, 1)]
EDGE_SIZES = [
    (1, 1, 1, 1),
    (1, 1, 9, 5),
    (300, 200, 1, 1),
    (64, 64, 64, 64),
    (64, 48, 64, 31),
    (64, 48, 101, 48),
    (181, 121, 103, 69),  # as SAM shrinks, wide and tall
    (60, 180, 34, 102),
    (20, 90, 18, 31),  # the height goes first
    (90, 20, 31, 18),
    (3, 700, 2, 30),
    (32, 32, 128, 128),
]


def sizes_of(seed):
    rng = np.random.default_rng(seed)
    return EDGE_SIZES + [tuple(int(side) for side in rng.integers(1, 260, 4)) for _ in range(10)]


def pillow_line(kind, unit, size):
    sw, sh, dw, dh = size
    if kind == "bilinear":
        array = pattern_bytes(sw * sh * unit).reshape((sh, sw, 3) if unit == 3 else (sh, sw))
        out = Image.fromarray(array).resize((dw, dh), Image.BILINEAR)
        result = np.asarray(out)
    else:
        array = pattern_bytes(sw * sh * unit).view(NEAREST_TYPES[unit]).reshape(sh, sw)
        out = Image.fromarray(array).resize((dw, dh), Image.NEAREST)
        result = np.asarray(out).astype(NEAREST_TYPES[unit])
    return f"{kind} {unit} {sw} {sh} {dw} {dh} {pattern_hash(result):016x}"


def torch_line(kind, size):
    sw, sh, dw, dh = size
    array = (pattern_bytes(sw * sh).astype(np.float32) - 128) / 16
    source = torch.from_numpy(array.reshape(sh, sw))
    if kind == "float":
        out = torch.nn.functional.interpolate(source[None, None], (dh, dw), mode="bilinear")
    else:
        out = torch.nn.functional.interpolate(source.T[None], dh, mode="linear")[0].T
        dw = sw
    values = " ".join(f"{value:.9g}" for value in out.contiguous().numpy().ravel())
    return f"{kind} {sw} {sh} {dw} {dh} {values}"


def main():
    folder = pathlib.Path(sys.argv[1])
    lines = [pillow_line("bilinear", unit, size) for unit in (1, 3) for size in sizes_of(unit)]
    lines += [pillow_line("nearest", unit, size) for unit in (1, 2, 4) for size in sizes_of(unit)]
    (folder / "resize.txt").write_text("\n".join(lines) + "\n")
    lines = [torch_line(kind, size) for kind in ("float", "rows") for size in FLOAT_SIZES]
    (folder / "resize_float.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
