#!/usr/bin/env python3
"""Compare adapters and exported models with peft, Sam_LoRA's formula, segment-anything, transformers.

usage: check_adapters.py [--build BUILD] [--lora FOLDER] [PART...]

small     a small SAM: what peft writes is read by samcl and the other way round, adapters of every
          layout give the same masks in each program that reads it, and tuned models that `samcl
          convert` exports give the same masks in segment-anything and in transformers
sam_lora  ViT-B with random weights and each .safetensors of FOLDER, files of Sam_LoRA: the
          embedding against its formula in PyTorch. Some minutes.

Prints a line per result, the error as a share of the largest magnitude, and exits with 1 if one is
beyond its limit. Needs torch, segment-anything, transformers, peft, numpy, Pillow, safetensors.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import safetensors.torch
import torch
from peft import PeftModel
from PIL import Image
from random_sam import build_meta
from segment_anything import SamPredictor
from small_adapters import (
    BOX, answer_hf, answer_meta, hf_small, meta_small, peft_small, picture, sam_lora_tensors, wrap_sam_lora)
from transformers import SamModel

LIMIT_SMALL, LIMIT_FULL = 1e-5, 1e-4
# what a peft user may set; the decoder's own layers are adapted in one, and trained in another
PEFT_CASES = {
    "qkv and layers": {},
    "qkv and decoder": {"modules_to_save": ["mask_decoder"]},
    "rslora, mlp": {"target_modules": ["qkv", "lin1"], "modules_to_save": None, "use_rslora": True,
                    "lora_dropout": 0.1},
    "decoder layers": {"target_modules": ["q_proj", "v_proj"], "modules_to_save": ["neck.conv2"]},
}


class Check:
    def __init__(self, program, folder):
        self.program, self.folder, self.good = program, folder, True

    def samcl(self, *arguments):
        subprocess.run([str(self.program), *map(str, arguments)], check=True, stdout=subprocess.DEVNULL,
                       cwd=self.folder)

    def predict(self, *model):
        self.samcl("predict", *model, "--image", "picture.png", "--box", ",".join(map(str, BOX)), "--logits", "l.npy")
        return np.load(self.folder / "l.npy")

    def report(self, name, found, wanted, limit):
        error = np.abs(found - wanted).max() / np.abs(wanted).max()
        passed = found.shape == wanted.shape and error <= limit
        self.good &= bool(passed)
        print(f"{name:54} {error:9.2e} {limit:9.0e}  {'pass' if passed else 'FAIL'}", flush=True)


def in_peft(check, folder):
    return answer_hf(PeftModel.from_pretrained(hf_small(), check.folder / folder).eval())["logits"]


def in_sam_lora(check, file):
    path = check.folder / file
    tensors = torch.load(path) if path.suffix == ".pth" else safetensors.torch.load_file(path)
    sam = wrap_sam_lora(meta_small(), tensors)
    rest = {k: v for k, v in tensors.items() if not k.startswith("w_")}
    assert not rest or not sam.load_state_dict(rest, strict=False).unexpected_keys
    return answer_meta(sam)["logits"]


def check_exports(check, name, model, wanted):
    """A tuned model as a whole: in segment-anything, in transformers, and merged in samcl."""
    check.samcl("convert", *model, "--to", "meta", "--out", f"{name}-meta.pth")
    check.samcl("convert", *model, "--to", "hf", "--out", f"{name}-hf")
    check.samcl("merge", *model, "--out", f"{name}-merged.safetensors")
    sam = meta_small()
    sam.load_state_dict(torch.load(check.folder / f"{name}-meta.pth"))
    check.report(f"{name}: to meta, in segment-anything", answer_meta(sam)["logits"], wanted, LIMIT_SMALL)
    hf = SamModel.from_pretrained(check.folder / f"{name}-hf").eval()
    check.report(f"{name}: to hf, in transformers", answer_hf(hf)["logits"], wanted, LIMIT_SMALL)
    merged = check.predict("--checkpoint", f"{name}-merged.safetensors")
    check.report(f"{name}: merged, in samcl", merged, wanted, LIMIT_SMALL)


def check_peft(check, name, settings):
    model = peft_small(**settings)
    short = name.replace(" ", "-").replace(",", "")
    model.save_pretrained(check.folder / short)
    wanted = answer_hf(model)["logits"]
    over = ["--checkpoint", "base", "--adapter", short]
    check.report(f"{name}: written by peft, in samcl", check.predict(*over), wanted, LIMIT_SMALL)
    check.samcl("convert", *over, "--to", "samcl", "--out", f"{short}-own.safetensors")
    check.samcl("convert", "--checkpoint", f"{short}-own.safetensors", "--to", "peft", "--out", f"{short}-peft")
    check.report(f"{name}: written by samcl, in peft", in_peft(check, f"{short}-peft"), wanted, LIMIT_SMALL)
    before = safetensors.torch.load_file(check.folder / short / "adapter_model.safetensors")
    after = safetensors.torch.load_file(check.folder / f"{short}-peft" / "adapter_model.safetensors")
    same = before.keys() == after.keys() and all(torch.equal(before[k], after[k]) for k in before)
    check.good &= same
    print(f"{name}: the same tensors after there and back: {'pass' if same else 'FAIL'}")
    check_exports(check, short, over, wanted)


def check_small_sam_lora(check):
    tensors = sam_lora_tensors()
    safetensors.torch.save_file(tensors, check.folder / "sam_lora.safetensors")
    wanted = answer_meta(wrap_sam_lora(meta_small(), tensors))["logits"]
    over = ["--checkpoint", "base", "--adapter", "sam_lora.safetensors"]
    check.report("sam_lora: in samcl", check.predict(*over), wanted, LIMIT_SMALL)
    check.samcl("convert", *over, "--to", "peft", "--out", "sam_lora-peft")
    check.report("sam_lora: to peft, in peft", in_peft(check, "sam_lora-peft"), wanted, LIMIT_SMALL)
    check.samcl("convert", "--checkpoint", "base", "--adapter", "sam_lora-peft", "--to", "sam_lora",
                "--out", "sam_lora-back.safetensors")
    check.report("sam_lora: from peft, in its formula", in_sam_lora(check, "sam_lora-back.safetensors"), wanted,
                 LIMIT_SMALL)
    check_exports(check, "sam_lora", over, wanted)


def check_samed(check):
    """A LoRA with prompt encoder and decoder, a .pth as SAMed saves and loads it."""
    tensors = sam_lora_tensors()
    for name, value in meta_small().state_dict().items():
        if "mask_decoder" in name or "prompt_encoder" in name:
            moved = 1.0 if "gaussian_matrix" in name else 1.1
            tensors[name] = moved * value
    torch.save(tensors, check.folder / "samed.pth")
    wanted = in_sam_lora(check, "samed.pth")
    over = ["--checkpoint", "base", "--adapter", "samed.pth"]
    check.report("samed: in samcl", check.predict(*over), wanted, LIMIT_SMALL)
    check.samcl("convert", *over, "--to", "samcl", "--out", "samed-own.safetensors")
    check.samcl("convert", "--checkpoint", "samed-own.safetensors", "--to", "sam_lora", "--out", "samed-back.pth")
    back = torch.load(check.folder / "samed-back.pth")
    same = back.keys() == tensors.keys() and all(torch.equal(back[k], tensors[k]) for k in back)
    check.good &= same
    print(f"samed: the same tensors after there and back: {'pass' if same else 'FAIL'}")
    check.samcl("convert", "--checkpoint", "samed-own.safetensors", "--to", "peft", "--out", "samed-peft")
    check.report("samed: to peft, in peft", in_peft(check, "samed-peft"), wanted, LIMIT_SMALL)
    check_exports(check, "samed", over, wanted)


def check_small(check):
    Image.fromarray(picture()).save(check.folder / "picture.png")
    hf_small().save_pretrained(check.folder / "base")
    for name, settings in PEFT_CASES.items():
        check_peft(check, name, settings)
    check_small_sam_lora(check)
    check_samed(check)


def check_files(check, files):
    """The files at full size. One base; PyTorch first, so that both are not in memory together."""
    image = np.kron(picture(), np.ones((16, 16, 1), np.uint8))
    Image.fromarray(image).save(check.folder / "large.png")
    torch.save(build_meta("vit_b").state_dict(), check.folder / "vit_b.pth")
    for file in files:
        sam = wrap_sam_lora(build_meta("vit_b"), safetensors.torch.load_file(file))
        predictor = SamPredictor(sam)
        predictor.set_image(image)
        wanted = predictor.get_image_embedding().numpy()
        plain = SamPredictor(build_meta("vit_b"))
        plain.set_image(image)
        moved = np.abs(wanted - plain.get_image_embedding().numpy()).max() / np.abs(wanted).max()
        del sam, predictor, plain
        check.samcl("encode", "--checkpoint", "vit_b.pth", "--adapter", file.resolve(), "--image", "large.png",
                    "--out", "e.npy")
        found = np.load(check.folder / "e.npy")
        check.report(f"{file.name}, which moves it by {moved:.1e}", found, wanted, LIMIT_FULL)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default="build")
    parser.add_argument("--lora", type=pathlib.Path, default=pathlib.Path("../shared/data/lora"))
    parser.add_argument("parts", nargs="*", metavar="PART", default=["small", "sam_lora"])
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    with tempfile.TemporaryDirectory() as folder:
        check = Check((pathlib.Path(options.build) / "samcl").resolve(), pathlib.Path(folder))
        if "small" in options.parts:
            check_small(check)
        files = sorted(options.lora.glob("*.safetensors"))
        if "sam_lora" in options.parts and not files:
            print(f"{options.lora} holds no .safetensors: nothing of sam_lora was checked")
        elif "sam_lora" in options.parts:
            check_files(check, files)
    sys.exit(not check.good)


if __name__ == "__main__":
    main()
