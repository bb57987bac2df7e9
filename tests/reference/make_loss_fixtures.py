#!/usr/bin/env python3
"""Make tests/fixtures/plugin/{losses,lora}.safetensors: what torch makes of the losses and of LoRA.

usage: make_loss_fixtures.py FOLDER

losses: sets of inputs SET.{logits,target,weight,iou,mask_weight}, and for each CASE its CASE.parts,
CASE.total, CASE.d_logits and CASE.d_iou. With SET.eligible [M, K] an object has K masks: logits
[M, K, H, W], iou [M, K]; with SET.best it counts by the best of the eligible. The metadata `cases` has a line "CASE SET LOSSES" each,
with the losses as in a run file. All is computed in float64 from the float32 inputs.
"""

import pathlib
import sys

import numpy as np
import safetensors.torch
import scipy.ndimage
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


def soft(inputs, seed):
    """Edges: the object covers parts of pixels."""
    g = torch.Generator().manual_seed(seed)
    inputs["target"] = torch.randint(0, 5, inputs["target"].shape, generator=g) / 4
    return inputs


def blobs(seed, batch=4, height=9, width=12):
    """Discs, a prediction a little beside each; padding on the right; then none, and all."""
    inputs = binary_set(seed, batch, height, width)
    y, x = torch.arange(height)[:, None], torch.arange(width)
    for i in range(batch):
        disc = ((y - 3 - i) ** 2 + (x - 5) ** 2).sqrt()
        inputs["target"][i, 0] = (3.5 - disc).clamp(0, 1)
        inputs["logits"][i, 0] = 2.6 - ((y - 4) ** 2 + (x - 3 - i) ** 2).sqrt()
    inputs["weight"][..., 10:] = 0
    inputs["target"][..., 10:] = 0
    inputs["target"][2] = 0
    inputs["target"][3] = 1
    inputs["logits"][3, 0] = 2 - inputs["logits"][3, 0].abs()
    return inputs


def candidates(seed, eligible, best):
    inputs = without_some(binary_set(seed, len(eligible), 5, 4), seed)
    g = torch.Generator().manual_seed(seed + 1)
    shape = (len(eligible), len(eligible[0]))
    inputs["logits"] = torch.randn(*shape, 5, 4, generator=g) * 2
    inputs["iou"] = torch.rand(shape, generator=g)
    inputs["eligible"] = torch.tensor(eligible).float()
    return inputs | ({"best": torch.ones(1)} if best else {})


SETS = {
    "masks": binary_set(1),
    "holes": without_some(binary_set(2), 20),
    "far": saturated(binary_set(3)),
    "extreme": saturated(binary_set(12), 1e4),
    "empty": empty(binary_set(4)),
    "soft": soft(without_some(binary_set(14), 140), 141),
    "blobs": blobs(15),
    "one": binary_set(5, 1, 1, 9),
    "classes": multiclass_set(6),
    "class_holes": without_some(multiclass_set(7, 3), 70, True),
    "class_far": saturated(multiclass_set(8)),
    "class_extreme": saturated(multiclass_set(13), 1e4),
    "class_void": void(multiclass_set(9)),
}
AMBIGUOUS, CLEAR = [0, 1, 1, 1], [1, 0, 0, 0]
SETS["ambiguous"] = candidates(17, [AMBIGUOUS, CLEAR, AMBIGUOUS], True)
SETS["same"] = candidates(19, [AMBIGUOUS, AMBIGUOUS], True)
SETS["same"]["logits"][0, 3] = SETS["same"]["logits"][0, 2] = SETS["same"]["logits"][0, 1]
SETS["same"]["target"][1] = SETS["same"]["weight"][1] = 0
SETS["supervised"] = candidates(21, [[1, 1, 1]] * 2, False)
SETS["class_part"] = multiclass_set(23, 3)
SETS["class_part"]["target"][2], SETS["class_part"]["weight"][2] = -1, 0
SETS["class_part"]["mask_weight"] = torch.tensor([0.5, 0.5, 0])
SETS["class_few"] = multiclass_set(16, 2, 6, 7)
SETS["class_few"]["target"] %= 2
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
    "log_cosh_dice": ("holes", "[{use: log_cosh_dice, params: {smooth: 0.5}}]"),
    "log_cosh_dice_empty": ("empty", "[{use: log_cosh_dice}]"),
    "sam": ("holes", "[{use: focal, weight: 20}, {use: dice}, {use: mse_iou, weight: 0.5}, "
                     "{use: bce_with_logits, weight: 0}]"),
    "sam_best": ("ambiguous", "[{use: focal, weight: 20}, {use: dice}, {use: mse_iou}]"),
    "sam_same": ("same", "[{use: mse_iou, weight: 2}, {use: bce_with_logits}, {use: dice}]"),
    "best_of_batch": ("ambiguous", "[{use: structure, params: {weighting: released}}, "
                                   "{use: balanced_bce, weight: 0}, {use: lovasz}]"),
    "supervised": ("supervised", "[{use: bce_with_logits, weight: 2}, {use: mse_iou}, "
                                 "{use: balanced_bce}]"),
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
    "ce_part": ("class_part", "[{use: cross_entropy}]"),
    "ce_void": ("class_void", "[{use: cross_entropy}]"),
    "iou_loss": ("masks", "[{use: iou}]"),
    "iou_soft": ("soft", "[{use: iou, params: {smooth: 0.01}}]"),
    "iou_far": ("far", "[{use: iou}]"),
    "iou_none": ("empty", "[{use: iou}]"),
    "tversky_focal": ("soft", "[{use: tversky, params: {gamma: 1.3333333333333333}}]"),
    "tversky_far": ("far", "[{use: tversky, params: {gamma: 2, smooth: 0.5}}]"),
    "lovasz": ("masks", "[{use: lovasz}]"),
    "lovasz_holes": ("holes", "[{use: lovasz}]"),
    "lovasz_soft": ("soft", "[{use: lovasz}]"),
    "lovasz_far": ("far", "[{use: lovasz}]"),
    "lovasz_empty": ("empty", "[{use: lovasz}]"),
    "lovasz_one": ("one", "[{use: lovasz}]"),
    "lovasz_blobs": ("blobs", "[{use: lovasz}]"),
    "structure": ("blobs", "[{use: structure, params: {kernel: 5}}]"),
    "structure_soft": ("soft", "[{use: structure, params: {boost: 2.5, weighting: true}}]"),
    "structure_empty": ("empty", "[{use: structure}]"),
    "structure_far": ("far", "[{use: structure, params: {kernel: 1}}]"),
    "structure_released": ("masks", "[{use: structure, params: {weighting: released}}]"),
    "structure_released_holes": ("soft", "[{use: structure, params: {weighting: released, "
                                         "kernel: 3}}]"),
    "structure_released_empty": ("empty", "[{use: structure, params: {weighting: released}}]"),
    "balanced": ("masks", "[{use: balanced_bce}]"),
    "balanced_soft": ("soft", "[{use: balanced_bce}]"),
    "balanced_far": ("far", "[{use: balanced_bce}]"),
    "balanced_empty": ("empty", "[{use: balanced_bce}]"),
    "boundary": ("blobs", "[{use: boundary}]"),
    "boundary_holes": ("holes", "[{use: boundary}]"),
    "boundary_empty": ("empty", "[{use: boundary}]"),
    "boundary_one": ("one", "[{use: boundary}]"),
    "hausdorff": ("blobs", "[{use: hausdorff}]"),
    "hausdorff_holes": ("soft", "[{use: hausdorff, params: {alpha: 1.5}}]"),
    "hausdorff_far": ("far", "[{use: hausdorff}]"),
    "hausdorff_empty": ("empty", "[{use: hausdorff}]"),
    "dice_ce": ("masks", "[{use: dice_ce}]"),
    "dice_ce_squared": ("soft", "[{use: dice_ce, params: {squared_pred: true, lambda_ce: 0.5}}]"),
    "dice_ce_1_2": ("masks", "[{use: dice_ce, params: {monai: 1.2, squared_pred: true}}]"),
    "dice_ce_far": ("far", "[{use: dice_ce, params: {lambda_dice: 2}}]"),
    "dice_ce_empty": ("empty", "[{use: dice_ce}]"),
    "extreme_family": ("extreme", "[{use: iou}, {use: tversky, params: {gamma: 1.5}}, "
                                  "{use: lovasz}, {use: structure}, {use: balanced_bce}, "
                                  "{use: boundary}, {use: hausdorff}, {use: dice_ce}]"),
    "class_iou": ("class_holes", "[{use: iou}]"),
    "class_tversky": ("class_holes", "[{use: tversky, params: {gamma: 1.5, "
                                     "include_background: false}}]"),
    "class_lovasz": ("classes", "[{use: lovasz}]"),
    "class_lovasz_all": ("class_holes", "[{use: lovasz, params: {classes: all}}]"),
    "class_lovasz_present": ("class_few", "[{use: lovasz, params: {include_background: false}}]"),
    "class_lovasz_void": ("class_void", "[{use: lovasz}]"),
    "class_boundary": ("class_holes", "[{use: boundary}]"),
    "class_hausdorff": ("class_few", "[{use: hausdorff, params: {include_background: true}}]"),
    "class_dice_ce": ("class_holes", "[{use: dice_ce}]"),
    "class_dice_ce_1_2": ("class_even", "[{use: dice_ce, params: {monai: 1.2, squared_pred: true, "
                                        "include_background: false}}]"),
    "class_extreme_family": ("class_extreme", "[{use: iou}, {use: tversky}, {use: lovasz}, "
                                              "{use: boundary}, {use: hausdorff}, {use: dice_ce}]"),
    "class_void_family": ("class_void", "[{use: iou}, {use: tversky}, {use: boundary}, "
                                        "{use: hausdorff}, {use: dice_ce}]"),
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


def regions(x, s, include_background=True):
    """Probabilities and truth as [B, C, H, W]."""
    if x.shape[1] == 1:
        return torch.sigmoid(x), s["target"]
    ids = s["target"].long()
    hot = F.one_hot(ids.clamp(min=0), CLASSES).permute(0, 3, 1, 2)
    hot = hot.to(x.dtype) * (ids >= 0)[:, None]
    first = 0 if include_background else 1
    return torch.softmax(x, 1)[:, first:], hot[:, first:]


def sums(pixels, s):
    """Of each mask and class, over the pixels that count."""
    return (pixels * s["weight"]).sum((2, 3))


def dice(x, s, smooth=1.0, include_background=True):
    p, t = regions(x, s, include_background)
    return (1 - (2 * sums(p * t, s) + smooth) / (sums(p + t, s) + smooth)).mean(1)


def log_cosh_dice(x, s, smooth=1.0):
    return torch.log(torch.cosh(dice(x, s, smooth)))


def iou(x, s, smooth=1.0, include_background=True):
    p, t = regions(x, s, include_background)
    return (1 - (sums(p * t, s) + smooth) / (sums(p + t - p * t, s) + smooth)).mean(1)


def tversky(x, s, alpha=0.3, beta=0.7, gamma=1.0, smooth=1.0, include_background=True):
    p, t = regions(x, s, include_background)
    hit, invented, missed = (sums(v, s) for v in (p * t, p * (1 - t), (1 - p) * t))
    index = (hit + smooth) / (hit + alpha * invented + beta * missed + smooth)
    loss = 1 - index if gamma == 1 else (1 - index).clamp(min=1e-7) ** (1 / gamma)
    return loss.mean(1)


def lovasz_grad(truth_sorted):
    """Algorithm 1 of the paper, as lovasz_losses.py has it."""
    objects = truth_sorted.sum()
    intersection = objects - truth_sorted.cumsum(0)
    union = objects + (1 - truth_sorted).cumsum(0)
    jaccard = 1 - intersection / union
    return torch.diff(jaccard, prepend=torch.zeros_like(jaccard[:1]))


def lovasz_flat(errors, truth):
    """Of the pixels that count alone; 0 without any."""
    if len(errors) == 0:
        return errors.sum()
    errors_sorted, order = torch.sort(errors, descending=True, stable=True)
    return torch.dot(F.relu(errors_sorted), lovasz_grad(truth[order]))


def lovasz(x, s, classes="present", include_background=True):
    p, t = regions(x, s, include_background)
    values = []
    for i in range(len(x)):
        counts, of_classes = s["weight"][i, 0] > 0, []
        for c in range(p.shape[1]):
            truth = (t[i, c][counts] > 0.5).to(x.dtype)
            if x.shape[1] == 1:
                errors = 1 - x[i, 0][counts] * (2 * truth - 1)
            else:
                errors = (truth - p[i, c][counts]).abs()
                if classes == "present" and truth.sum() == 0:
                    continue
            of_classes.append(lovasz_flat(errors, truth))
        values.append(torch.stack(of_classes).mean() if of_classes else x[i].sum() * 0)
    return torch.stack(values)


def share_of_batch(of_masks, s):
    """What a mask adds to sum(of_masks) / pixels, times the masks that have pixels."""
    pixels = s["weight"].sum((1, 2, 3))
    return of_masks * (pixels > 0).sum() / pixels.sum().clamp(min=1)


def structure(x, s, kernel=31, boost=5.0, weighting=True):
    t, count = s["target"] * s["weight"], s["weight"]
    local = F.avg_pool2d(t, kernel, stride=1, padding=kernel // 2)
    w = (1 + boost * (local - t).abs()) * count
    bce = F.binary_cross_entropy_with_logits(x, t, reduction="none")
    if weighting == "released":
        bce = share_of_batch((bce * count).sum((1, 2, 3)), s)
        if (count > 0).all():
            plain = F.binary_cross_entropy_with_logits(x, t)
            assert torch.allclose(bce.mean(), plain, rtol=1e-12)
    else:
        bce = mean_over(bce, w)
    p = torch.sigmoid(x)
    both, either = (p * t * w).sum((1, 2, 3)), ((p + t) * w).sum((1, 2, 3))
    return bce + 1 - (both + 1) / (either - both + 1)


def balanced_bce(x, s):
    t, w = s["target"], s["weight"]
    positive, negative = (t * w).sum() + 1e-10, ((1 - t) * w).sum()
    total = positive + negative
    bce = F.binary_cross_entropy_with_logits(x, t, pos_weight=negative / positive,
                                             reduction="none")
    value = share_of_batch((positive / total * bce * w).sum((1, 2, 3)), s)
    if (w > 0).all():
        plain = F.binary_cross_entropy_with_logits(x, t, pos_weight=negative / positive)
        assert torch.allclose(value.mean(), positive / total * plain, rtol=1e-12)
    return value


def distance_to(mask):
    """[H, W]: of each pixel to the nearest of the mask; 0 without one."""
    edt = scipy.ndimage.distance_transform_edt
    return edt(~mask) if mask.any() else np.zeros(mask.shape)


def distance_maps(share, s, of):
    """of(distance to the inside, to the outside, inside) for each plane of [B, C, H, W]."""
    maps = torch.zeros_like(share)
    for i, c in np.ndindex(*share.shape[:2]):
        counts = (s["weight"][i, 0] > 0).numpy()
        inside = (share[i, c].detach() > 0.5).numpy() & counts
        maps[i, c] = torch.from_numpy(
            of(distance_to(inside), distance_to(counts & ~inside), inside))
    return maps


def boundary(x, s, include_background=False):
    """utils.one_hot2dist: distance(neg) neg - (distance(pos) - 1) pos; 0 for one side alone."""
    p, t = regions(x, s, include_background)
    phi = distance_maps(t, s, lambda far, depth, inside:
                        far * ~inside - np.maximum(depth - 1, 0) * inside)
    return mean_over((p * phi).mean(1, keepdim=True), s["weight"])


def hausdorff(x, s, alpha=2.0, include_background=False):
    p, t = regions(x, s, include_background)
    fields = [distance_maps(share, s, lambda far, depth, inside: far * ~inside + depth * inside)
              for share in (p, t)]
    pixels = (p - t) ** 2 * (fields[0] ** alpha + fields[1] ** alpha)
    return mean_over(pixels.mean(1, keepdim=True), s["weight"])


def dice_ce(x, s, monai=1.3, squared_pred=False, include_background=True, smooth_nr=1e-5,
            smooth_dr=1e-5, lambda_dice=1.0, lambda_ce=1.0):
    p, t = regions(x, s, include_background)
    areas = sums(p ** 2 + t ** 2 if squared_pred else p + t, s)
    value = (1 - (2 * sums(p * t, s) + smooth_nr) / (areas + smooth_dr)).mean(1)
    if x.shape[1] > 1:
        _, hot = regions(x, s)
        ce = -(hot * torch.log_softmax(x, 1)).sum(1, keepdim=True)
    elif monai == 1.3:
        ce = F.binary_cross_entropy_with_logits(x, t, reduction="none")
    else:  # CrossEntropyLoss over one channel
        ce = -(t * torch.log_softmax(x, 1))
    return lambda_dice * value + lambda_ce * mean_over(ce, s["weight"])


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
    images = (s["weight"] > 0).any(3).any(2).sum()
    value = images * of_image / torch.where(counted > 0, counted, 1)
    if counted > 0:
        mean = value.sum() / images
        assert torch.allclose(mean, F.cross_entropy(x, ids, **options), rtol=1e-12)
    return value


LOSSES = {"bce_with_logits": bce_with_logits, "focal": focal, "dice": dice, "mse_iou": mse_iou,
          "tversky": tversky, "cross_entropy": cross_entropy, "iou": iou, "lovasz": lovasz,
          "structure": structure, "balanced_bce": balanced_bce, "boundary": boundary,
          "hausdorff": hausdorff, "dice_ce": dice_ce, "log_cosh_dice": log_cosh_dice}


def as_masks(s):
    """The inputs of losses when an object has several masks: each is one."""
    objects, count = s["eligible"].shape
    each = {key: s[key].repeat_interleave(count, 0) for key in ("target", "weight")}
    return each | {"logits": s["logits"].reshape(objects * count, 1, *s["logits"].shape[2:]),
                   "iou": s["iou"].reshape(objects * count, 1)}


def shares(s, losses, values):
    """What each mask of an object counts, for each loss: of all alike, or of the best alone."""
    eligible = s["eligible"]
    alike = eligible / eligible.sum(1, keepdim=True)
    if "best" not in s:
        return [alike] * len(losses)
    judged = [loss.get("weight", 1) * value.detach() for loss, value in zip(losses, values)
              if loss["use"] != "mse_iou"]
    best = sum(judged).masked_fill(eligible == 0, torch.inf).argmin(1)
    best = F.one_hot(best, eligible.shape[1]).to(alike.dtype)
    return [alike if loss["use"] == "mse_iou" else best for loss in losses]


def run_case(out, name, inputs, losses):
    s = {key: value.double() if value.is_floating_point() else value
         for key, value in inputs.items()}
    for key in ("logits", "iou"):
        if key in s:
            s[key].requires_grad_()
    several = "eligible" in s
    masks = as_masks(s) if several else s
    values = [LOSSES[loss["use"]](masks["logits"], masks, **loss.get("params", {}))
              for loss in losses]
    if several:
        values = [value.reshape(s["eligible"].shape) for value in values]
        values = [(value * share).sum(1)
                  for value, share in zip(values, shares(s, losses, values))]
    parts = [(value * s["mask_weight"]).sum() for value in values]
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
