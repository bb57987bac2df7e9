"""What a comparison ran on: processor, versions, and whether anything else was running."""

import importlib.metadata
import os
import pathlib
import platform

LIBRARIES = ("torch", "transformers", "segment-anything", "peft", "numpy")
IDLE_LOAD = 0.1  # for each processor, over the last minute


def field(path, name):
    for line in pathlib.Path(path).read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""


def available_memory():
    return 1024 * int(field("/proc/meminfo", "MemAvailable").split()[0])


def describe():
    load = os.getloadavg()[0]
    return {"processor": field("/proc/cpuinfo", "model name") or platform.machine(),
            "threads": os.cpu_count(), "load_average": load,
            "idle": load <= IDLE_LOAD * os.cpu_count(),
            "memory_bytes": 1024 * int(field("/proc/meminfo", "MemTotal").split()[0]),
            "system": platform.platform()}


def version(library):
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return None


def versions():
    return {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES}
