"""What a comparison ran on: processor, versions, and whether anything else was running."""

import importlib.metadata
import os
import pathlib
import platform
import time

LIBRARIES = ("torch", "transformers", "segment-anything", "peft", "numpy")
IDLE_LOAD = 0.1  # for each processor, over the last minute
IDLE_BUSY = 0.3  # processors at work while all are idle, as far as clock ticks can tell


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


def clock_ticks():
    """Of all processors since the start: all, and those at work."""
    ticks = [int(part) for part in pathlib.Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
    return sum(ticks), sum(ticks) - ticks[3] - ticks[4]


def rest(window=0.1, longest=3.0):
    """Returns when no processor has worked for `window` seconds; False: not within `longest`. The
    threads of a library spin after their work, those of OpenBLAS for more than 0.1 s."""
    for _ in range(round(longest / window)):
        all_before, busy_before = clock_ticks()
        time.sleep(window)
        all_now, busy_now = clock_ticks()
        elapsed = (all_now - all_before) / os.cpu_count()
        if busy_now - busy_before <= IDLE_BUSY * elapsed:
            return True
    return False


def version(library):
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return None


def versions():
    return {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES}
