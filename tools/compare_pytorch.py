#!/usr/bin/env python3
"""Runs cases of `samcl bench` and the same work in PyTorch or OpenBLAS by turns, and prints ratios.

usage: compare_pytorch.py [--only PATTERN]... [--rounds N] [--skip-slow] [--build BUILD]
                          [--json FILE] [--device DEVICE]

Each side is a live process; one of them works at a time, on all processors, and in every round each
gives one sample. Weights and inputs are the same: samcl's are saved and given to the peers, whose
first run must give samcl's results. A ratio is the peer's median time over samcl's. Rows marked slow
take gigabytes and minutes: there the peers live one after the other and their first run is their
sample. Run it on a machine that does nothing else. Needs torch, segment-anything, transformers,
peft, safetensors.
"""

import argparse
import contextlib
import dataclasses
import fnmatch
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PEERS = ROOT / "tools" / "compare" / "peers.py"
ERROR_LIMIT = 1e-3  # relative, of a peer's results against samcl's
REST_SECONDS = 0.1  # between samples: a library's threads spin for a while after their work
GIB = 2**30
NAMES = {"openblas": "OpenBLAS of Debian", "numpy": "OpenBLAS of NumPy", "sdpa": "PyTorch SDPA",
         "meta": "segment-anything", "hf": "transformers"}


@dataclasses.dataclass
class Row:
    case: str
    goals: dict  # of a peer: the least ratio, or None
    model: str = ""  # whose weights both sides load; "": the case has its own
    memory: float = 0  # the most bytes of samcl's process; 0: no goal
    slow: bool = False
    options: tuple = ()  # of samcl bench
    label: str = ""

    def name(self):
        return self.label or self.case


def gemm_rows():
    return [Row(f"gemm/{layer}/{form}", {"openblas": goal, "numpy": goal})
            for form, goal in (("nt", 0.95), ("nn", 0.9), ("tn", 0.9))
            for layer in ("qkv", "proj", "fc1", "fc2")]


def growth_rows():
    """A peer named by its image size is samcl itself: its FLOP/s must not be the higher ones."""
    return [Row("step/lora", {str(size // 2): 1.0}, options=("--image-size", str(size)), slow=True,
                label=f"step/lora/{size}") for size in (512, 1024)]


ROWS = gemm_rows() + [
    Row("attention/global64/forward", {"sdpa": 1.2}),
    Row("model/encoder/forward", {"meta": 2.5, "hf": 2.5}, "vit_b", memory=0.8e9),
    Row("model/encoder/backward", {"meta": 2.5, "hf": 12}, "vit_b", slow=True),
    Row("model/decoder/forward", {"hf": 3}, "vit_b"),
    Row("step/decoder", {"hf": 3}, "vit_b"),
    Row("step/lora", {"hf": 12}, "vit_b", memory=2.5e9, slow=True),
    Row("step/full", {"meta": None, "hf": None}, "vit_b", memory=3.5e9, slow=True),
    Row("step/small", {"hf": 2.5}, "small"),
    Row("step/lora", {}, memory=6 * GIB, slow=True, options=("--model-type", "vit_h"),
        label="step/lora/vit_h"),
] + growth_rows()


class Process:
    """One side: started with its command, asked line by line."""

    def __init__(self, command, environment=None, limit=0):
        cap = (lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))) if limit else None
        self.child = subprocess.Popen([str(part) for part in command], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True, env=environment,
                                      preexec_fn=cap)
        self.ready = self.answer().split(maxsplit=3)[1:]
        self.samples = []

    def answer(self):
        line = self.child.stdout.readline()
        if not line:
            raise RuntimeError(f"its process ended with code {self.child.wait()}")
        return line

    def ask(self, line):
        with contextlib.suppress(BrokenPipeError):  # then there is no answer either
            self.child.stdin.write(line + "\n")
            self.child.stdin.flush()
        return self.answer()

    def sample(self):
        time.sleep(REST_SECONDS)
        self.samples.append(float(self.ask("run")))

    def peak(self):
        return int(self.ask("memory").split()[1])

    def close(self):
        with contextlib.suppress(BrokenPipeError):
            self.child.stdin.close()
        self.child.wait()


def note(text=""):
    """What is going on, on a terminal."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def python_environment():
    """Without what makes a current OpenBLAS slow on some machines, and without bars."""
    hidden = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
    return {key: value for key, value in os.environ.items() if key not in hidden} | {
        "HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1", "OPENBLAS_NUM_THREADS": str(os.cpu_count())}


def memory_limit():
    """Of a peer: beyond it the machine would end some process or other."""
    available = pathlib.Path("/proc/meminfo").read_text().split("MemAvailable:")[1].split()[0]
    return int(0.95 * 1024 * int(available))


class Bench:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.program = options.build / "samcl"
        self.made = set()

    def model(self, name):
        """Random weights that keep all values near 1, for transformers, and for Meta's model."""
        folder = self.folder / name
        if name and name not in self.made:
            subprocess.run([sys.executable, PEERS.parent / "models.py", name, folder],
                           check=True, env=python_environment())
            if name == "vit_b":
                subprocess.run([self.program, "convert", "--checkpoint", folder, "--to", "meta",
                                "--out", folder / "meta.safetensors"],
                               check=True, stdout=subprocess.DEVNULL)
            self.made.add(name)
        return folder

    def start_samcl(self, row, size=None):
        note(f"{row.name()}: samcl builds it")
        command = [self.program, "bench", row.case, "--serve", "--device", self.options.device]
        if row.model:
            command += ["--checkpoint", self.model(row.model)]
        own = Process(command + (["--image-size", size] if size else list(row.options)))
        own.flops, own.error, own.about = float(own.ready[0]), 0.0, own.ready[2].strip()
        return own

    def start_peer(self, row, peer, data):
        if peer.isdigit():
            return self.start_samcl(row, peer)
        note(f"{row.name()}: {NAMES[peer]} builds it")
        command = [sys.executable, PEERS, peer, row.case, data, self.model(row.model)]
        process = Process(command, python_environment(), memory_limit())
        process.error, process.about = float(process.ready[0]), process.ready[2].strip()
        process.flops = None
        if not process.error <= ERROR_LIMIT:
            process.close()
            raise RuntimeError(f"its results differ from samcl's by {process.error:.1e}")
        return process

    def run_together(self, row, own, data, results):
        peers = {}
        for name in row.goals:
            try:
                peers[name] = self.start_peer(row, name, data)
            except RuntimeError as problem:
                results[name] = {"failed": str(problem)}
        for i in range(self.options.rounds):
            note(f"{row.name()}: round {i + 1} of {self.options.rounds}")
            for process in [own, *peers.values()]:
                process.sample()
        for name, process in peers.items():
            results[name] = self.result(process)
            process.close()

    def run_in_turn(self, row, own, data, results):
        own.sample()
        for name in row.goals:
            try:
                process = self.start_peer(row, name, data)
                if name.isdigit():
                    process.sample()
                else:
                    process.samples.append(float(process.ready[1]))
                results[name] = self.result(process)
                process.close()
            except RuntimeError as problem:
                results[name] = {"failed": str(problem)}
            own.sample()

    def result(self, process):
        return {"samples": process.samples, "median": statistics.median(process.samples),
                "process_peak_bytes": process.peak(), "flops": process.flops,
                "error": process.error, "about": process.about}

    def run(self, row):
        own = self.start_samcl(row)
        data, results = self.folder / "data.safetensors", {}
        if row.goals:
            own.ask(f"save {data}")
        (self.run_in_turn if row.slow else self.run_together)(row, own, data, results)
        found = {"row": row.name(), "case": row.case, "samcl": self.result(own), "peers": results}
        own.close()
        data.unlink(missing_ok=True)
        for name, goal in row.goals.items():
            judge(found["samcl"], results[name], goal)
        if row.memory:
            peak = found["samcl"]["process_peak_bytes"]
            found["memory"] = {"goal": row.memory, "met": peak <= row.memory}
        return found


def judge(own, peer, goal):
    """The peer's time over samcl's; where their work differs in size, samcl's FLOP/s over its."""
    if "failed" in peer:
        return
    work = own["flops"] / peer["flops"] if peer["flops"] else 1
    peer["ratio"] = work * peer["median"] / own["median"]
    peer["goal"] = goal
    peer["met"] = None if goal is None else peer["ratio"] >= goal


def time_text(seconds):
    return f"{seconds:.2f} s" if seconds >= 1 else f"{1e3 * seconds:.1f} ms"


def met_text(met):
    return {True: "yes", False: "no", None: ""}[met]


def print_row(found):
    note()
    if "failed" in found:
        print(f"| {found['row']} | failed: {found['failed']} | | | | | | | | |", flush=True)
        return
    own = found["samcl"]
    rate = 1e-9 * own["flops"] / own["median"]
    left = f"| {found['row']} | {time_text(own['median'])} | {rate:.0f} "
    peak = f"{own['process_peak_bytes'] / 1e9:.2f} GB"
    if "memory" in found:
        peak += f" (goal {found['memory']['goal'] / 1e9:.1f}: {met_text(found['memory']['met'])})"
    for name, peer in found["peers"].items() or [("", None)]:
        label = NAMES.get(name, f"itself at {name} pixels")
        if peer is None:
            print(f"{left}| | | | | | {peak} | |", flush=True)
        elif "failed" in peer:
            print(f"{left}| {label} | failed: {peer['failed']} | | | | {peak} | |", flush=True)
        else:
            goal = "" if peer["goal"] is None else f"{peer['goal']:g}"
            print(f"{left}| {label} | {time_text(peer['median'])} | {peer['ratio']:.2f} | {goal} | "
                  f"{met_text(peer['met'])} | {peak} | {peer['process_peak_bytes'] / 1e9:.2f} GB |",
                  flush=True)


def print_ceiling(results):
    """The encoder's FLOP/s beside the best of the matrix products of this run."""
    rates = {r["row"]: r["samcl"]["flops"] / r["samcl"]["median"]
             for r in results if "failed" not in r}
    products = [rate for row, rate in rates.items() if row.startswith("gemm/")]
    if products and "model/encoder/forward" in rates:
        share = rates["model/encoder/forward"] / max(products)
        print(f"\nThe encoder's forward pass reaches {share:.0%} of the fastest SGEMM (goal 80 %).")


def print_sides(results):
    """Versions, devices and threads of those who took part."""
    sides = {f"- {r['samcl']['about']}" for r in results if "samcl" in r}
    for r in results:
        sides |= {f"- {NAMES[name]}: {peer['about']}" for name, peer in r.get("peers", {}).items()
                  if name in NAMES and "about" in peer}
    print("", *sorted(sides), sep="\n")


def chosen(row, options):
    patterns = options.only or ["*"]
    named = any(fnmatch.fnmatch(row.name(), p) or row.name().startswith(p + "/") for p in patterns)
    return named and not (options.skip_slow and row.slow)


def compare(options, folder):
    results = []
    bench = Bench(options, folder)
    rows = [row for row in ROWS if chosen(row, options)]
    if not rows:
        sys.exit(f"no row matches; there are {', '.join(row.name() for row in ROWS)}")
    print("| row | samcl | GFLOP/s | peer | its time | ratio | goal | met | memory | its memory |\n"
          "|---|--:|--:|---|--:|--:|--:|---|--:|--:|")
    for row in rows:
        try:
            results.append(bench.run(row))
        except RuntimeError as problem:
            results.append({"row": row.name(), "failed": str(problem)})
        print_row(results[-1])
        if options.json:
            record = {"schema": 1, "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                      "threads": os.cpu_count(), "device": options.device, "rows": results}
            options.json.write_text(json.dumps(record, indent=1))
    print_ceiling(results)
    print_sides(results)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", action="append", metavar="PATTERN")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--skip-slow", action="store_true")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--device", default="auto")
    with tempfile.TemporaryDirectory() as folder:
        compare(parser.parse_args(), pathlib.Path(folder))


if __name__ == "__main__":
    main()
