#!/usr/bin/env python3
"""Compare a full-size SAM with random weights with segment-anything or transformers.

usage: check_parity.py --model vit_b|vit_l|vit_h --flavour meta|hf [--build BUILD] [--keep FOLDER]

Writes a checkpoint (up to 2.6 GB) and a picture to a temporary folder or to FOLDER, runs `samcl
encode` and `samcl predict` on them, then the other implementation, and prints a line per result.
Exits with 1 if one is beyond its limit: 1e-4 of the largest magnitude for the embedding, 1e-3 of
their range for mask logits, 1e-4 for IoU scores. Needs torch, segment-anything, transformers,
Pillow, numpy.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
import torch
from PIL import Image
from random_sam import build_hf, build_meta

WIDTH, HEIGHT = 1333, 800  # not square, and reduced by 1024 / 1333
BOX = [210.0, 95.5, 900.0, 610.0]
POINTS = {"point": [(400.0, 300.0, 1)], "two points": [(400.0, 300.0, 1), (1200.5, 60.0, 0)]}
# name, points, with the box, with a mask prompt, multimask
CASES = [
    ("point", "point", False, False, True),
    ("box", None, True, False, True),
    ("box, single", None, True, False, False),
    ("two points", "two points", False, False, True),
    ("box and point", "point", True, False, True),
    ("mask", None, False, True, True),
    ("mask and point", "point", False, True, True),
    ("none", None, False, False, True),
]
LIMITS = {"embedding": 1e-4, "logits": 1e-3, "iou": 1e-4}


def picture():
    """Gradients, stripes, a disc and noise."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float64)
    rng = np.random.default_rng(5)
    red = 255 * x / WIDTH
    green = 127 + 100 * np.sin(x / 23) * np.cos(y / 31)
    blue = np.where(np.hypot(x - 500, y - 350) < 240, 220, 40)
    planes = np.stack([red, green, blue], -1) + rng.normal(0, 12, (HEIGHT, WIDTH, 3))
    return planes.clip(0, 255).astype(np.uint8)


def mask_prompt():
    y, x = np.mgrid[0:256, 0:256].astype(np.float32)
    return (8 * np.sin(x / 37) + 5 * np.cos(y / 21)).astype(np.float32)[None]


def samcl(arguments):
    begin = time.monotonic()
    subprocess.run([str(a) for a in arguments], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - begin


def run_samcl(program, checkpoint, folder):
    common = ["--checkpoint", checkpoint, "--image", folder / "picture.png"]
    seconds = samcl([program, "encode", *common, "--out", folder / "embedding.npy"])
    print(f"samcl encode: {seconds:.1f} s, kernels compiled and weights loaded", flush=True)
    found = {"embedding": np.load(folder / "embedding.npy")}
    for name, points, box, mask, multimask in CASES:
        command = [program, "predict", *common, "--logits", folder / "logits.npy",
                   "--json", folder / "masks.json"]
        for x, y, label in POINTS.get(points, []):
            command += ["--point", f"{x},{y},{label}"]
        if box:
            command += ["--box", ",".join(map(str, BOX))]
        if mask:
            command += ["--mask-prompt", folder / "mask.npy"]
        samcl(command + (["--multimask"] if multimask else []))
        masks = json.loads((folder / "masks.json").read_text())["masks"]
        found[name] = (np.load(folder / "logits.npy"), [m["predicted_iou"] for m in masks])
    return found


def run_meta(sam):
    from segment_anything import SamPredictor

    predictor = SamPredictor(sam)
    predictor.set_image(picture())
    wanted = {"embedding": predictor.get_image_embedding().numpy()}
    for name, points, box, mask, multimask in CASES:
        given = np.array(POINTS[points]) if points else None
        _, iou, logits = predictor.predict(
            point_coords=None if given is None else given[:, :2],
            point_labels=None if given is None else given[:, 2].astype(int),
            box=np.array(BOX) if box else None, mask_input=mask_prompt() if mask else None,
            multimask_output=multimask)
        wanted[name] = (logits, iou)
    return wanted


def run_hf(model):
    from transformers import SamProcessor
    from transformers.models.sam.image_processing_pil_sam import SamImageProcessorPil

    processor = SamProcessor(SamImageProcessorPil())
    image = Image.fromarray(picture())
    with torch.no_grad():
        pixels = processor(image, return_tensors="pt")["pixel_values"]
        embedding = model.get_image_embeddings(pixels)
        wanted = {"embedding": embedding.numpy()}
        for name, points, box, mask, multimask in CASES:
            prompts = {}
            if points:
                prompts["input_points"] = [[[[x, y] for x, y, _ in POINTS[points]]]]
                prompts["input_labels"] = [[[label for _, _, label in POINTS[points]]]]
            if box:
                prompts["input_boxes"] = [[BOX]]
            given = processor(image, return_tensors="pt", **prompts)
            given = {key: given[key] for key in prompts}
            if mask:
                given["input_masks"] = torch.from_numpy(mask_prompt())[None]
            out = model(image_embeddings=embedding, multimask_output=multimask, **given)
            wanted[name] = (out.pred_masks[0, 0].numpy(), out.iou_scores[0, 0].numpy())
    return wanted


def report(name, kind, error, scale):
    passed = error <= LIMITS[kind] * scale
    print(f"{name:16} {kind:10} {error / scale:9.2e} {LIMITS[kind]:9.0e} {scale:9.3g}  "
          f"{'pass' if passed else 'FAIL'}")
    return passed


def compare(found, wanted):
    print(f"{'prompt':16} {'result':10} {'error':>9} {'limit':>9} {'of':>9}")
    gap = np.abs(found["embedding"] - wanted["embedding"]).max()
    good = report("", "embedding", gap, np.abs(wanted["embedding"]).max())
    for name, *_ in CASES:
        logits, iou = (np.asarray(a, np.float64) for a in wanted[name])
        assert found[name][0].shape == logits.shape, f"{found[name][0].shape} != {logits.shape}"
        good &= report(name, "logits", np.abs(found[name][0] - logits).max(), np.ptp(logits))
        good &= report(name, "iou", np.abs(found[name][1] - iou).max(), 1)
    return good


def run(options, folder):
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture()).save(folder / "picture.png")
    np.save(folder / "mask.npy", mask_prompt())
    if options.flavour == "meta":
        model, checkpoint = build_meta(options.model), folder / f"{options.model}.pth"
        torch.save(model.state_dict(), checkpoint)
        wanted = run_meta(model)
    else:
        model, checkpoint = build_hf(options.model), folder / f"{options.model}-hf"
        model.save_pretrained(checkpoint)
        wanted = run_hf(model)
    del model  # before the program loads the same
    found = run_samcl(pathlib.Path(options.build) / "samcl", checkpoint, folder)
    return compare(found, wanted)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", choices=["vit_b", "vit_l", "vit_h"], default="vit_b")
    parser.add_argument("--flavour", choices=["meta", "hf"], default="meta")
    parser.add_argument("--build", default="build")
    parser.add_argument("--keep", type=pathlib.Path)
    options = parser.parse_args()
    print(f"{options.model}, {options.flavour}, {WIDTH}x{HEIGHT}", flush=True)
    if options.keep:
        good = run(options, options.keep)
    else:
        with tempfile.TemporaryDirectory() as folder:
            good = run(options, pathlib.Path(folder))
    sys.exit(not good)


if __name__ == "__main__":
    main()
