"""Adapters over the small SAM of make_model_fixtures.py, as peft and Sam_LoRA compute them."""

import numpy as np
import torch
from make_model_fixtures import (
    DEPTH, DIM, build_hf, build_meta, fill, hf_names, meta_names, pattern_weight)
from make_predict_fixtures import BOX, HEIGHT, WIDTH
from pattern import pattern_bytes, pattern_floats
from peft import LoraConfig, get_peft_model
from segment_anything import SamPredictor

RANK, ALPHA = 2, 3
SAVED = ["neck.conv1", "upscale_conv2"]


class SamLora(torch.nn.Module):
    """LoRA_qkv of github.com/MathieuNlp/Sam_LoRA, src/lora.py: its formula, written anew."""

    def __init__(self, qkv, tensors, block):
        super().__init__()
        self.qkv, self.dim = qkv, qkv.in_features
        self.terms = [(tensors[f"w_a_{i:03d}"], tensors[f"w_b_{i:03d}"]) for i in (2 * block, 2 * block + 1)]

    def forward(self, x):
        y = self.qkv(x)
        q, v = (x @ a.T @ b.T for a, b in self.terms)
        y[..., : self.dim] += q
        y[..., -self.dim :] += v
        return y


def wrap_sam_lora(sam, tensors):
    for i, block in enumerate(sam.image_encoder.blocks):
        block.attn.qkv = SamLora(block.attn.qkv, tensors, i)
    return sam


def sam_lora_tensors(rank=RANK):
    """As w_a and w_b of a small Sam_LoRA file, values by pattern."""
    shapes = {"a": (rank, DIM), "b": (DIM, rank)}
    return {f"w_{m}_{i:03d}": torch.from_numpy((0.3 * pattern_floats(f"w_{m}_{i:03d}", shape)).astype(np.float32))
            for m, shape in shapes.items() for i in range(2 * DEPTH)}


def meta_small():
    """The base in segment-anything, float32."""
    sam = build_meta()
    fill(sam, meta_names(sam))
    del sam.prompt_encoder.pe_layer._pe_encoding
    return sam.float()


def hf_small():
    """The same in transformers, with the eps of segment-anything."""
    model = build_hf()
    fill(model, hf_names(model))
    model = model.float()
    model.config.mask_decoder_config.layer_norm_eps = 1e-5
    for layer in model.mask_decoder.transformer.layers:
        for name in ("layer_norm1", "layer_norm2", "layer_norm3", "layer_norm4"):
            getattr(layer, name).eps = 1e-5
    return model


def peft_small(**settings):
    """A peft model over it, as after a training: no factor is zero, and saved modules have moved."""
    config = LoraConfig(r=RANK, lora_alpha=ALPHA, **{"target_modules": ["qkv"], "modules_to_save": SAVED, **settings})
    model = get_peft_model(hf_small(), config)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "lora_" in name:
                value.copy_(pattern_weight(name, value.shape))
            elif "modules_to_save" in name:
                value.add_(0.3 * pattern_weight(name, value.shape))
    return model.eval()


def picture():
    return pattern_bytes(WIDTH * HEIGHT * 3).reshape(HEIGHT, WIDTH, 3)


def answer_meta(sam):
    predictor = SamPredictor(sam)
    predictor.set_image(picture())
    logits = predictor.predict(box=np.array(BOX), multimask_output=False)[2]
    return {"embedding": predictor.get_image_embedding().numpy(), "logits": logits}


def answer_hf(model):
    """The same picture and box, prepared by segment-anything."""
    predictor = SamPredictor(meta_small())
    scaled = predictor.transform.apply_image(picture())
    pixels = predictor.model.preprocess(torch.from_numpy(scaled).permute(2, 0, 1)[None].contiguous())
    box = torch.from_numpy(predictor.transform.apply_boxes(np.array([BOX]), (HEIGHT, WIDTH)))
    with torch.no_grad():
        embedding = model.get_image_embeddings(pixels)
        out = model(image_embeddings=embedding, input_boxes=box[None], multimask_output=False)
    return {"embedding": embedding.numpy(), "logits": out.pred_masks[0, 0].numpy()}
