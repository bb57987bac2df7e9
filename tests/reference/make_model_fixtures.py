"""Expected outputs and gradients of a small SAM, from segment-anything and transformers.

Both get the same weights, made by pattern.py from Meta's parameter names; the C tests make them too,
so that only what must come out is stored. Run:  python tests/reference/make_model_fixtures.py
Needs torch, segment-anything, transformers, numpy, safetensors.
"""

import os

import numpy as np
import torch
from pattern import pattern_floats
from safetensors.numpy import save_file
from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, Sam, TwoWayTransformer
from transformers import SamConfig, SamModel
from transformers.models.sam.configuration_sam import (
    SamMaskDecoderConfig, SamPromptEncoderConfig, SamVisionConfig)

IMAGE, PATCH, GRID, DIM, DEPTH, HEADS, WINDOW = 32, 4, 8, 24, 3, 2, 3
PROMPT_DIM, DECODER_HEADS, DECODER_MLP, IOU_HIDDEN = 16, 2, 32, 12
GLOBAL = (1,)
OUT = os.path.join(os.path.dirname(__file__), "..", "fixtures", "model")


def build_meta():
    from functools import partial

    sam = Sam(
        image_encoder=ImageEncoderViT(
            depth=DEPTH, embed_dim=DIM, img_size=IMAGE, mlp_ratio=4, num_heads=HEADS,
            norm_layer=partial(torch.nn.LayerNorm, eps=1e-6), patch_size=PATCH, qkv_bias=True,
            use_rel_pos=True, global_attn_indexes=GLOBAL, window_size=WINDOW, out_chans=PROMPT_DIM),
        prompt_encoder=PromptEncoder(PROMPT_DIM, (GRID, GRID), (IMAGE, IMAGE), 16),
        mask_decoder=MaskDecoder(
            num_multimask_outputs=3, transformer_dim=PROMPT_DIM, iou_head_depth=3,
            iou_head_hidden_dim=IOU_HIDDEN,
            transformer=TwoWayTransformer(depth=2, embedding_dim=PROMPT_DIM, mlp_dim=DECODER_MLP,
                                          num_heads=DECODER_HEADS)),
    ).double().eval()
    # segment-anything rounds coordinates to float32 before the position code; we want doubles
    encode = sam.prompt_encoder.pe_layer._pe_encoding
    sam.prompt_encoder.pe_layer._pe_encoding = lambda coords: encode(coords.double())
    return sam


def build_hf():
    config = SamConfig(
        vision_config=SamVisionConfig(
            hidden_size=DIM, output_channels=PROMPT_DIM, num_hidden_layers=DEPTH,
            num_attention_heads=HEADS, image_size=IMAGE, patch_size=PATCH, mlp_ratio=4.0,
            window_size=WINDOW, global_attn_indexes=list(GLOBAL), num_pos_feats=PROMPT_DIM // 2,
            mlp_dim=4 * DIM).to_dict(),
        prompt_encoder_config=SamPromptEncoderConfig(
            hidden_size=PROMPT_DIM, image_size=IMAGE, patch_size=PATCH).to_dict(),
        mask_decoder_config=SamMaskDecoderConfig(
            hidden_size=PROMPT_DIM, mlp_dim=DECODER_MLP, num_attention_heads=DECODER_HEADS,
            iou_head_hidden_dim=IOU_HIDDEN).to_dict())
    return SamModel(config).double().eval()


def is_norm_weight(name):
    return name.endswith(".weight") and any(
        part in name for part in (".norm", "neck.1.", "neck.3.", "mask_downscaling.1.",
                                  "mask_downscaling.4.", "output_upscaling.1."))


def pattern_weight(name, shape):
    values = 0.3 * pattern_floats(name, shape)
    return torch.from_numpy((values + (1.0 if is_norm_weight(name) else 0.0)).astype(np.float32)).double()


def fill(model, names):
    with torch.no_grad():
        state = model.state_dict()
        for own, meta in names.items():
            state[own].copy_(pattern_weight(meta, state[own].shape))


def meta_names(model):
    return {n: n for n in model.state_dict()}


def hf_names(model):
    """transformers' name -> Meta's, written independently of the C table."""
    import re

    out = {}
    for name in model.state_dict():
        n = name
        n = n.replace("shared_image_embedding.positional_embedding",
                      "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix")
        n = n.replace("prompt_encoder.shared_embedding.positional_embedding",
                      "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix")
        n = n.replace("patch_embed.projection", "patch_embed.proj")
        n = n.replace("vision_encoder.layers", "image_encoder.blocks").replace("vision_encoder", "image_encoder")
        for own, meta in (("conv1", "0"), ("layer_norm1", "1"), ("conv2", "2"), ("layer_norm2", "3")):
            n = n.replace(f"neck.{own}.", f"neck.{meta}.")
        for own, meta in (("conv1", "0"), ("layer_norm1", "1"), ("conv2", "3"), ("layer_norm2", "4"), ("conv3", "6")):
            n = n.replace(f"mask_embed.{own}.", f"mask_downscaling.{meta}.")
        n = n.replace("prompt_encoder.point_embed.", "prompt_encoder.point_embeddings.")
        n = re.sub(r"layer_norm(\d)", r"norm\1", n).replace("layer_norm_final_attn", "norm_final_attn")
        n = n.replace("upscale_conv1", "output_upscaling.0").replace("upscale_layer_norm", "output_upscaling.1")
        n = n.replace("upscale_conv2", "output_upscaling.3")
        if "hypernetworks_mlps" in n or "iou_prediction_head" in n:
            n = n.replace("layers.0.", "layers.1.").replace("proj_in", "layers.0").replace("proj_out", "layers.2")
        out[name] = n
    return out


def image_input(name="image", batch=1):
    """[B, 3, S, S], from a channels-last pattern as the C side has it."""
    return torch.from_numpy(pattern_floats(name, (batch, IMAGE, IMAGE, 3))).permute(0, 3, 1, 2)


POINTS = {
    "point": ([[9.0, 20.0]], [1]),
    "two_points": ([[9.0, 20.0], [25.0, 3.0]], [1, 0]),
}
BOX = [3.0, 5.0, 22.0, 30.0]


def decode_meta(sam, embedding, points, labels, box, mask, multimask):
    p = None if points is None else (torch.tensor([points]).double(), torch.tensor([labels]))
    b = None if box is None else torch.tensor([box]).double()
    sparse, dense = sam.prompt_encoder(points=p, boxes=b, masks=mask)
    return sam.mask_decoder(image_embeddings=embedding, image_pe=sam.prompt_encoder.get_dense_pe(),
                            sparse_prompt_embeddings=sparse, dense_prompt_embeddings=dense,
                            multimask_output=multimask)


def cases(mask):
    for name, (points, labels) in POINTS.items():
        yield name, points, labels, None, None
    yield "box", None, None, BOX, None
    yield "box_and_point", *POINTS["point"], BOX, None
    yield "mask", *POINTS["point"], None, mask
    yield "none", None, None, None, None


def outputs_meta(sam, out):
    with torch.no_grad():
        embedding = sam.image_encoder(image_input())
        out["embedding"] = embedding.permute(0, 2, 3, 1)
        mask = 5 * torch.from_numpy(pattern_floats("mask", (1, 1, 4 * GRID, 4 * GRID)))
        for name, points, labels, box, m in cases(mask):
            for multimask in (False, True):
                masks, iou = decode_meta(sam, embedding, points, labels, box, m, multimask)
                kind = "multi" if multimask else "single"
                out[f"{name}.{kind}.logits"], out[f"{name}.{kind}.iou"] = masks, iou


def outputs_resized(sam, out):
    """The encoder on a larger image: pos_embed interpolated bilinearly, rel_pos by get_rel_pos."""
    size, grid = 48, 12
    with torch.no_grad():
        keep = sam.image_encoder.pos_embed
        planes = torch.nn.functional.interpolate(keep.permute(0, 3, 1, 2), (grid, grid), mode="bilinear")
        sam.image_encoder.pos_embed = torch.nn.Parameter(planes.permute(0, 2, 3, 1))
        image = torch.from_numpy(pattern_floats("image", (1, size, size, 3))).permute(0, 3, 1, 2)
        out["resized.embedding"] = sam.image_encoder(image).permute(0, 2, 3, 1)
        sam.image_encoder.pos_embed = keep


def outputs_hf(model, out):
    with torch.no_grad():
        embedding = model.get_image_embeddings(image_input())
        out["hf.embedding"] = embedding.permute(0, 2, 3, 1)
        mask = 5 * torch.from_numpy(pattern_floats("mask", (1, 1, 4 * GRID, 4 * GRID)))
        for name, points, labels, box, m in cases(mask):
            r = model(image_embeddings=embedding,
                      input_points=None if points is None else torch.tensor([[points]]).double(),
                      input_labels=None if labels is None else torch.tensor([[labels]]),
                      input_boxes=None if box is None else torch.tensor([[box]]).double(),
                      input_masks=m, multimask_output=True)
            out[f"hf.{name}.multi.logits"] = r.pred_masks[:, 0]
            out[f"hf.{name}.multi.iou"] = r.iou_scores[:, 0]


def gradients_meta(sam, out):
    """Every parameter's gradient of a loss over all four masks and scores of two decodings: two
    prompts with point, box and mask, then two with points alone."""
    sam.train()
    embedding = sam.image_encoder(image_input())
    coords = torch.tensor([[[9.0, 20.0]], [[25.0, 3.0]]]).double()
    labels = torch.tensor([[1], [0]])
    boxes = torch.tensor([BOX, [1.0, 2.0, 12.0, 9.0]]).double()
    mask = 5 * torch.from_numpy(pattern_floats("mask", (2, 1, 4 * GRID, 4 * GRID)))
    loss = 0
    for part, (b, m) in enumerate(((boxes, mask), (None, None))):
        sparse, dense = sam.prompt_encoder(points=(coords, labels), boxes=b, masks=m)
        logits, iou = sam.mask_decoder.predict_masks(
            image_embeddings=embedding, image_pe=sam.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse, dense_prompt_embeddings=dense)
        loss = loss + (logits * torch.from_numpy(pattern_floats(f"dlogits{part}", logits.shape))).sum()
        loss = loss + (iou * torch.from_numpy(pattern_floats(f"diou{part}", iou.shape))).sum()
    loss.backward()
    out["loss"] = loss.detach().reshape(1)
    for name, parameter in sam.named_parameters():
        out[f"grad.{name}"] = parameter.grad


def main():
    os.makedirs(OUT, exist_ok=True)
    sam, hf = build_meta(), build_hf()
    fill(sam, meta_names(sam))
    fill(hf, hf_names(hf))
    outputs, gradients = {}, {}
    outputs_meta(sam, outputs)
    outputs_resized(sam, outputs)
    outputs_hf(hf, outputs)
    gradients_meta(sam, gradients)
    for file, tensors in (("outputs", outputs), ("gradients", gradients)):
        save_file({k: np.ascontiguousarray(v.detach().numpy().astype(np.float32)) for k, v in tensors.items()},
                  os.path.join(OUT, f"{file}.safetensors"))
        os.chmod(os.path.join(OUT, f"{file}.safetensors"), 0o644)


if __name__ == "__main__":
    main()
