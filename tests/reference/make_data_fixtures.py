#!/usr/bin/env python3
"""Make tests/fixtures/data from segment-anything, transformers and Pillow 13.

usage: make_data_fixtures.py FOLDER

coords.txt      "point W H SIDE X Y CX CY" or "box W H SIDE X0 Y0 X1 Y1 CX0 CY0 CX1 CY1": pixels of
                an image and what PromptEncoder makes its position code of
images.txt      "W H SIDE HASH": the encoder's input, channels last, of the byte pattern as RGB
masks.txt       "W H SIDE HASH": the low-resolution mask (int32) of the byte pattern modulo 5
postprocess.txt "W H SIDE LOW VALUES": Sam.postprocess_masks of (pattern byte - 128) / 16
disc.jpg        a mask in JPEG: a bright disc of radius 9 around (20, 14) of 40 x 30 pixels
"""

import pathlib
import sys
import types

import numpy as np
import torch
from PIL import Image
from segment_anything.modeling import Sam
from segment_anything.modeling.prompt_encoder import PromptEncoder
from segment_anything.utils.transforms import ResizeLongestSide
from transformers.models.sam.image_processing_pil_sam import SamImageProcessorPil

from pattern import pattern_bytes, pattern_hash

COORD_SIZES = [(640, 480, 1024), (481, 1333, 1024), (3000, 2001, 1024), (37, 100, 64), (1, 7, 256)]
IMAGE_SIZES = [(181, 121, 64), (50, 97, 64), (64, 64, 64), (33, 20, 128), (300, 200, 1024)]
MASK_SIZES = [(181, 121, 64), (50, 97, 64), (64, 64, 64), (33, 20, 128), (300, 7, 256)]
POSTPROCESS_SIZES = [(21, 13, 32, 8), (40, 50, 32, 8), (9, 9, 16, 4)]


def model_with(side):
    """What Sam's methods need of a Sam."""
    return types.SimpleNamespace(
        image_encoder=types.SimpleNamespace(img_size=side),
        pixel_mean=torch.tensor([123.675, 116.28, 103.53]).view(-1, 1, 1),
        pixel_std=torch.tensor([58.395, 57.12, 57.375]).view(-1, 1, 1),
    )


def position_codes(side, points=None, boxes=None):
    """The coordinates in 0..1 that PromptEncoder takes its Fourier features of."""
    encoder = PromptEncoder(8, (4, 4), (side, side), 16)
    seen = []
    original = encoder.pe_layer._pe_encoding

    def spy(coords):
        seen.append(coords.clone())
        return original(coords)

    encoder.pe_layer._pe_encoding = spy
    encoder(points, boxes, None)
    return seen[0].numpy()


def numbers(values):
    return " ".join(f"{value:.9g}" for value in np.ravel(values))


def coord_lines(width, height, side):
    rng = np.random.default_rng(width)
    transform = ResizeLongestSide(side)
    for _ in range(4):
        point = rng.integers(0, (width, height)).astype(float)
        scaled = transform.apply_coords(point[None], (height, width))
        coords = torch.as_tensor(scaled, dtype=torch.float)[None]
        codes = position_codes(side, points=(coords, torch.ones(1, 1)))[0, 0]
        yield f"point {width} {height} {side} {numbers(point)} {numbers(codes)}"
        box = np.concatenate([rng.integers(0, (width, height)), rng.integers(0, (width, height))])
        box = box + 0.25 * rng.integers(0, 4, 4)
        scaled = transform.apply_boxes(box[None], (height, width))
        codes = position_codes(side, boxes=torch.as_tensor(scaled, dtype=torch.float))[0]
        yield f"box {width} {height} {side} {numbers(box)} {numbers(codes)}"


def image_line(width, height, side):
    image = pattern_bytes(width * height * 3).reshape(height, width, 3)
    scaled = ResizeLongestSide(side).apply_image(image)
    tensor = torch.as_tensor(scaled).permute(2, 0, 1)
    tensor = Sam.preprocess(model_with(side), tensor).permute(1, 2, 0).contiguous()
    return f"{width} {height} {side} {pattern_hash(tensor.numpy()):016x}"


def mask_line(width, height, side):
    ids = (pattern_bytes(width * height) % 5).reshape(height, width)
    processor = SamImageProcessorPil(
        mask_size={"longest_edge": side}, mask_pad_size={"height": side, "width": side}
    )
    image = np.zeros((height, width, 3), np.uint8)
    labels = processor(image, segmentation_maps=ids)["labels"][0]
    return f"{width} {height} {side} {pattern_hash(np.asarray(labels, np.int32)):016x}"


def postprocess_line(width, height, side, low):
    logits = (pattern_bytes(low * low).astype(np.float32) - 128) / 16
    input_size = ResizeLongestSide.get_preprocess_shape(height, width, side)
    masks = torch.from_numpy(logits.reshape(1, 1, low, low))
    out = Sam.postprocess_masks(model_with(side), masks, input_size, (height, width))
    return f"{width} {height} {side} {low} {numbers(out.numpy())}"


def disc():
    y, x = np.mgrid[:30, :40]
    return (((x - 20) ** 2 + (y - 14) ** 2 <= 81) * 255).astype(np.uint8)


def main():
    folder = pathlib.Path(sys.argv[1])
    files = {
        "coords.txt": [line for size in COORD_SIZES for line in coord_lines(*size)],
        "images.txt": [image_line(*size) for size in IMAGE_SIZES],
        "masks.txt": [mask_line(*size) for size in MASK_SIZES],
        "postprocess.txt": [postprocess_line(*size) for size in POSTPROCESS_SIZES],
    }
    for name, lines in files.items():
        (folder / name).write_text("\n".join(lines) + "\n")
    Image.fromarray(disc()).save(folder / "disc.jpg", quality=75)


if __name__ == "__main__":
    main()
