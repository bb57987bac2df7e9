#!/usr/bin/env python3
"""Compare the image reader with Pillow over every PNG and JPEG below some folders.

usage: check_images.py PATH/TO/image_driver FOLDER...

8-bit files are compared after convert("RGB"), 16-bit gray ones as they are. Of 16-bit colours Pillow
drops the low byte where the reader rounds: those may differ by 1. Exits with 1 if any other differs. A file that one of the two refuses is listed, and counts as a difference unless both do.
"""

import pathlib
import subprocess
import sys

import numpy as np
from PIL import Image


def pillow_pixels(path):
    try:
        with Image.open(path) as image:
            image.load()
            if image.mode.startswith("I"):
                return "raw", np.asarray(image).astype(np.uint16)
            return "rgb", np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError) as error:
        return "rgb", str(error)


def driver_pixels(driver, kind, path):
    done = subprocess.run([driver, kind, str(path)], capture_output=True, check=False)
    if done.returncode != 0:
        return done.stderr.decode()
    header, data = done.stdout.split(b"\n", 1)
    width, height, channels, depth, _ = map(int, header.split())
    array = np.frombuffer(data, np.uint16 if depth == 16 else np.uint8)
    return array.reshape((height, width, channels) if channels > 1 else (height, width))


def compare(driver, path):
    kind, wanted = pillow_pixels(path)
    found = driver_pixels(driver, kind, path)
    if isinstance(wanted, str) or isinstance(found, str):
        print(f"{path}: Pillow: {wanted if isinstance(wanted, str) else 'reads it'}; "
              f"here: {found.strip() if isinstance(found, str) else 'reads it'}")
        return isinstance(wanted, str) and isinstance(found, str)
    if wanted.shape != found.shape:
        print(f"{path}: shape {found.shape}, Pillow has {wanted.shape}")
        return False
    allowed = 1 if kind == "rgb" and driver_pixels(driver, "raw", path).dtype == np.uint16 else 0
    differs = np.abs(wanted.astype(int) - found) > allowed
    if differs.any():
        print(f"{path}: {differs.sum()} of {wanted.size} samples differ")
    return not differs.any()


def main():
    driver = sys.argv[1]
    paths = [path for folder in sys.argv[2:] for path in sorted(pathlib.Path(folder).rglob("*"))
             if path.suffix.lower() in (".png", ".jpg", ".jpeg")]
    equal = sum(compare(driver, path) for path in paths)
    print(f"{equal} of {len(paths)} files equal Pillow")
    sys.exit(equal != len(paths))


if __name__ == "__main__":
    main()
