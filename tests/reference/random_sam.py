"""Full-size SAMs with random weights of segment-anything and transformers, for the check_*.py
scripts: no released checkpoint is needed to compare implementations."""

import torch
from segment_anything import sam_model_registry
from transformers import SamConfig, SamModel

HF_VISION = {
    "vit_b": dict(hidden_size=768, num_hidden_layers=12, num_attention_heads=12,
                  global_attn_indexes=[2, 5, 8, 11], mlp_dim=3072),
    "vit_l": dict(hidden_size=1024, num_hidden_layers=24, num_attention_heads=16,
                  global_attn_indexes=[5, 11, 17, 23], mlp_dim=4096),
    "vit_h": dict(hidden_size=1280, num_hidden_layers=32, num_attention_heads=16,
                  global_attn_indexes=[7, 15, 23, 31], mlp_dim=5120),
}
EMBEDDINGS = ("iou_token.", "mask_tokens.", "_embed.weight", "point_embed", "positional", "pe_layer")


def random_values(name, shape, generator):
    """As large as keeps activations and attention logits near 1 in all layers, and never a value
    that hides a layer: norms differ from 1, biases and relative positions from 0."""
    values = torch.randn(shape, generator=generator)
    if any(part in name for part in EMBEDDINGS):
        return values
    if name.endswith("pos_embed"):
        return 0.5 * values
    if "rel_pos" in name or name.endswith("bias"):
        return 0.1 * values
    if len(shape) == 1:
        return 1 + 0.2 * values
    is_transposed = any(part in name for part in ("output_upscaling", "upscale_conv"))
    fan_in = shape[0] if is_transposed else values[0].numel()
    return values / fan_in**0.5


def fill(model, seed):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            tensor.copy_(random_values(name, tensor.shape, generator))
    return model.eval()


def build_meta(model, seed=1):
    return fill(sam_model_registry[model](), seed)


def build_hf(model, seed=1):
    return fill(SamModel(SamConfig(vision_config=HF_VISION[model])), seed)
