#!/usr/bin/env python3
"""Compare the gradients of one training batch with those of segment-anything under autograd.

usage: check_gradients.py [--model vit_b|vit_l|vit_h|small] [--multimask] [--build BUILD]
                          [--keep FOLDER]

Random weights, all of them trained, and one image with two objects: one asked for by a box, the
other by two points and a mask. The loss is the mean over both of bce_with_logits + dice +
0.01 mse_iou on the low-resolution logits of the single mask. With --multimask the other object has
one point alone, and its best of three masks counts, and all three IoU scores. gradient_driver runs the step of samcl
train, then segment-anything's model autograd in float32 (small: float64). Prints a line per
parameter, and exits with 1 if the relative L2 error |found - wanted| / |wanted| of one is over 1e-3,
or if one has a gradient on one side only; a gradient of zeros is none. Softmax does not see a key
projection's bias, so its true gradient is 0: autograd has rounding errors alone, samcl these or none
where it never adds that bias, and their difference is measured by the gradient of the query
projection's bias of the same attention. (The encoder's key biases are a third of qkv.bias, which is
compared as a whole.) Needs torch, segment-anything, transformers, safetensors.
"""

import argparse
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import torch
from make_loss_fixtures import LOSSES
from make_model_fixtures import DECODER_HEADS, build_meta as build_fixture_sam
from random_sam import build_meta, fill
from safetensors.torch import load_file, save_file

LIMIT = 1e-3
# random weights' IoU scores are far off: a small weight keeps them from drowning the masks' part
LOSS_WEIGHTS = {"bce_with_logits": 1, "dice": 1, "mse_iou": 0.01}
BOX = (0.17, 0.2, 0.71, 0.83)  # shares of the image's side
POINTS = ((0.31, 0.62), (0.8, 0.11))
RUN = """\
model: {{checkpoint: {checkpoint}{more}}}
data: {{train: {{images: none, masks: none}}, prompts: [box, {{point: {{count: 1}}}}]}}
adapter: {{use: full}}
losses: [{losses}]
train: {{optimizer: {{type: sgd}}, multimask: {multimask}}}
"""


def build_model(name):
    return fill(build_fixture_sam(), 1) if name == "small" else build_meta(name)


def plane(size, divisor):
    axis = torch.arange(size, dtype=torch.float32) / size
    return torch.sin(divisor * axis)[:, None] + torch.cos((divisor + 3) * axis)[None]


def make_batch(sam):
    """The arrays of scl_batch: one image, two objects, three slots for prompt tokens."""
    size, low = sam.image_encoder.img_size, 4 * sam.prompt_encoder.image_embedding_size[0]
    g = torch.Generator().manual_seed(2)
    planes = torch.stack([plane(size, d) for d in (9, 23, 31)], -1)
    pixels = torch.tensor([BOX[:2], BOX[2:], (0, 0), *POINTS, (0, 0)]) * size
    used = torch.tensor([1, 1, 0, 1, 1, 0], dtype=torch.bool)[:, None]
    y, x = torch.meshgrid(torch.arange(low) / low, torch.arange(low) / low, indexing="ij")
    inside = [(x > BOX[0]) & (x < BOX[2]) & (y > BOX[1]) & (y < BOX[3]),
              torch.hypot(x - POINTS[0][0], y - POINTS[0][1]) < 0.2]
    weight = torch.ones(2, 1, low, low)
    weight[:, :, 7 * low // 8:] = 0  # as the padding of an image that is not square
    prompt = torch.stack([torch.zeros(low, low), 5 * plane(low, 7)])
    return {
        "image": planes[None] + 0.3 * torch.randn(1, size, size, 3, generator=g),
        "coords": torch.where(used, (pixels + 0.5) / size, 0).reshape(2, 3, 2).contiguous(),
        "labels": torch.tensor([[2, 3, -1], [1, 0, 4]], dtype=torch.int32),
        "token_count": torch.tensor([5 + 2, 5 + 3], dtype=torch.int32),
        "mask": prompt[..., None].contiguous(),
        "has_mask": torch.tensor([0.0, 1.0]),
        "target": torch.stack(inside)[:, None].float(),
        "weight": weight,
        "mask_weight": torch.full((2,), 0.5),
    }


def make_ambiguous(batch):
    """The second object is asked for by its first point alone."""
    batch["coords"][1, 1] = 0
    batch["labels"][1] = torch.tensor([1, 4, -1])
    batch["token_count"][1] -= 1
    batch["has_mask"][1] = 0
    return batch


def decode(sam, batch, embedding, index):
    """Logits and IoU scores of the object's masks; half a pixel is added by segment-anything."""
    size = sam.image_encoder.img_size
    pixels = (batch["coords"][index] * size - 0.5).to(embedding.dtype)[None]
    given = {"points": None, "boxes": pixels[:, :2].reshape(1, 4), "masks": None}
    ambiguous = batch["labels"][index].tolist() == [1, 4, -1]
    if ambiguous:
        given = {"points": (pixels[:, :1], batch["labels"][index, :1][None]), "boxes": None,
                 "masks": None}
    elif index == 1:
        labels = batch["labels"][index, :2][None]
        mask = batch["mask"][index].permute(2, 0, 1)[None].to(embedding.dtype)
        given = {"points": (pixels[:, :2], labels), "boxes": None, "masks": mask}
    sparse, dense = sam.prompt_encoder(**given)
    return sam.mask_decoder(
        image_embeddings=embedding, image_pe=sam.prompt_encoder.get_dense_pe(),
        sparse_prompt_embeddings=sparse, dense_prompt_embeddings=dense,
        multimask_output=ambiguous)


def object_loss(logits, iou, given):
    """Of the best of its masks [1, K, H, W]; the IoU scores are judged for all."""
    count = logits.shape[1]
    given = {name: value.expand(count, -1, -1, -1) for name, value in given.items()}
    given["iou"] = iou.reshape(count, 1)
    of_masks = {name: w * LOSSES[name](logits.reshape(count, 1, *logits.shape[2:]), given)
                for name, w in LOSS_WEIGHTS.items()}
    judged = sum(value for name, value in of_masks.items() if name != "mse_iou")
    return judged.min() + of_masks["mse_iou"].mean()


def run_autograd(sam, batch):
    dtype = sam.image_encoder.pos_embed.dtype
    embedding = sam.image_encoder(batch["image"].permute(0, 3, 1, 2).to(dtype))
    loss = 0
    for i in range(2):
        logits, iou = decode(sam, batch, embedding, i)
        given = {name: batch[name][i:i + 1].to(dtype) for name in ("target", "weight")}
        loss = loss + object_loss(logits, iou, given) * batch["mask_weight"][i]
        print(f"logits {logits.min():.3g} to {logits.max():.3g}, above 0: "
              + ", ".join(f"{mask.gt(0).double().mean():.0%}" for mask in logits[0]))
    loss.backward()
    return {"loss": loss.detach().reshape(1)} | {
        name: p.grad if p.grad is not None else torch.zeros_like(p)
        for name, p in sam.named_parameters()}


def run_samcl(options, folder, more):
    losses = ", ".join(f"{{use: {name}, weight: {w}}}" for name, w in LOSS_WEIGHTS.items())
    checkpoint = folder / "weights.safetensors"
    (folder / "run.yaml").write_text(RUN.format(
        checkpoint=checkpoint, more=more, losses=losses, multimask=str(options.multimask).lower()))
    build, out = pathlib.Path(options.build), folder / "gradients.safetensors"
    begin = time.monotonic()
    subprocess.run([build / "tests" / "gradient_driver", folder / "run.yaml",
                    folder / "batch.safetensors", out], check=True,
                   env={**os.environ, "SAMCL_PLUGIN_PATH": str(build.resolve() / "plugins")})
    print(f"samcl: {time.monotonic() - begin:.1f} s, kernels compiled and weights loaded",
          flush=True)
    return load_file(out)


def compare(found, wanted):
    """The error and the norm that measures it per name, and the names without a gradient."""
    norms = {name: float(g.double().norm()) for name, g in wanted.items()}
    errors, scales, none = {}, {}, []
    for name, gradient in wanted.items():
        own = found.pop(name, torch.zeros_like(gradient))
        scales[name] = norms[name.replace(".k_proj.bias", ".q_proj.bias")]
        gap = float((own.double() - gradient.double()).norm())
        given = own.any() or name.endswith(".k_proj.bias")
        if scales[name] == 0 and gap == 0:
            none.append(name)
        elif own.shape != gradient.shape or scales[name] == 0 or not given or math.isnan(gap):
            errors[name] = math.inf
        else:
            errors[name] = gap / scales[name]
    errors |= {name: math.inf for name in found}
    return errors, scales, none


def report(errors, scales, none):
    width = max(map(len, errors))
    def line(name):
        print(f"{name:{width}} {errors[name]:9.2e} {scales.get(name, 0):9.3g}")
    print(f"{'parameter':{width}} {'error':>9} {'of':>9}")
    for name in errors:
        line(name)
    print("\nNo gradient on either side:", *none, sep="\n  ")
    print("\nTrue gradient 0, error relative to the query projection's:",
          *(name for name in errors if name.endswith(".k_proj.bias")), sep="\n  ")
    print("\nWorst ten:")
    worst = sorted(errors, key=errors.get, reverse=True)
    for name in worst[:10]:
        line(name)
    largest = errors[worst[0]]
    print(f"\nlargest error of {len(errors)}: {largest:.2e}, limit {LIMIT:.0e}: "
          f"{'pass' if largest <= LIMIT else 'FAIL'}")
    return largest <= LIMIT


def run(options, folder):
    folder.mkdir(parents=True, exist_ok=True)
    sam = build_model(options.model)
    batch = make_ambiguous(make_batch(sam)) if options.multimask else make_batch(sam)
    weights = {name: tensor.float() for name, tensor in sam.state_dict().items()}
    save_file(weights, folder / "weights.safetensors")
    save_file(batch, folder / "batch.safetensors")
    del sam, weights  # the program and autograd each need gigabytes, one after the other
    more = f", decoder_num_heads: {DECODER_HEADS}" if options.model == "small" else ""
    found = run_samcl(options, folder, more)
    begin = time.monotonic()
    wanted = run_autograd(build_model(options.model), batch)
    print(f"autograd: {time.monotonic() - begin:.1f} s")
    print(f"loss: {found['loss'].item():.7g}, autograd's {wanted['loss'].item():.7g}\n")
    return report(*compare(found, wanted))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", choices=["vit_b", "vit_l", "vit_h", "small"], default="vit_b")
    parser.add_argument("--multimask", action="store_true")
    parser.add_argument("--build", default="build")
    parser.add_argument("--keep", type=pathlib.Path)
    options = parser.parse_args()
    print(f"{options.model}, segment-anything, torch {torch.__version__}", flush=True)
    if options.keep:
        good = run(options, options.keep)
    else:
        with tempfile.TemporaryDirectory() as folder:
            good = run(options, pathlib.Path(folder))
    sys.exit(not good)


if __name__ == "__main__":
    main()
