"""Expected answers of segment-anything's SamPredictor on the small SAM of make_model_fixtures.py.

The picture is a pattern too, wider than high, so that only what must come out is stored.
Run:  python tests/reference/make_predict_fixtures.py
Needs torch, segment-anything, transformers, numpy, safetensors.
"""

import os

import numpy as np
import torch
from make_model_fixtures import OUT, build_meta, fill, meta_names
from pattern import pattern_bytes, pattern_floats
from safetensors.numpy import save_file
from segment_anything import SamPredictor

WIDTH, HEIGHT, SIDE = 50, 37, 32
POINT, POINTS, LABELS = [[14, 20]], [[14, 20], [41.5, 3]], [1, 0]
BOX = [3, 5, 30, 33.5]
BOXES = [BOX, [0, 0, WIDTH, HEIGHT], [20, 2, 49, 20]]


def main():
    sam = build_meta()
    fill(sam, meta_names(sam))
    del sam.prompt_encoder.pe_layer._pe_encoding  # segment-anything's own, in float32
    predictor = SamPredictor(sam.float())
    image = pattern_bytes(WIDTH * HEIGHT * 3).reshape(HEIGHT, WIDTH, 3)
    predictor.set_image(image)
    mask = 5 * pattern_floats("mask", (1, SIDE, SIDE)).astype(np.float32)
    point = dict(point_coords=np.array(POINT), point_labels=np.array([1]))
    cases = {
        "none": dict(multimask_output=False),
        "point": dict(**point, multimask_output=False),
        "two_points": dict(point_coords=np.array(POINTS), point_labels=np.array(LABELS), multimask_output=False),
        "box": dict(box=np.array(BOX), multimask_output=False),
        "box_and_point": dict(**point, box=np.array(BOX), multimask_output=False),
        "mask": dict(**point, mask_input=mask, multimask_output=False),
        "multimask": dict(**point, multimask_output=True),
    }
    out = {"embedding": predictor.get_image_embedding().numpy()}
    for name, arguments in cases.items():
        masks, ious, logits = predictor.predict(**arguments)
        out.update({f"{name}.masks": masks, f"{name}.iou": ious, f"{name}.logits": logits})
    boxes = predictor.transform.apply_boxes_torch(torch.tensor(BOXES), (HEIGHT, WIDTH))
    masks, ious, logits = predictor.predict_torch(None, None, boxes=boxes, multimask_output=False)
    out.update({"boxes.masks": masks[:, 0].numpy(), "boxes.iou": ious[:, 0].numpy(),
                "boxes.logits": logits[:, 0].numpy()})
    types = {np.dtype(bool): np.uint8}
    path = os.path.join(OUT, "predict.safetensors")
    save_file({k: np.ascontiguousarray(v.astype(types.get(v.dtype, np.float32))) for k, v in out.items()}, path)
    os.chmod(path, 0o644)


if __name__ == "__main__":
    main()
