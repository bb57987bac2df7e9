"""Makes tests/fixtures/adapter: adapters over the small SAM, written by peft and as Sam_LoRA does,
and what PyTorch makes of a picture with each: the embedding, and the logits for a box.

Run:  python tests/reference/make_adapter_fixtures.py
Needs torch, segment-anything, transformers, peft, numpy, safetensors.
"""

import pathlib

import numpy as np
import safetensors.torch
from safetensors.numpy import save_file
from small_adapters import answer_hf, answer_meta, meta_small, peft_small, sam_lora_tensors, wrap_sam_lora

OUT = pathlib.Path(__file__).parent / ".." / "fixtures" / "adapter"


def main():
    OUT.mkdir(exist_ok=True)
    tensors = sam_lora_tensors()
    safetensors.torch.save_file(tensors, OUT / "sam_lora.safetensors")
    expected = {f"sam_lora.{k}": v for k, v in answer_meta(wrap_sam_lora(meta_small(), tensors)).items()}
    model = peft_small()
    model.save_pretrained(OUT / "peft")
    (OUT / "peft" / "README.md").unlink()
    expected.update({f"peft.{k}": v for k, v in answer_hf(model).items()})
    save_file({k: np.ascontiguousarray(v) for k, v in expected.items()}, OUT / "expected.safetensors")
    for path in OUT.rglob("*.*"):
        path.chmod(0o644)


if __name__ == "__main__":
    main()
