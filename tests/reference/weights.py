"""Makes tests/fixtures/io: weight files by the real writers, and what is in them.

Needs torch, numpy and safetensors; the tests need only what this leaves behind. Run it in the
project's root. A .txt says what files hold, a line per tensor:
name|dtype|shape|FNV-1a of its contiguous bytes|FNV-1a of it as float32.
It prints the constants of test_float16.c.
"""

import collections
import pathlib

import numpy as np
import safetensors.torch
import torch

OUT = pathlib.Path("tests/fixtures/io")
DTYPES = {
    torch.bool: "BOOL", torch.uint8: "U8", torch.int8: "I8", torch.int16: "I16",
    torch.uint16: "U16", torch.int32: "I32", torch.uint32: "U32", torch.int64: "I64",
    torch.uint64: "U64", torch.float16: "F16", torch.bfloat16: "BF16", torch.float32: "F32",
    torch.float64: "F64",
}


def fnv(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


def contiguous_bytes(tensor):
    flat = tensor.detach().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""


def describe(name, tensors):
    lines = []
    for key, tensor in tensors.items():
        shape = ",".join(str(d) for d in tensor.shape)
        plain = fnv(contiguous_bytes(tensor))
        single = fnv(contiguous_bytes(tensor.detach().to(torch.float32)))
        lines.append(f"{key}|{DTYPES[tensor.dtype]}|{shape}|{plain:016x}|{single:016x}\n")
    (OUT / (name + ".txt")).write_text("".join(lines))


def mixed():
    g = torch.Generator().manual_seed(1)
    base = torch.randn(4, 6, generator=g)
    d = collections.OrderedDict()
    d["conv.weight"] = torch.randn(2, 3, 5, generator=g)
    d["transposed"] = torch.randn(3, 5, generator=g).t()
    d["permuted"] = torch.randn(2, 3, 4, generator=g).permute(2, 0, 1)
    d["shared.base"] = base
    d["shared.rows"] = base[1:3]
    d["shared.columns"] = base[:, 2:5]
    d["shared.every_second"] = base[::2, ::3]
    d["half"] = torch.randn(7, generator=g).half()
    d["bfloat16"] = torch.randn(7, generator=g).bfloat16()
    d["double"] = torch.randn(3, generator=g, dtype=torch.float64)
    d["int64"] = torch.tensor([0, -1, 2**62 + 12345, -(2**63)])
    d["int32"] = torch.tensor([1, -(2**31), 2**31 - 1], dtype=torch.int32)
    d["int16"] = torch.tensor([[-32768], [32767]], dtype=torch.int16)
    d["int8"] = torch.tensor([-128, 127, 0], dtype=torch.int8)
    d["uint8"] = torch.tensor([0, 128, 255], dtype=torch.uint8)
    d["bool"] = torch.tensor([True, False, True])
    d["uint16"] = torch.tensor([0, 65535, 40000]).to(torch.uint16)
    d["uint32"] = torch.tensor([0, 2**32 - 1]).to(torch.uint32)
    d["uint64"] = torch.tensor([1, 2**62 + 1]).to(torch.uint64).reshape(2, 1).t()
    d["parameter"] = torch.nn.Parameter(torch.randn(2, 2, generator=g))
    d["scalar"] = torch.tensor(2.5)
    d["empty"] = torch.zeros(0, 3)
    d["eight_dims"] = torch.arange(8.0).reshape(1, 2, 1, 2, 1, 2, 1, 1)
    d["größe"] = torch.ones(1)
    return d


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    old = {"_use_new_zipfile_serialization": False}
    torch.save(mixed(), OUT / "mixed_zip2.pth")
    torch.save(mixed(), OUT / "mixed_zip4.pth", pickle_protocol=4)
    torch.save(mixed(), OUT / "mixed_legacy2.pth", **old)
    torch.save(mixed(), OUT / "mixed_legacy4.pth", pickle_protocol=4, **old)
    describe("mixed", mixed())

    # Over 256 memo entries: the LONG_ opcodes.
    row = torch.arange(300.0)
    many = {f"{i}.weight": row[i : i + 2] for i in range(70)}
    torch.save(many, OUT / "many_zip.pth")
    torch.save(many, OUT / "many_legacy.pth", **old)
    describe("many", many)

    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    with torch.no_grad():
        for i, p in enumerate(model.parameters()):
            p.copy_(torch.arange(p.numel()).reshape(p.shape) + 10 * i)
    state = model.state_dict()
    torch.save({"model": state, "epoch": 3, "seed": 2**64 - 1, "lr": 1e-4}, OUT / "model.pth")
    parallel = collections.OrderedDict(("module." + k, v) for k, v in state.items())
    optimizer = {"state": {0: {"step": torch.tensor(1.0), "momentum": torch.zeros(3)}}}
    torch.save({"optimizer": optimizer, "state_dict": parallel}, OUT / "state_dict.pth", **old)
    describe("state", state)

    torch.save(torch.arange(6.0).reshape(2, 3), OUT / "bare.pth")
    describe("bare", {"": torch.arange(6.0).reshape(2, 3)})
    torch.save({"layer": torch.nn.Linear(1, 1)}, OUT / "whole_module.pth")
    small = {"a": row[:3].clone(), "b": row[:4].reshape(2, 2).t().half()}
    torch.save(small, OUT / "small_zip.pth")
    torch.save(small, OUT / "small_legacy.pth", **old)
    small = {k: v.contiguous() for k, v in small.items()}
    safetensors.torch.save_file(small, OUT / "small.safetensors")
    describe("small", small)

    every = {k: v.detach().contiguous() for k, v in mixed().items() if "shared" not in k}
    metadata = {"format": "pt", "ä": "ö"}
    safetensors.torch.save_file(every, OUT / "mixed.safetensors", metadata=metadata)
    describe("every", every)

    np.save(OUT / "f4.npy", np.arange(6, dtype="<f4").reshape(1, 2, 3) / 4)
    np.save(OUT / "f8.npy", np.array([0.1, -2.0]))
    np.save(OUT / "i4.npy", np.array(-7, dtype="<i4"))
    np.save(OUT / "fortran.npy", np.asfortranarray(np.eye(2, dtype="<f4")))
    float16_constants()


def float16_constants():
    halves = np.arange(65536, dtype=np.uint32).astype(np.uint16).view(np.float16)
    singles = halves.astype(np.float32)
    singles[np.isnan(singles)] = 0
    print(f"HALF_TO_FLOAT {fnv(singles.tobytes()):#x}")
    finite = np.arange(0x7C00, dtype=np.uint16).view(np.float16).astype(np.float32)
    above = np.append(finite[1:], np.float32(65536))
    middle = ((finite.astype(np.float64) + above) / 2).astype(np.float32)
    lcg = np.empty(65536, dtype=np.uint32)
    state = 1
    for i in range(len(lcg)):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        lcg[i] = state
    random = lcg.view(np.float32).copy()
    random[np.isnan(random)] = 0
    parts = [finite, np.nextafter(middle, np.float32(0)), middle,
             np.nextafter(middle, np.float32(np.inf)), random]
    values = np.concatenate(parts)
    with np.errstate(over="ignore"):
        print(f"FLOAT_TO_HALF {fnv(values.astype(np.float16).tobytes()):#x}")
    bf16 = torch.from_numpy(values).bfloat16().view(torch.int16).numpy()
    print(f"FLOAT_TO_BF16 {fnv(bf16.tobytes()):#x}")


main()
