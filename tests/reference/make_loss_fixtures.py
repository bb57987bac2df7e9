#!/usr/bin/env python3
"""Make tests/fixtures/plugin/{losses,lora}.safetensors: what torch makes of the losses and of LoRA.

usage: make_loss_fixtures.py FOLDER

losses: sets of inputs SET.{logits,target,weight,iou,mask_weight}, and for each CASE its CASE.parts,
CASE.total, CASE.d_logits and CASE.d_iou; the metadata `cases` has a line "CASE SET LOSSES" each,
with the losses as in a run file. All is computed in float64 from the float32 inputs.
"""

import pathlib
import sys

import safetensors.torch
import torch
import torch.nn.functional as F
import yaml

CLASSES = 4


def binary_set(seed, batch=3, height=7, width=5):
    g = torch.Generator().manual_seed(seed)
    shape = (batch, 1, height, width)
    return {
        "logits": torch.randn(shape, generator=g) * 2,
        "target": (torch.rand(shape, generator=g) < 0.4).float(),
        "weight": torch.ones(shape),
        "iou": torch.rand(batch, 1, generator=g),
        "mask_weight": torch.rand(batch, generator=g) + 0.1,
    }


def multiclass_set(seed, batch=2, height=5, width=3):
    g = torch.Generator().manual_seed(seed)
    ids = torch.randint(0, CLASSES, (batch, height, width), generator=g, dtype=torch.int32)
    return {
        "logits": torch.randn(batch, CLASSES, height, width, generator=g) * 2,
        "target": ids,
        "weight": torch.ones(batch, 1, height, width),
        "mask_weight": torch.rand(batch, generator=g) + 0.1,
    }


def without_some(inputs, seed, void_id=False):
    """Some pixels do not count; for classes they are -1, as the loader leaves them."""
    g = torch.Generator().manual_seed(seed)
    inputs["weight"] = (torch.rand(inputs["weight"].shape, generator=g) < 0.6).float()
    if void_id:
        inputs["target"][inputs["weight"][:, 0] == 0] = -1
    return inputs


def saturated(inputs, logit=100):
    inputs["logits"] = inputs["logits"].sign() * logit
    inputs["logits"].flatten()[::7] = 0.25
    return inputs


def empty(inputs):
    """Mask 0 has no object, mask 1 no pixel that counts, mask 2 is all object."""
    inputs["target"][0] = 0
    inputs["weight"][1] = 0
    inputs["target"][2] = 1
    return inputs


def void(inputs):
    inputs["weight"][:] = 0
    inputs["target"][:] = -1
    return inputs


SETS = {
    "masks": binary_set(1),
    "holes": without_some(binary_set(2), 20),
    "far": saturated(binary_set(3)),
    "extreme": saturated(binary_set(12), 1e4),
    "empty": empty(binary_set(4)),
    "one": binary_set(5, 1, 1, 9),
    "classes": multiclass_set(6),
    "class_holes": without_some(multiclass_set(7, 3), 70, True),
    "class_far": saturated(multiclass_set(8)),
    "class_extreme": saturated(multiclass_set(13), 1e4),
    "class_void": void(multiclass_set(9)),
}
SETS["class_even"] = {**multiclass_set(10, 3), "mask_weight": torch.full((3,), 1 / 3)}

WEIGHTS = "class_weights: [0.5, 2, 1, 0.1]"
CASES = {
    "bce": ("masks", "[{use: bce_with_logits}]"),
    "bce_pos": ("holes", "[{use: bce_with_logits, params: {pos_weight: 2.5}}]"),
    "bce_far": ("far", "[{use: bce_with_logits, params: {pos_weight: 3}}]"),
    "bce_empty": ("empty", "[{use: bce_with_logits}]"),
    "dice": ("masks", "[{use: dice}]"),
    "dice_smooth": ("holes", "[{use: dice, params: {smooth: 0.001}}]"),
    "dice_far": ("far", "[{use: dice}]"),
    "dice_empty": ("empty", "[{use: dice}]"),
    "focal": ("masks", "[{use: focal}]"),
    "focal_holes": ("holes", "[{use: focal, params: {alpha: 0.7, gamma: 3.5}}]"),
    "focal_flat": ("one", "[{use: focal, params: {alpha: -1, gamma: 0.5}}]"),
    "focal_far": ("far", "[{use: focal}]"),
    "focal_bce": ("far", "[{use: focal, params: {alpha: -1, gamma: 0}}]"),
    "focal_empty": ("empty", "[{use: focal}]"),
    "iou": ("holes", "[{use: mse_iou}]"),
    "iou_empty": ("empty", "[{use: mse_iou}]"),
    "tversky": ("holes", "[{use: tversky, params: {alpha: 0.2, beta: 0.9, smooth: 0.5}}]"),
    "tversky_empty": ("empty", "[{use: tversky}]"),
    "sam": ("holes", "[{use: focal, weight: 20}, {use: dice}, {use: mse_iou, weight: 0.5}, "
                     "{use: bce_with_logits, weight: 0}]"),
    "extreme": ("extreme", "[{use: bce_with_logits, params: {pos_weight: 3}}, {use: focal}, "
                           "{use: dice}, {use: mse_iou}]"),
    "ce": ("classes", "[{use: cross_entropy}]"),
    "ce_even": ("class_even", "[{use: cross_entropy, params: {%s, label_smoothing: 0.2}}]" % WEIGHTS),
    "ce_holes": ("class_holes", "[{use: cross_entropy, params: {%s, ignore_index: 2}}]" % WEIGHTS),
    "ce_smooth": ("class_holes", "[{use: cross_entropy, params: {%s, ignore_index: 1, "
                                 "label_smoothing: 0.1}}]" % WEIGHTS),
    "ce_far": ("class_far", "[{use: cross_entropy, params: {label_smoothing: 0.1}}]"),
    "ce_extreme": ("class_extreme", "[{use: cross_entropy, params: {label_smoothing: 0.1}}, "
                                    "{use: dice}]"),
    "ce_void": ("class_void", "[{use: cross_entropy}]"),
    "class_dice": ("class_holes", "[{use: dice}]"),
    "class_dice_front": ("class_far", "[{use: dice, params: {include_background: false}}]"),
    "class_dice_void": ("class_void", "[{use: dice}]"),
}


def mean_over(pixels, weight):
    total = weight.sum((1, 2, 3))
    return (pixels * weight).sum((1, 2, 3)) / torch.where(total > 0, total, 1)


def bce_with_logits(x, s, pos_weight=1.0):
    scale = torch.tensor(float(pos_weight), dtype=x.dtype)
    pixels = F.binary_cross_entropy_with_logits(x, s["target"], pos_weight=scale, reduction="none")
    return mean_over(pixels, s["weight"])


def focal(x, s, alpha=0.25, gamma=2.0):
    """torchvision.ops.sigmoid_focal_loss, line by line."""
    t, p = s["target"], torch.sigmoid(x)
    loss = F.binary_cross_entropy_with_logits(x, t, reduction="none")
    p_t = p * t + (1 - p) * (1 - t)
    loss = loss * (1 - p_t) ** gamma
    if alpha >= 0:
        loss = (alpha * t + (1 - alpha) * (1 - t)) * loss
    return mean_over(loss, s["weight"])


def dice(x, s, smooth=1.0, include_background=True):
    t = s["target"]
    if x.shape[1] > 1:
        ids = t.long()
        hot = F.one_hot(ids.clamp(min=0), CLASSES).permute(0, 3, 1, 2)
        t = hot.to(x.dtype) * (ids >= 0)[:, None]
        p = torch.softmax(x, 1)
        if not include_background:
            p, t = p[:, 1:], t[:, 1:]
    else:
        p = torch.sigmoid(x)
    w = s["weight"]
    both, areas = (p * t * w).sum((2, 3)), ((p + t) * w).sum((2, 3))
    return (1 - (2 * both + smooth) / (areas + smooth)).mean(1)


def tversky(x, s, alpha=0.3, beta=0.7, smooth=1.0):
    p, t, w = torch.sigmoid(x), s["target"], s["weight"]
    hit, invented, missed = ((v * w).sum((1, 2, 3)) for v in (p * t, p * (1 - t), (1 - p) * t))
    return 1 - (hit + smooth) / (hit + alpha * invented + beta * missed + smooth)


def mse_iou(x, s):
    inside, t = (x > 0) & (s["weight"] > 0), (s["target"] > 0) & (s["weight"] > 0)
    both, either = (inside & t).sum((1, 2, 3)), (inside | t).sum((1, 2, 3))
    iou = both / either.clamp(min=1).to(x.dtype)
    return (s["iou"][:, 0] - iou) ** 2


def cross_entropy(x, s, class_weights=None, ignore_index=None, label_smoothing=0.0):
    ids = s["target"].long()
    ids[s["weight"][:, 0] == 0] = -100
    ids[ids == -1] = -100
    if ignore_index is not None:
        ids[ids == ignore_index] = -100
    row = torch.tensor(class_weights or [1.0] * CLASSES, dtype=torch.float32).to(x.dtype)
    options = {"weight": row, "label_smoothing": label_smoothing}
    counted = torch.where(ids >= 0, row[ids.clamp(min=0)], 0).sum()
    of_image = F.cross_entropy(x, ids, reduction="none", **options).sum((1, 2))
    value = len(x) * of_image / torch.where(counted > 0, counted, 1)
    if counted > 0:
        assert torch.allclose(value.mean(), F.cross_entropy(x, ids, **options), rtol=1e-12)
    return value


LOSSES = {"bce_with_logits": bce_with_logits, "focal": focal, "dice": dice, "mse_iou": mse_iou,
          "tversky": tversky, "cross_entropy": cross_entropy}


def run_case(out, name, inputs, losses):
    s = {key: value.double() if value.is_floating_point() else value
         for key, value in inputs.items()}
    x = s["logits"].requires_grad_()
    if "iou" in s:
        s["iou"].requires_grad_()
    parts = [(LOSSES[loss["use"]](x, s, **loss.get("params", {})) * s["mask_weight"]).sum()
             for loss in losses]
    total = sum(loss.get("weight", 1) * part for loss, part in zip(losses, parts))
    total.backward()
    out[f"{name}.parts"] = torch.stack(parts).detach().float()
    out[f"{name}.total"] = total.detach().float().reshape(1)
    for key in ("logits", "iou"):
        if key in s:
            grad = s[key].grad if s[key].grad is not None else torch.zeros_like(s[key])
            assert torch.isfinite(grad).all(), name
            out[f"{name}.d_{key}"] = grad.float()


def losses_file():
    out, lines = {}, []
    for name, inputs in SETS.items():
        out |= {f"{name}.{key}": value.clone() for key, value in inputs.items()}
    for name, (inputs, losses) in CASES.items():
        lines.append(f"{name} {inputs} {losses}\n")
        run_case(out, name, SETS[inputs], yaml.safe_load(losses))
    return out, {"cases": "".join(lines)}


def lora_file(rank=3, alpha=6.0, rows=(2, 5), size_in=7, size_out=11):
    g = torch.Generator().manual_seed(11)
    t = {"x": torch.randn(*rows, size_in, generator=g),
         "weight": torch.randn(size_out, size_in, generator=g),
         "bias": torch.randn(size_out, generator=g),
         "lora_A": torch.randn(rank, size_in, generator=g),
         "lora_B": torch.randn(size_out, rank, generator=g)}
    v = {key: value.double().requires_grad_() for key, value in t.items()}
    down = F.linear(v["x"], v["lora_A"])
    y = F.linear(v["x"], v["weight"], v["bias"]) + alpha / rank * F.linear(down, v["lora_B"])
    t["dy"] = torch.randn(y.shape, generator=g)
    (y * t["dy"]).sum().backward()
    t["y"] = y.detach().float()
    return t | {f"d_{key}": v[key].grad.float() for key in ("x", "lora_A", "lora_B")}


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    losses, metadata = losses_file()
    safetensors.torch.save_file(losses, folder / "losses.safetensors", metadata)
    safetensors.torch.save_file(lora_file(), folder / "lora.safetensors")


if __name__ == "__main__":
    main()
