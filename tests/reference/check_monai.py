#!/usr/bin/env python3
"""Compare the losses of make_loss_fixtures.py with MONAI's own, in values and gradients.

usage: check_monai.py        (once with monai 1.2, once with 1.3 or later)

MONAI ignores no pixels, so the sets without holes are compared.
"""

import warnings

import monai
import torch

from make_loss_fixtures import SETS, dice_ce, hausdorff

VERSION = 1.2 if tuple(map(int, monai.__version__.split(".")[:2])) <= (1, 2) else 1.3
BINARY = ("masks", "far", "one")
MULTICLASS = ("classes", "class_far", "class_even", "class_few")


def as_double(inputs):
    return {key: value.double() if value.is_floating_point() else value
            for key, value in inputs.items()}


def compare(name, ours, theirs, inputs):
    gradients = []
    for loss in (lambda x: ours(x, inputs).mean(), lambda x: theirs(x)):
        x = inputs["logits"].detach().clone().requires_grad_()
        value = loss(x)
        gradient, = torch.autograd.grad(value, x)
        gradients.append((value.detach(), gradient))
    (a, da), (b, db) = gradients
    scale = max(float(db.abs().max()), 1e-12)
    gap = max(float((a - b).abs() / b.abs().clamp(min=1e-12)), float((da - db).abs().max()) / scale)
    print(f"{name}: {float(b):.9g}, largest difference {gap:.1e}")
    assert gap < 1e-6, name  # MONAI's distances are float32


def main():
    warnings.simplefilter("ignore")
    print(f"monai {monai.__version__}")
    for name in BINARY + MULTICLASS:
        inputs = as_double(SETS[name])
        many = name in MULTICLASS
        target = inputs["target"][:, None] if many else inputs["target"]
        form = {"softmax": True, "to_onehot_y": True} if many else {"sigmoid": True}
        for squared in (False, True):
            theirs = monai.losses.DiceCELoss(squared_pred=squared, **form)
            compare(f"{name}, DiceCELoss, squared_pred={squared}",
                    lambda x, s: dice_ce(x, s, monai=VERSION, squared_pred=squared),
                    lambda x: theirs(x, target), inputs)
        if hasattr(monai.losses, "HausdorffDTLoss"):
            distance = monai.losses.HausdorffDTLoss(**form)
            compare(f"{name}, HausdorffDTLoss", hausdorff, lambda x: distance(x, target), inputs)


if __name__ == "__main__":
    main()
