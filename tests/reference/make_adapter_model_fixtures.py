#!/usr/bin/env python3
"""Make tests/fixtures/plugin/adapter_models.safetensors: what adapters make of a small SAM's image encoder.

The encoder is segment-anything's, with the weights of make_model_fixtures.py; the adapters are hooks
on its modules, written from their papers and held against Hugging Face PEFT where it has them. Their
parameters are patterns of their names, too, so that only what must come out is stored: of each CASE
the embedding's first channel, CASE.embedding, and CASE.gradients of

    sum(embedding * pattern("dembedding"))

by every trained parameter, in the order of their names, one after the other.

The metadata `cases` has a line "CASE ADAPTER" each, with the adapter as in a run file.

usage: python tests/reference/make_adapter_model_fixtures.py
Needs torch, segment-anything, peft, transformers, numpy, safetensors.
"""

import fnmatch
import math
import os

import torch
import torch.nn.functional as F
import yaml
from make_model_fixtures import build_meta, fill, image_input, meta_names, pattern_weight
from pattern import pattern_floats
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from segment_anything.modeling.common import LayerNorm2d
from segment_anything.modeling.image_encoder import add_decomposed_rel_pos

OUT = os.path.join(os.path.dirname(__file__), "..", "fixtures", "plugin", "adapter_models.safetensors")
QKV = ["image_encoder.blocks.*.attn.qkv"]

CASES = {
    "lora": "{use: lora, params: {rank: 3, alpha: 6}}",
    "lora_anywhere": '{use: lora, params: {rank: 1, sites: ["*.blocks.1.*"]}}',
    "lora_rslora": "{use: lora, params: {rank: 4, alpha: 6, rslora: true}}",
    "lora_q_v": "{use: lora, params: {rank: 2, alpha: 3, parts: [q, v]}}",
    "lora_k": "{use: lora, params: {rank: 2, parts: [k]}}",
    "dora": "{use: dora, params: {rank: 3, alpha: 6}}",
    "bitfit": "{use: bitfit}",
    "norm_tuning": "{use: norm_tuning}",
    "ssf": "{use: ssf}",
    "ssf_neck": '{use: ssf, params: {sites: ["image_encoder.neck.?"]}}',
    "houlsby": "{use: houlsby, params: {bottleneck: 5}}",
    "adaptformer": "{use: adaptformer, params: {bottleneck: 5, scale: 0.5}}",
    "vpt": "{use: vpt, params: {tokens: 3}}",
    "vpt_late": '{use: vpt, params: {tokens: 5, sites: ["image_encoder.blocks.2"]}}',
    "lora_then_ssf": '[{use: lora, params: {rank: 2}}, {use: ssf, params: {sites: ["*.qkv"]}}]',
    "ssf_then_dora": '[{use: ssf, params: {sites: ["*.qkv"]}}, {use: dora, params: {rank: 2}}]',
    "vpt_lora_houlsby": "[{use: vpt, params: {tokens: 2}}, {use: lora, params: {rank: 2}}, "
                        "{use: houlsby, params: {bottleneck: 3}}]",
}


class Own:
    """The parameters adapters make, by name."""

    def __init__(self):
        self.values = {}

    def __call__(self, name, *shape, near=0.0):
        if name not in self.values:
            self.values[name] = (pattern_weight(name, shape) + near).requires_grad_()
        return self.values[name]


def matches(patterns, name):
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


# ---- linear layers


def lora_scale(rank, alpha, rslora=False):
    return 1.0 if alpha is None else alpha / (math.sqrt(rank) if rslora else rank)


def lora(own, encoder, rank=4, alpha=None, rslora=False, parts=None, sites=QKV):
    scale = lora_scale(rank, alpha, rslora)

    def term(name, suffix, x, width):
        a = own(f"{name}.lora_A{suffix}", rank, x.shape[-1])
        return scale * F.linear(F.linear(x, a), own(f"{name}.lora_B{suffix}", width, rank))

    def hook(name, module, x, y):
        if parts is None:
            return y + term(name, "", x, y.shape[-1])
        width = y.shape[-1] // 3
        pieces = list(y.split(width, -1))
        for i, part in enumerate("qkv"):
            if part in parts:
                pieces[i] = pieces[i] + term(name, "_" + part, x, width)
        return torch.cat(pieces, -1)

    return on(encoder, torch.nn.Linear, sites, hook)


def dora(own, encoder, rank=4, alpha=None, sites=QKV):
    def hook(name, module, x, y):
        w, scale = module.weight, lora_scale(rank, alpha)
        a, b = own(f"{name}.lora_A", rank, w.shape[1]), own(f"{name}.lora_B", w.shape[0], rank)
        magnitude = w.norm(dim=1).detach() + own(f"{name}.dora_m", w.shape[0])
        gain = magnitude / (w + scale * b @ a).norm(dim=1).detach()
        return y + (gain - 1) * (y - module.bias) + gain * scale * F.linear(F.linear(x, a), b)

    return on(encoder, torch.nn.Linear, sites, hook)


def check_against_peft():
    """The formulas above for one layer, values and gradients, with PEFT's own layers."""
    for options in ({}, {"use_rslora": True}, {"use_dora": True}):
        torch.manual_seed(3)
        layer = torch.nn.Sequential()
        layer.add_module("qkv", torch.nn.Linear(7, 12))
        layer = layer.double()
        x, dy = torch.randn(5, 7).double(), torch.randn(5, 12).double()
        tuned = get_peft_model(layer, LoraConfig(
            r=3, lora_alpha=5, target_modules=["qkv"], **options)).double()
        adapter = tuned.base_model.model.qkv
        with torch.no_grad():
            adapter.lora_B["default"].weight.normal_()
        own = Own()
        own.values["image_encoder.qkv.lora_A"] = adapter.lora_A["default"].weight.detach().clone().requires_grad_()
        own.values["image_encoder.qkv.lora_B"] = adapter.lora_B["default"].weight.detach().clone().requires_grad_()
        theirs = {"image_encoder.qkv.lora_A": adapter.lora_A["default"].weight,
                  "image_encoder.qkv.lora_B": adapter.lora_B["default"].weight}
        plain = torch.nn.Sequential()
        plain.add_module("qkv", adapter.base_layer)
        if options.get("use_dora"):
            vector = adapter.lora_magnitude_vector["default"].weight
            with torch.no_grad():
                vector += 0.1 * torch.randn_like(vector)
            more = vector - adapter.base_layer.weight.norm(dim=1)
            own.values["image_encoder.qkv.dora_m"] = more.detach().clone().requires_grad_()
            theirs["image_encoder.qkv.dora_m"] = vector
        expected = tuned(x)
        (expected * dy).sum().backward()
        if options.get("use_dora"):
            dora(own, plain, rank=3, alpha=5, sites=["*qkv"])
        else:
            lora(own, plain, rank=3, alpha=5, rslora="use_rslora" in options, sites=["*qkv"])
        found = plain(x)
        (found * dy).sum().backward()
        assert torch.allclose(found, expected, rtol=1e-12, atol=1e-12), options
        for name, value in own.values.items():
            assert torch.allclose(value.grad, theirs[name].grad, rtol=1e-10, atol=1e-10), name


# ---- everything else


def ssf(own, encoder, sites=("image_encoder.patch_embed.proj", "image_encoder.blocks.*")):
    def hook(name, module, x, y):
        channels_first = isinstance(module, (torch.nn.Conv2d, LayerNorm2d))
        width = y.shape[1 if channels_first else -1]
        scale = own(f"{name}.ssf_scale", width, near=1.0)
        shift = own(f"{name}.ssf_shift", width)
        shape = (1, -1, 1, 1) if channels_first else (-1,)
        return y * scale.view(shape) + shift.view(shape)

    return on(encoder, (torch.nn.Linear, torch.nn.LayerNorm, torch.nn.Conv2d, LayerNorm2d), sites,
              hook)


def houlsby(own, encoder, bottleneck=64, sites=("image_encoder.blocks.*",)):
    def hook(name, module, x, y):
        width = y.shape[-1]
        down = F.linear(y, own(f"{name}.adapter_down", bottleneck, width),
                        own(f"{name}.adapter_down_bias", bottleneck))
        return y + F.linear(F.gelu(down), own(f"{name}.adapter_up", width, bottleneck),
                            own(f"{name}.adapter_up_bias", width))

    return on_branches(encoder, sites, hook)


def adaptformer(own, encoder, bottleneck=64, scale=0.1, sites=("image_encoder.blocks.*.mlp",)):
    def hook(name, module, x, y):
        width = y.shape[-1]
        down = F.linear(x, own(f"{name}.adaptmlp_down", bottleneck, width),
                        own(f"{name}.adaptmlp_down_bias", bottleneck))
        up = F.linear(F.relu(down), own(f"{name}.adaptmlp_up", width, bottleneck),
                      own(f"{name}.adaptmlp_up_bias", width))
        return y + scale * up

    return on_branches(encoder, sites, hook)


def attend_with(prompt, block, x):
    """Attention.forward of segment-anything with more keys, which have no relative position. The
    outputs of prompts are left out, as those of the deep variant are: the next block has its own."""
    attn = block.attn
    windows, height, width, dim = x.shape
    heads = attn.num_heads

    def split(rows):
        qkv = attn.qkv(rows).reshape(rows.shape[0], -1, 3, heads, dim // heads)
        return qkv.permute(2, 0, 3, 1, 4).reshape(3, rows.shape[0] * heads, -1, dim // heads)

    q, k, v = split(x.reshape(windows, -1, dim))
    _, prompt_k, prompt_v = split(block.norm1(prompt)[None].expand(windows, -1, -1))
    logits = add_decomposed_rel_pos((q * attn.scale) @ k.transpose(-2, -1), q, attn.rel_pos_h,
                                    attn.rel_pos_w, (height, width), (height, width))
    logits = torch.cat([(q * attn.scale) @ prompt_k.transpose(-2, -1), logits], -1)
    y = logits.softmax(-1) @ torch.cat([prompt_v, v], -2)
    y = y.view(windows, heads, height, width, -1).permute(0, 2, 3, 1, 4)
    return attn.proj(y.reshape(windows, height, width, -1))


def vpt(own, encoder, tokens=12, sites=("image_encoder.blocks.*",)):
    for name, block in encoder.blocks.named_children():
        site = f"image_encoder.blocks.{name}"
        if matches(sites, site):
            prompt = own(f"{site}.prompt", tokens, block.norm1.weight.shape[0])
            block.attn.forward = lambda x, p=prompt, b=block: attend_with(p, b, x)


def trains(own, encoder, patterns):
    for name, value in encoder.named_parameters():
        if matches(patterns, "image_encoder." + name):
            own.values["image_encoder." + name] = value


def bitfit(own, encoder):
    trains(own, encoder, ["image_encoder.*.bias"])


def norm_tuning(own, encoder):
    trains(own, encoder, ["image_encoder.blocks.*.norm?.*", "image_encoder.neck.[13].*"])


def on(encoder, kinds, sites, hook):
    for name, module in encoder.named_modules():
        site = f"image_encoder.{name}"
        if isinstance(module, kinds) and matches(sites, site):
            module.register_forward_hook(lambda m, x, y, n=site: hook(n, m, x[0], y))


def on_branches(encoder, sites, hook):
    for name, module in encoder.named_modules():
        site = f"image_encoder.{name}"
        if name.split(".")[-1] in ("attn", "mlp") and matches(sites, site):
            module.register_forward_hook(lambda m, x, y, n=site: hook(n, m, x[0], y))


ADAPTERS = {f.__name__: f for f in (lora, dora, ssf, houlsby, adaptformer, vpt, bitfit, norm_tuning)}


def run_case(out, name, adapters):
    sam, own = build_meta(), Own()
    fill(sam, meta_names(sam))
    for adapter in adapters if isinstance(adapters, list) else [adapters]:
        ADAPTERS[adapter["use"]](own, sam.image_encoder, **adapter.get("params", {}))
    embedding = sam.image_encoder(image_input())[0].permute(1, 2, 0)
    (embedding * torch.from_numpy(pattern_floats("dembedding", embedding.shape))).sum().backward()
    out[f"{name}.embedding"] = embedding[..., 0].detach().float().contiguous()
    gradients = [own.values[parameter].grad.flatten() for parameter in sorted(own.values)]
    out[f"{name}.gradients"] = torch.cat(gradients).float()


def main():
    check_against_peft()
    out = {}
    for name, text in CASES.items():
        run_case(out, name, yaml.safe_load(text))
    cases = "".join(f"{name} {text}\n" for name, text in CASES.items())
    save_file(out, OUT, {"cases": cases})


if __name__ == "__main__":
    main()
