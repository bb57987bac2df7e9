"""Losses of trainings of a small SAM by transformers and PyTorch, for tests/train/test_adamw_parity.c.

The weights are those of make_model_fixtures.py. Batches are made of the same pattern on both sides:
two images with two boxes each, whose targets are the boxes' pixels. Run in the project's root:
python tests/reference/make_adamw_fixtures.py
Needs torch, transformers, segment-anything, numpy, safetensors.
"""

import pathlib
from unittest import mock

import numpy as np
import torch
from make_model_fixtures import IMAGE, build_hf, fill, hf_names
from pattern import pattern_floats
from safetensors.numpy import save_file
from transformers import get_cosine_schedule_with_warmup

OUT = pathlib.Path("tests/fixtures/train/losses.safetensors")
BATCHES, IMAGES, OBJECTS = 8, 2, 2
WARMUP, MAX_GRAD_NORM, BCE_WEIGHT = 5, 1.0, 20
RUNS = {
    "adamw": (50, lambda m, p: [torch.optim.AdamW(p, lr=1e-2, weight_decay=0.1)]),
    "sgd": (10, lambda m, p: [torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True,
                                              weight_decay=0.01)]),
    "adam": (10, lambda m, p: [torch.optim.Adam(p, lr=1e-2, weight_decay=0.01)]),
    "muon": (20, lambda m, p: muon(m, p, lr=1e-2, weight_decay=0.1)),
}


def muon(model, trained, **settings):
    """Muon for the weights of linear layers, AdamW for all else."""
    matrices = {m.weight for m in model.modules() if isinstance(m, torch.nn.Linear)}
    return [torch.optim.Muon([p for p in trained if p in matrices],
                             adjust_lr_fn="match_rms_adamw", **settings),
            torch.optim.AdamW([p for p in trained if p not in matrices], **settings)]


def batch_of(step):
    index = step % BATCHES
    pixels = pattern_floats(f"image{index}", (IMAGES, IMAGE, IMAGE, 3))
    u = pattern_floats(f"boxes{index}", (IMAGES, OBJECTS, 4))
    corner = 2 + 6 * (u[..., :2] + 1)
    boxes = np.concatenate([corner, corner + 4 + 6 * (u[..., 2:] + 1)], -1)
    centres = np.arange(IMAGE) + 0.5
    inside = (centres >= boxes[..., :2, None]) & (centres <= boxes[..., 2:, None])
    targets = inside[..., 1, :, None] & inside[..., 0, None, :]
    return [torch.from_numpy(np.ascontiguousarray(a).astype(np.float64))
            for a in (pixels.transpose(0, 3, 1, 2), boxes, targets)]


def loss_of(logits, targets):
    """The plugins bce_with_logits and dice, as means over the masks."""
    bce = torch.nn.functional.binary_cross_entropy_with_logits(logits, targets)
    p = logits.sigmoid()
    overlap, areas = (p * targets).sum((-2, -1)), (p + targets).sum((-2, -1))
    return BCE_WEIGHT * bce + (1 - (2 * overlap + 1) / (areas + 1)).mean()


def train(steps, make_optimizer, dtype):
    model = build_hf()
    fill(model, hf_names(model))
    model.to(dtype).train()
    trained = [p for name, p in model.named_parameters() if "positional_embedding" not in name]
    optimizers = make_optimizer(model, trained)
    schedules = [get_cosine_schedule_with_warmup(o, WARMUP, steps) for o in optimizers]
    losses, norms = [], []
    for step in range(steps):
        pixels, boxes, targets = (a.to(dtype) for a in batch_of(step))
        out = model(pixel_values=pixels, input_boxes=boxes, multimask_output=False)
        loss = loss_of(out.pred_masks[:, :, 0], targets)
        model.zero_grad()
        loss.backward()
        norms.append(float(torch.nn.utils.clip_grad_norm_(trained, MAX_GRAD_NORM)))
        # Muon rounds to torch.bfloat16: here that is the training's own type
        with mock.patch.object(torch, "bfloat16", dtype):
            for part in optimizers + schedules:
                part.step()
        losses.append(loss.item())
    return np.array(losses), np.array(norms)


def main():
    out = {}
    for name, (steps, make_optimizer) in RUNS.items():
        losses, norms = train(steps, make_optimizer, torch.float64)
        single, _ = train(steps, make_optimizer, torch.float32)
        print(f"{name}: loss {losses[0]:.4f} .. {losses[-1]:.4f}, gradient norms {norms.min():.2f} "
              f"to {norms.max():.2f}; float32 is off by {np.abs(single - losses).max():.1e}")
        out[f"{name}.loss"], out[f"{name}.grad_norm"] = losses, norms
    OUT.parent.mkdir(parents=True, exist_ok=True)
    save_file({key: value.astype(np.float32) for key, value in out.items()}, OUT)
    OUT.chmod(0o644)


if __name__ == "__main__":
    main()
