#!/usr/bin/env python3
"""Make the image files of tests/fixtures/io/images and jpeg.txt, the hashes of Pillow's pixels.

usage: make_image_fixtures.py FOLDER

PNG: written by hand, since Pillow can neither interlace nor write every bit depth. Sample i in
row-major order is pattern byte i below 2^bits (16 bits: bytes 2i and 2i+1, big-endian); an index is
taken modulo the palette's size; palette entry i is pattern bytes 1000+3i and on.
"""

import io
import pathlib
import struct
import sys
import zlib

import numpy as np
from PIL import Image

from pattern import pattern_bytes, pattern_hash

WIDTH, HEIGHT = 13, 9
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
         (0, 1, 1, 2)]
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
PALETTE_SIZES = {1: 2, 2: 3, 4: 11, 8: 200}


def exif(orientation):
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    return b"II*\0" + struct.pack("<IH", 8, 1) + entry + struct.pack("<I", 0)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def samples_of(colour, bits):
    count = WIDTH * HEIGHT * CHANNELS[colour]
    if bits == 16:
        values = pattern_bytes(2 * count).view(">u2").astype(np.uint16)
    else:
        values = pattern_bytes(count).astype(np.uint16) & ((1 << bits) - 1)
    if colour == 3:
        values %= PALETTE_SIZES[bits]
    return values.reshape(HEIGHT, WIDTH, CHANNELS[colour])


def pack_rows(array, bits):
    """Scan lines of one pass; the first is filtered (Sub), so that filters are met."""
    out = b""
    for y, row in enumerate(array):
        if bits == 16:
            line = row.astype(">u2").tobytes()
        elif bits == 8:
            line = row.astype(np.uint8).tobytes()
        else:
            ones = (row.ravel()[:, None] >> np.arange(bits - 1, -1, -1)) & 1
            line = np.packbits(ones.astype(np.uint8).ravel()).tobytes()
        step = max(1, array.shape[2] * bits // 8)
        if y == 0:
            before = b"\0" * step + line
            line = bytes((a - b) & 255 for a, b in zip(line, before))
            out += b"\1" + line
        else:
            out += b"\0" + line
    return out


def png_bytes(colour, bits, interlaced, extra=b""):
    array = samples_of(colour, bits)
    passes = ADAM7 if interlaced else [(0, 0, 1, 1)]
    parts = [array[y::dy, x::dx] for x, y, dx, dy in passes]
    data = b"".join(pack_rows(part, bits) for part in parts if part.size > 0)
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, bits, colour, 0, 0, int(interlaced))
    palette = b""
    if colour == 3:
        size = PALETTE_SIZES[bits]
        palette = chunk(b"PLTE", pattern_bytes(1000 + 3 * size)[1000:].tobytes())
        palette += chunk(b"tRNS", bytes(range(size)))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + palette + extra +
            chunk(b"IDAT", zlib.compress(data, 9)) + chunk(b"IEND", b""))


def write_pngs(folder):
    formats = [(0, (1, 2, 4, 8, 16)), (2, (8, 16)), (3, (1, 2, 4, 8)), (4, (8, 16)), (6, (8, 16))]
    for colour, depths in formats:
        for bits in depths:
            for interlaced in (False, True):
                name = f"c{colour}_{bits}{'_i' if interlaced else ''}.png"
                (folder / name).write_bytes(png_bytes(colour, bits, interlaced))
    turned = chunk(b"gAMA", struct.pack(">I", 100000)) + chunk(b"eXIf", exif(6))
    (folder / "turned.png").write_bytes(png_bytes(2, 8, False, turned))


def smooth_picture(width=37, height=29):
    y, x = np.mgrid[0:height, 0:width]
    red = 128 + 120 * np.sin(x / 5.0) * np.cos(y / 7.0)
    green = 255.0 * x / (width - 1)
    blue = np.where((x - 20) ** 2 + (y - 14) ** 2 < 80, 230, 20)
    return Image.fromarray(np.stack([red, green, blue], -1).astype(np.uint8))


def jpeg_bytes(image, **options):
    out = io.BytesIO()
    image.save(out, "JPEG", quality=80, **options)
    return out.getvalue()


def write_jpegs(folder):
    picture = smooth_picture()
    cmyk = jpeg_bytes(picture.convert("CMYK"))
    adobe = cmyk.index(b"Adobe")
    files = {
        "gray": jpeg_bytes(picture.convert("L")),
        "ycc444": jpeg_bytes(picture, subsampling="4:4:4"),
        "ycc422": jpeg_bytes(picture, subsampling="4:2:2"),
        "ycc420": jpeg_bytes(picture, subsampling="4:2:0", optimize=True),
        "progressive": jpeg_bytes(picture, progressive=True),
        "restarts": jpeg_bytes(picture, restart_marker_blocks=2),
        "rgb": jpeg_bytes(picture, keep_rgb=True),
        "turned": jpeg_bytes(picture, exif=b"Exif\0\0" + exif(3)),
        "cmyk": cmyk,
        "ycck": cmyk[:adobe + 11] + b"\2" + cmyk[adobe + 12:],  # the Adobe marker's transform byte
    }
    lines = []
    for name, data in files.items():
        (folder / f"{name}.jpg").write_bytes(data)
        with Image.open(io.BytesIO(data)) as image:
            orientation = image.getexif().get(0x0112, 1)
            pixels = image if image.mode == "L" else image.convert("RGB")
            lines.append(f"{name} {image.width} {image.height} {len(pixels.getbands())} "
                         f"{orientation} {pattern_hash(np.asarray(pixels)):016x}")
    (folder / "jpeg.txt").write_text("\n".join(lines) + "\n")


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    write_pngs(folder)
    write_jpegs(folder)


if __name__ == "__main__":
    main()
