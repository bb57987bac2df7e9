#!/usr/bin/env python3
"""Make tests/fixtures/plugin/conv_lora.safetensors: what AutoGluon's own classes make of Conv-LoRA.

usage: make_conv_lora_fixtures.py FOLDER WHEEL

WHEEL is autogluon.multimodal's (pip download autogluon.multimodal --no-deps), of which only
models/adaptation_layers.py is loaded. Inputs come from pattern.py by their names, in the test too;
stored are, for each CASE, CASE.y, CASE.balance and the gradients CASE.d_NAME of sum(y dy) + balance.
The cases of `paper` are computed here from the same modules: AutoGluon has no such mode.

sam.*: a small SAM's image encoder whose qkv are Conv-LoRA layers, its windows padded by
segment-anything: the embedding, and gradients of sum(embedding * pattern).
"""

import importlib.util
import pathlib
import sys
import tempfile
import zipfile

import safetensors.torch
import torch
import torch.nn.functional as F
from pattern import pattern_floats

RANK, ALPHA, IN, OUT = 3, 32, 4, 3
# name, experts, images, side of the grid, window or 0, side that is not padding, training, paper
CASES = [
    ("window_8", 8, 1, 8, 4, 6, True, False),
    ("window_3", 3, 2, 6, 3, 6, True, False),
    ("window_1", 1, 1, 8, 4, 6, True, False),
    ("global_8", 8, 6, 5, 0, 5, True, False),
    ("global_3", 3, 3, 5, 0, 5, True, False),
    ("global_1", 1, 2, 5, 0, 5, True, False),
    ("window_8_paper", 8, 1, 8, 4, 6, True, True),
    ("window_8_eval", 8, 1, 8, 4, 6, False, False),
]
# How large a parameter's pattern is, by its name's end.
SCALES = {"weight": 0.5, "bias": 0.5, "lora_A": 0.8, "lora_B": 0.7, "w_gate": 6.0, "w_noise": 2.0}


def load_classes(wheel):
    name = "autogluon/multimodal/models/adaptation_layers.py"
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(wheel) as archive:
        spec = importlib.util.spec_from_file_location("layers", archive.extract(name, folder))
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return module


def pattern(name, shape, scale=1.0):
    return (scale * torch.from_numpy(pattern_floats(name, tuple(shape)))).float()


def fill(layer, prefix):
    with torch.no_grad():
        for name, p in layer.named_parameters():
            p.copy_(pattern(f"{prefix}.{name}", p.shape, SCALES[name.split(".")[-1]]))


def partition(x, window):
    """[B, H, W, C] -> [B * windows, window, window, C]"""
    b, h, w, c = x.shape
    x = x.view(b, h // window, window, w // window, window, c)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, window, window, c)


def unpartition(x, window, b, side):
    n = side // window
    x = x.view(b, n, n, window, window, -1).permute(0, 1, 3, 2, 4, 5)
    return x.reshape(b, side, side, -1)


def paper_forward(layer, x):
    """y + alpha / rank B (z + softmax(h)_e E_e(z)), as adapters/conv_lora has it."""
    gating = layer.lora_moe_gating
    z = (x @ layer.lora_A.T).permute(0, 3, 1, 2)
    f = z.mean((2, 3))
    clean = f @ gating.w_gate
    h = clean + torch.randn_like(clean) * (F.softplus(f @ gating.w_noise) + 0.01)
    value, chosen = h.softmax(1), h.argmax(1)
    out = []
    for i, e in enumerate(chosen.tolist()):
        u = F.interpolate(z[i:i + 1], scale_factor=e + 1, mode="bicubic") if e else z[i:i + 1]
        v = layer.lora_moe_experts[e](u)
        w = F.interpolate(v, size=z.shape[2:], mode="bicubic") if e else v
        out.append(z[i] + value[i, e] * w[0])
    z = torch.stack(out).permute(0, 2, 3, 1)
    return F.linear(x, layer.weight, layer.bias) + layer.scaling * (z @ layer.lora_B.T)


def run_case(layers, case):
    name, experts, images, side, window, real, training, paper = case
    layer = layers.ConvLoRALinear(IN, OUT, r=RANK, lora_alpha=ALPHA, conv_lora_expert_num=experts)
    layer.weight.requires_grad = layer.bias.requires_grad = False
    fill(layer, name)
    layer.train(training)
    samples = images * (side // window) ** 2 if window else images
    noise = pattern(f"{name}.noise", (samples, experts), 1.7)
    x = pattern(f"{name}.x", (images, side, side, IN))
    x[:, real:] = 0
    x[:, :, real:] = 0
    x.requires_grad = True
    chosen = []
    layer.lora_moe_gating.register_forward_hook(lambda m, i, o: chosen.extend(o[0].argmax(1).tolist()))
    random, torch.randn_like = torch.randn_like, lambda like: noise
    windows = partition(x, window) if window else x
    y, balance = layer(windows)
    if paper:
        y = paper_forward(layer, windows)
    torch.randn_like = random
    y = unpartition(y, window, images, side) if window else y
    print(f"{name}: experts {chosen}, balance {float(balance):.6g}")
    dy = pattern(f"{name}.dy", y.shape)
    loss = (y * dy).sum() + (balance.sum() if training else 0)
    loss.backward()
    found = {f"{name}.y": y, f"{name}.d_x": x.grad}
    if training and experts > 1:
        found[f"{name}.balance"] = balance.reshape(1)
    for key, p in layer.named_parameters():
        if p.requires_grad:
            found[f"{name}.d_{key}"] = p.grad if p.grad is not None else torch.zeros_like(p)
    return {key: value.detach().contiguous() for key, value in found.items()}


def run_sam(layers):
    from make_model_fixtures import DEPTH, DIM, IMAGE, build_meta, fill as fill_sam, meta_names

    sam = build_meta()
    fill_sam(sam, meta_names(sam))
    encoder = sam.image_encoder.float()

    class Qkv(layers.ConvLoRALinear):
        def forward(self, x):
            return super().forward(x)[0]

    for i in range(DEPTH):
        old = encoder.blocks[i].attn.qkv
        new = Qkv(DIM, 3 * DIM, r=RANK, lora_alpha=RANK, conv_lora_expert_num=3)
        fill(new, f"image_encoder.blocks.{i}.attn.qkv")
        with torch.no_grad():
            new.weight.copy_(old.weight)
            new.bias.copy_(old.bias)
        encoder.blocks[i].attn.qkv = new
    encoder.eval()
    image = pattern("image", (1, IMAGE, IMAGE, 3)).permute(0, 3, 1, 2)
    embedding = encoder(image).permute(0, 2, 3, 1)
    (embedding * pattern("sam.d_embedding", embedding.shape)).sum().backward()
    found = {"sam.embedding": embedding}
    for i in (0, 1):
        for key in ("lora_A", "lora_moe_experts.0.0.weight", "lora_moe_experts.1.0.weight"):
            p = encoder.blocks[i].attn.qkv.get_parameter(key)
            found[f"sam.d_image_encoder.blocks.{i}.attn.qkv.{key}"] = (
                p.grad if p.grad is not None else torch.zeros_like(p))
    return {key: value.detach().contiguous() for key, value in found.items()}


def main(folder, wheel):
    layers = load_classes(wheel)
    found = run_sam(layers)
    for case in CASES:
        found |= run_case(layers, case)
    safetensors.torch.save_file(found, pathlib.Path(folder) / "conv_lora.safetensors")


if __name__ == "__main__":
    main(*sys.argv[1:])
