"""Writes a SAM with random weights as a folder of transformers: models.py vit_b|small FOLDER"""

import pathlib
import sys

from transformers import SamConfig, SamModel

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "reference"))
from random_sam import build_hf, fill  # noqa: E402

# the case step/small of samcl bench
SMALL = SamConfig(
    vision_config=dict(hidden_size=192, num_hidden_layers=6, num_attention_heads=3, image_size=256,
                       patch_size=16, window_size=14, global_attn_indexes=[2, 5], mlp_dim=768),
    prompt_encoder_config=dict(image_size=256, patch_size=16))


def main():
    name, folder = sys.argv[1:]
    model = fill(SamModel(SMALL), 1) if name == "small" else build_hf(name)
    model.save_pretrained(folder)


if __name__ == "__main__":
    main()
