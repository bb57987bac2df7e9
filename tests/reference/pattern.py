"""The patterns and the hash of tests/pattern.h, for the scripts that make fixtures."""

import numpy as np

np.seterr(over="ignore")

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
FACTOR = np.uint64(0xD6E8FEB86659FD93)


def pattern_bytes(count):
    z = np.arange(1, count + 1, dtype=np.uint64) * GOLDEN
    z = (z ^ (z >> np.uint64(32))) * FACTOR
    return (z >> np.uint64(56)).astype(np.uint8)


def pattern_hash(array):
    data = np.frombuffer(np.ascontiguousarray(array).tobytes(), np.uint8).astype(np.uint64)
    powers = np.full(data.size, FACTOR, np.uint64)
    powers[0] = 1
    powers = np.multiply.accumulate(powers)[::-1]
    return int(((data + np.uint64(1)) * powers).sum(dtype=np.uint64))


def pattern_floats(name, shape):
    """Values in [-1, 1) that depend on a name and a place: float64, exact in float32."""
    seed = np.uint64(0xCBF29CE484222325)
    for byte in name.encode():
        seed = (seed ^ np.uint64(byte)) * np.uint64(0x100000001B3)
    count = int(np.prod(shape))
    z = (np.arange(1, count + 1, dtype=np.uint64) + seed) * GOLDEN
    z = (z ^ (z >> np.uint64(32))) * FACTOR
    return ((z >> np.uint64(40)).astype(np.float64) / 2.0**23 - 1).reshape(shape)
