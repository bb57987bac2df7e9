#!/usr/bin/env python3
"""Make tests/fixtures/plugin/expressions.safetensors: what torch makes of expressions as losses.

usage: make_expression_fixtures.py FOLDER

The file has the form of losses.safetensors (see make_loss_fixtures.py). Python itself reads the
expressions, with ** for ^ and True for true.
"""

import pathlib
import re
import sys

import safetensors.torch
import torch
import torch.nn.functional as F

import make_loss_fixtures as base

SETS = {
    "masks": base.binary_set(21),
    "holes": base.without_some(base.binary_set(22), 30),
    "far": base.saturated(base.binary_set(23), 40),
    "empty": base.empty(base.binary_set(24)),
    "one": base.binary_set(25, 1, 1, 9),
    "classes": base.multiclass_set(26),
    "class_holes": base.without_some(base.multiclass_set(27, 3), 90, True),
}

CASES = {
    "first": ("masks", "0.8*dice(p,t) + 0.2*mean(softplus(x) - x*t)"),
    "first_holes": ("holes", "0.8*dice(p,t) + 0.2*mean(softplus(x) - x*t)"),
    "first_empty": ("empty", "0.8*dice(p,t) + 0.2*mean(softplus(x) - x*t)"),
    "first_one": ("one", "0.8*dice(p,t) + 0.2*mean(softplus(x) - x*t)"),
    "bce_by_logp": ("far", "mean(-t*logp - (1-t)*(logp - x))"),
    "calls": ("holes", "bce(x, t, pos_weight=2.5) + 20 * focal(p, t, alpha=-1, gamma=1.5)"
                       " - mse_iou(p,t)/4"),
    "background": ("holes", "dice(-x, 1-t, smooth=0.5) + bce(x/2 + 0.25, t*0.9 + 0.05)"),
    "tversky": ("holes", "(1 - (sum(p*t) + 1)/(sum(p*t) + 0.3*sum(p*(1-t)) + 0.7*sum((1-p)*t) + 1))"
                         "^0.75"),
    "powers": ("masks", "mean((p - t)^2 + (x - t)^3/100 - 2^-2*(p + 0.5)^-1.5 + (x^2 + 1)^-2)"),
    "signs": ("masks", "-mean(-x^2) - -mean(+p) + 2^3^2/1e3*mean(p)"),
    "order": ("masks", "mean(1 - p - t*2/4 - 3*p/2)"),
    "functions": ("holes", "mean(exp(-abs(x)) + log(p + 1) + sqrt(x^2 + 0.25) + tanh(x)*sigmoid(x)"
                           " + relu(x - 0.1) + gelu(x) + step(x)*p)"),
    "choices": ("holes", "mean(max(p, t*0.3, 0.2) + min(x, 0.7) + clamp(x, -0.5, 1e0)"
                         " + where(x > 0.3, p^2, 2*p) + (t >= 0.5)*p + (x <= -0.2)*x + (x < 1)*p)"),
    "stopped": ("masks", "mean(stop_gradient(p)*x) + (iou - stop_gradient(mean(p)))^2"),
    "masks_only": ("holes", "mean(p)*sum(t)/(sum(w) + 1) + log(1 + sum(p))*iou"),
    "weight": ("holes", "mean(p*w + (1 - w)*1000)"),
    "class_ce": ("classes", "-4*mean(t*logp)"),
    "class_over": ("class_holes", "-mean(over_classes(t*logp)) + dice(p,t)"),
    "class_calls": ("class_holes", "ce(x, t, class_weights=[1, 0.5, 2, 3]) + "
                                   "dice(x*2, t, include_background=false)"),
    "class_brier": ("class_holes", "sum((p - t)^2)/100 + mean(over_classes(p^2))"),
}


def named(s, x):
    """What the names of an expression stand for."""
    many = x.shape[1] > 1
    w = s["weight"]
    if many:
        ids = s["target"].long()
        t = F.one_hot(ids.clamp(min=0), base.CLASSES).permute(0, 3, 1, 2).to(x.dtype)
        t = t * (ids >= 0)[:, None]
    else:
        t = s["target"]
    p = torch.softmax(x, 1) if many else torch.sigmoid(x)

    def total(v):
        return (v * w).sum((1, 2, 3), keepdim=True)

    def mean(v):
        count = w.expand_as(v).sum((1, 2, 3), keepdim=True)
        return total(v) / torch.where(count > 0, count, 1)

    def call(loss):
        def value(prediction, target, **settings):
            logits = x if prediction is p else prediction
            inputs = s if many else {**s, "target": target}
            return loss(logits, inputs, **settings).reshape(-1, 1, 1, 1)
        return value

    def fold(best):
        def value(*values):
            values = [v if torch.is_tensor(v) else torch.tensor(v, dtype=x.dtype) for v in values]
            result = values[0]
            for v in values[1:]:
                result = best(result, v)
            return result
        return value

    losses = {name: call(loss) for name, loss in base.LOSSES.items()}
    return losses | {
        "bce": losses["bce_with_logits"], "ce": losses["cross_entropy"],
        "x": x, "p": p, "t": t, "w": w, "iou": s["iou"][:, :, None, None] if "iou" in s else None,
        "logp": torch.log_softmax(x, 1) if many else F.logsigmoid(x),
        "mean": mean, "sum": total, "over_classes": lambda v: v.sum(1, keepdim=True),
        "exp": torch.exp, "log": torch.log, "sqrt": torch.sqrt, "abs": torch.abs,
        "step": lambda v: (v > 0).to(x.dtype), "sigmoid": torch.sigmoid, "tanh": torch.tanh,
        "softplus": F.softplus, "relu": F.relu, "gelu": F.gelu,
        "stop_gradient": lambda v: v.detach(), "max": fold(torch.maximum),
        "min": fold(torch.minimum), "clamp": torch.clamp, "where": torch.where}


def python(expression):
    return re.sub(r"\bfalse\b", "False", expression.replace("^", "**"))


def main():
    out, lines = {}, []
    for name, inputs in SETS.items():
        out |= {f"{name}.{key}": value.clone() for key, value in inputs.items()}
    for name, (inputs, expression) in CASES.items():
        def loss(x, s):
            return eval(python(expression), {"__builtins__": {}}, named(s, x)).flatten()
        base.LOSSES["expression"] = loss
        lines.append(f'{name} {inputs} [{{expr: "{expression}"}}]\n')
        base.run_case(out, name, SETS[inputs], [{"use": "expression"}])
        del base.LOSSES["expression"]
    path = pathlib.Path(sys.argv[1]) / "expressions.safetensors"
    safetensors.torch.save_file(out, path, {"cases": "".join(lines)})


if __name__ == "__main__":
    main()
