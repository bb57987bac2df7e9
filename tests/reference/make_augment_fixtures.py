#!/usr/bin/env python3
"""Make tests/fixtures/data/augment.txt from Pillow 13.

usage: make_augment_fixtures.py FOLDER

Each line is "BRIGHTNESS CONTRAST GAMMA INVERT GRAYSCALE START SHIFT PIXELS": the byte pattern from
START on, each byte shifted right by SHIFT, as RGB of 8 x 3 pixels, changed in this order. Pillow
has no gamma: numpy makes it.
"""

import pathlib
import sys

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from pattern import pattern_bytes

WIDTH, HEIGHT = 8, 3

CASES = [  # brightness, contrast, gamma, invert, grayscale, start, shift
    (1, 1, 1, 0, 0, 0, 0),
    (0.3, 1, 1, 0, 0, 1, 0),
    (1.7, 1, 1, 0, 0, 2, 0),
    (0, 1, 1, 0, 0, 3, 0),
    (2, 1, 1, 0, 0, 4, 1),
    (1, 0.45, 1, 0, 0, 5, 0),
    (1, 1.6, 1, 0, 0, 6, 0),
    (1, 0, 1, 0, 0, 7, 3),
    (1, 2, 1, 0, 0, 8, 2),
    (1, 1, 0.6, 0, 0, 9, 0),
    (1, 1, 2.3, 0, 0, 10, 0),
    (1, 1, 1, 1, 0, 11, 0),
    (1, 1, 1, 0, 1, 12, 0),
    (1.25, 0.7, 1, 0, 0, 13, 0),
    (0.8, 1.4, 1.5, 1, 1, 14, 0),
    (1.9, 1.9, 0.4, 1, 1, 15, 2),
]


def changed(image, brightness, contrast, gamma, invert, grayscale):
    image = ImageEnhance.Brightness(image).enhance(brightness)
    image = ImageEnhance.Contrast(image).enhance(contrast)
    table = np.floor(255 * (np.arange(256) / 255) ** gamma + 0.5).astype(int)
    image = image.point(list(table) * 3)
    if invert:
        image = ImageOps.invert(image)
    if grayscale:
        image = image.convert("L").convert("RGB")
    return image


def main(folder):
    lines = []
    for *change, start, shift in CASES:
        values = pattern_bytes(start + WIDTH * HEIGHT * 3)[start:] >> shift
        image = Image.fromarray(values.reshape(HEIGHT, WIDTH, 3))
        pixels = np.asarray(changed(image, *change)).tobytes().hex()
        lines.append(" ".join(map(str, [*change, start, shift, pixels])))
    (pathlib.Path(folder) / "augment.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
