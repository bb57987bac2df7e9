"""The work of a case of `samcl bench` by PyTorch or OpenBLAS, as a process that answers lines.

usage: peers.py PEER CASE DATA MODEL DEVICE

DATA is what samcl saved of its case: inputs, and results to be met. MODEL is a folder with the same
weights (compare_pytorch.py makes it); DEVICE is PyTorch's: cpu or cuda. The first line is
`ready ERROR SECONDS ABOUT`: the error of its first run against samcl's results, relative to the
largest of them, and how long that run took. Then `run` is answered by the seconds of one sample,
`memory` by the peaks of PyTorch's GPU, or 0, and of the process.
"""

import ctypes
import glob
import os
import pathlib
import sys
import time
from importlib.metadata import PackageNotFoundError, version

import numpy as np
from safetensors.numpy import load_file

THREADS = os.cpu_count()
DEBIAN_OPENBLAS = "/usr/lib/x86_64-linux-gnu/libopenblas.so.0"
ROW_MAJOR, PLAIN, TRANSPOSED = 101, 111, 112


def torch_with_threads():
    import torch

    torch.set_num_threads(THREADS)
    return torch


def gap(found, wanted):
    if hasattr(found, "detach"):
        found = found.detach().cpu()
    return float(np.abs(np.asarray(found) - wanted).max() / np.abs(wanted).max())


# ---- matrix products


def factors(case, data):
    """Both arrays of a gemm case, and which of them are transposed."""
    form = case.rsplit("/", 1)[1]
    names = {"nt": ("x", "w"), "nn": ("dy", "w"), "tn": ("dy", "x")}[form]
    return [data[name] for name in names], (form == "tn", form == "nt")


class OpenBlas:
    """cblas_sgemm on the arrays as they lie: nothing is copied or packed ahead."""

    def __init__(self, case, data, library, prefix="", suffix=""):
        self.library = ctypes.CDLL(library)
        self.integer = ctypes.c_int64 if suffix else ctypes.c_int
        function = lambda name: getattr(self.library, f"{prefix}{name}{suffix}")
        function("openblas_set_num_threads")(THREADS)
        for name in ("openblas_get_config", "openblas_get_corename"):
            function(name).restype = ctypes.c_char_p
        self.about = (f"{function('openblas_get_config')().decode()}, "
                      f"kernel {function('openblas_get_corename')().decode()}, "
                      f"{function('openblas_get_num_threads')()} threads")
        self.sgemm = function("cblas_sgemm")
        (self.a, self.b), self.trans = factors(case, data)
        m, self.k = self.a.shape[::-1] if self.trans[0] else self.a.shape
        n = self.b.shape[0] if self.trans[1] else self.b.shape[1]
        self.wanted, self.y = data["y"], np.zeros((m, n), np.float32)

    def run(self):
        size, real = self.integer, ctypes.c_float
        pointer = lambda array: array.ctypes.data_as(ctypes.c_void_p)
        m, n = self.y.shape
        flags = [TRANSPOSED if t else PLAIN for t in self.trans]
        self.sgemm(ROW_MAJOR, *flags, size(m), size(n), size(self.k), real(1), pointer(self.a),
                   size(self.a.shape[1]), pointer(self.b), size(self.b.shape[1]), real(0),
                   pointer(self.y), size(n))
        return self.y

    def error(self, found):
        return gap(found, self.wanted)

    def finish(self):
        pass

    def peak_bytes(self):
        return 0


def debian_openblas(case, data, device):
    return OpenBlas(case, data, DEBIAN_OPENBLAS)


def numpy_openblas(case, data, device):
    libraries = pathlib.Path(np.__file__).parent.parent / "numpy.libs"
    library = glob.glob(str(libraries / "libscipy_openblas64_*"))[0]
    return OpenBlas(case, data, library, "scipy_", "64_")


# ---- PyTorch


def version_of(package):
    try:
        return version(package)
    except PackageNotFoundError:  # copied, not installed
        return "of unknown version"


class Torch:
    """On a GPU in fp32 as on a processor, without TF32."""

    def __init__(self, device, library="torch"):
        self.torch, self.device = torch_with_threads(), device
        self.on_gpu = device.startswith("cuda")
        self.torch.backends.cudnn.allow_tf32 = False
        packages = dict.fromkeys(("torch", library))
        self.about = ", ".join(f"{name} {version_of(name)}" for name in packages)
        self.about += (f", {self.torch.cuda.get_device_name(device)}" if self.on_gpu
                       else f", {self.torch.get_num_threads()} threads")

    def tensor(self, array):
        return self.torch.from_numpy(np.ascontiguousarray(array)).to(self.device)

    def finish(self):
        if self.on_gpu:
            self.torch.cuda.synchronize()

    def peak_bytes(self):
        return self.torch.cuda.max_memory_reserved() if self.on_gpu else 0


class Matmul(Torch):
    def __init__(self, case, data, device):
        super().__init__(device)
        arrays, trans = factors(case, data)
        self.a, self.b = (self.tensor(a).T if t else self.tensor(a) for a, t in zip(arrays, trans))
        self.wanted = data["y"]

    def run(self):
        return self.a @ self.b

    def error(self, found):
        return gap(found, self.wanted)


class Sdpa(Torch):
    """scaled_dot_product_attention; the bias of relative positions is made before the samples."""

    HEADS = 12

    def __init__(self, case, data, device):
        super().__init__(device)
        from segment_anything.modeling.image_encoder import get_rel_pos

        tokens, width = data["qkv"].shape[1:]
        side = int(tokens**0.5)
        heads = self.tensor(data["qkv"]).reshape(tokens, 3, self.HEADS, -1).permute(1, 2, 0, 3)
        self.q, self.k, self.v = (t[None].contiguous() for t in heads)
        tables = [get_rel_pos(side, side, self.tensor(data[n])) for n in ("rel_h", "rel_w")]
        grid = self.q[0].reshape(self.HEADS, side, side, -1)
        by_row = self.torch.einsum("nhwc,hkc->nhwk", grid, tables[0])
        by_column = self.torch.einsum("nhwc,wkc->nhwk", grid, tables[1])
        bias = by_row[..., :, None] + by_column[..., None, :]
        self.bias = bias.reshape(1, self.HEADS, tokens, tokens).contiguous()
        self.wanted = data["out"]

    def run(self):
        with self.torch.no_grad():
            return self.torch.nn.functional.scaled_dot_product_attention(
                self.q, self.k, self.v, attn_mask=self.bias)

    def error(self, found):
        return gap(found[0].transpose(0, 1).reshape(self.wanted.shape), self.wanted)


class Meta(Torch):
    """segment-anything's model."""

    FIRST_WEIGHT = "image_encoder.patch_embed.proj.weight"

    def __init__(self, model, device):
        super().__init__(device, "segment-anything")
        from safetensors.torch import load_file as load
        from segment_anything import sam_model_registry

        self.sam = sam_model_registry["vit_b"]()
        self.sam.load_state_dict(load(model / "meta.safetensors"))
        self.sam.to(device)

    def encode(self, pixels):
        return self.sam.image_encoder(pixels)

    def decode(self, embedding, points):
        """Logits of the single mask for a point an image."""
        labels = self.torch.ones(1, 1, dtype=self.torch.int32, device=self.device)
        logits = []
        for i in range(len(embedding)):
            sparse, dense = self.sam.prompt_encoder(
                points=(points[i:i + 1], labels), boxes=None, masks=None)
            logits.append(self.sam.mask_decoder(
                image_embeddings=embedding[i:i + 1], image_pe=self.sam.prompt_encoder.get_dense_pe(),
                sparse_prompt_embeddings=sparse, dense_prompt_embeddings=dense,
                multimask_output=False))
        masks, iou = zip(*logits)
        return self.torch.cat(masks), self.torch.cat(iou)

    def train(self, what):
        assert what == "full", "segment-anything has no adapters"
        return self.sam


class Hf(Torch):
    """transformers' SamModel, with peft for LoRA."""

    FIRST_WEIGHT = "vision_encoder.patch_embed.projection.weight"

    def __init__(self, model, device):
        import transformers

        super().__init__(device, "transformers")
        self.sam = transformers.SamModel.from_pretrained(model, attn_implementation="sdpa")
        self.sam.to(device)
        self.sam.train()
        self.model = self.sam

    def encode(self, pixels):
        return self.sam.vision_encoder(pixels).last_hidden_state

    def decode(self, embedding, points):
        out = self.model(image_embeddings=embedding, input_points=points[:, None],
                         input_labels=self.labels(points), multimask_output=False)
        return out.pred_masks[:, 0], out.iou_scores[:, 0]

    def labels(self, points):
        return self.torch.ones(len(points), 1, 1, dtype=self.torch.int64, device=self.device)

    def train(self, what):
        if what == "lora":
            import peft

            config = peft.LoraConfig(r=4, lora_alpha=4, target_modules=["qkv"])
            self.model = peft.get_peft_model(self.sam, config).to(self.device)
            self.about += f", peft {peft.__version__}"
        elif what == "decoder":
            self.sam.requires_grad_(False)
        else:  # a constant in Meta's model and in samcl
            self.sam.shared_image_embedding.requires_grad_(False)
        if what in ("lora", "decoder"):
            self.sam.mask_decoder.requires_grad_(True)
        return self.model


class Encoder:
    def __init__(self, library, data):
        self.library, self.data = library, data
        self.pixels = library.tensor(data["image"].transpose(0, 3, 1, 2))

    def run(self):
        with self.library.torch.no_grad():
            return self.library.encode(self.pixels)

    def error(self, found):
        return gap(found.permute(0, 2, 3, 1), self.data["embedding"])


class Backward(Encoder):
    """Gradients of sum(embedding * weight); the first layer's has gone through all the others."""

    def __init__(self, library, data):
        super().__init__(library, data)
        self.weight = library.tensor(data["loss_weight"].transpose(0, 3, 1, 2))

    def run(self):
        self.library.sam.zero_grad(set_to_none=True)
        (self.library.encode(self.pixels) * self.weight).sum().backward()

    def error(self, found):
        gradient = dict(self.library.sam.named_parameters())[self.library.FIRST_WEIGHT].grad
        return gap(gradient, self.data[f"grad.{Meta.FIRST_WEIGHT}"])


def points_of(library, data, size):
    """Pixels; half of one is added by both libraries."""
    return library.tensor(data["coords"][:, :1] * size - 0.5)


class Decoder:
    def __init__(self, library, data):
        self.library, self.data = library, data
        self.embedding = library.tensor(data["embedding"].transpose(0, 3, 1, 2))
        self.points = points_of(library, data, 16 * self.embedding.shape[-1])

    def run(self):
        with self.library.torch.no_grad():
            return self.library.decode(self.embedding, self.points)

    def error(self, found):
        return max(gap(found[0], self.data["logits"]), gap(found[1], self.data["iou"]))


class Step:
    """bce_with_logits + dice of each mask, AdamW; on a kept embedding if the decoder is trained."""

    def __init__(self, library, data, what):
        self.library, self.data = library, data
        self.pixels = library.tensor(data["image"].transpose(0, 3, 1, 2))
        self.points = points_of(library, data, self.pixels.shape[-1])
        self.target = library.tensor(data["target"])
        trained = [p for p in library.train(what).parameters() if p.requires_grad]
        self.optimizer = library.torch.optim.AdamW(trained, lr=1e-6, weight_decay=0)
        self.embedding = None
        if what == "decoder":
            with library.torch.no_grad():
                self.embedding = library.encode(self.pixels)

    def loss(self, logits):
        torch = self.library.torch
        bce = torch.nn.functional.binary_cross_entropy_with_logits(logits, self.target)
        p, t = torch.sigmoid(logits).flatten(1), self.target.flatten(1)
        dice = 1 - (2 * (p * t).sum(1) + 1) / (p.sum(1) + t.sum(1) + 1)
        return bce + dice.mean()

    def run(self):
        self.optimizer.zero_grad(set_to_none=True)
        embedding = self.embedding
        if embedding is None:
            embedding = self.library.encode(self.pixels)
        loss = self.loss(self.library.decode(embedding, self.points)[0])
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    def error(self, found):
        return gap(found, self.data["loss"][0])


def model_work(library, case, data):
    if case == "model/encoder/forward":
        return Encoder(library, data)
    if case == "model/encoder/backward":
        return Backward(library, data)
    if case == "model/decoder/forward":
        return Decoder(library, data)
    what = case.split("/")[1]
    return Step(library, data, "full" if what == "small" else what)


def build(peer, case, data, model, device):
    arrays = {"openblas": debian_openblas, "numpy": numpy_openblas, "torch": Matmul, "sdpa": Sdpa}
    if peer in arrays:
        work = arrays[peer](case, data, device)
        return work, work
    library = {"meta": Meta, "hf": Hf}[peer](model, device)
    return model_work(library, case, data), library


def peak_bytes():
    status = pathlib.Path("/proc/self/status").read_text()
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


def sample(work, library):
    begin = time.perf_counter()
    found = work.run()
    library.finish()
    return found, time.perf_counter() - begin


def main():
    peer, case, data, model, device = sys.argv[1:]
    work, library = build(peer, case, load_file(data), pathlib.Path(model), device)
    found, seconds = sample(work, library)
    print("ready", work.error(found), seconds, library.about, flush=True)
    del found
    for line in sys.stdin:
        print(f"{library.peak_bytes()} {peak_bytes()}" if line == "memory\n"
              else sample(work, library)[1], flush=True)


if __name__ == "__main__":
    main()
