#!/usr/bin/env python3
"""Runs cases of `samcl bench` and the same work in PyTorch or OpenBLAS by turns, and prints ratios.

Each side is a live process; one of them works at a time, on all processors, and in every round
each gives one sample. Weights and inputs are the same: samcl's are saved and given to the peers,
whose first run must give samcl's results. A ratio is the peer's median time over samcl's. Rows
marked slow take gigabytes and minutes: there the peers live one after the other and their first
run is their sample. Run it on a machine that does nothing else. With --torch-device cuda PyTorch
works on the GPU, without TF32; samcl's goals are for processors and are not asked then. Needs
torch, segment-anything, transformers, peft, safetensors.
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

from compare import machine

ROOT = pathlib.Path(__file__).resolve().parent.parent
PEERS = ROOT / "tools" / "compare" / "peers.py"
ENCODER = "model/encoder/forward"
ENCODER_SHARE = 0.8  # of the FLOP/s of the fastest matrix product in the same run
ERROR_LIMIT = 1e-3  # relative, of a peer's results against samcl's
GIB = 2**30
NAMES = {"openblas": "OpenBLAS of Debian", "numpy": "OpenBLAS of NumPy",
         "torch": "PyTorch matmul", "sdpa": "PyTorch SDPA",
         "meta": "segment-anything", "hf": "transformers"}


@dataclasses.dataclass
class Row:
    case: str
    goals: dict  # of a peer: the least ratio, or None
    model: str = ""  # whose weights both sides load; "": the case has its own
    memory: float = 0  # the most bytes of samcl's process; 0: no goal
    budget: float = 0  # the most bytes of its buffers on the device; 0: no goal
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
    Row(ENCODER, {"meta": 2.5, "hf": 2.5}, "vit_b", memory=0.8e9),
    Row("model/encoder/backward", {"meta": 2.5, "hf": 12}, "vit_b", slow=True),
    Row("model/decoder/forward", {"hf": 3}, "vit_b"),
    Row("step/decoder", {"hf": 3}, "vit_b"),
    Row("step/lora", {"hf": 12}, "vit_b", memory=2.5e9, slow=True),
    Row("step/full", {"meta": None, "hf": None}, "vit_b", memory=3.5e9, slow=True),
    Row("step/small", {"hf": 2.5}, "small"),
    Row("step/lora", {}, budget=6 * GIB, slow=True, label="step/lora/vit_h",
        options=("--model-type", "vit_h", "memory_budget=6GiB")),
] + growth_rows()


def on_gpu(row):
    """The row with PyTorch on a GPU; only samcl against itself keeps its goal."""
    peers = ["torch"] if row.case.startswith("gemm/") else row.goals
    goals = {peer: row.goals[peer] if peer.isdigit() else None for peer in peers}
    return dataclasses.replace(row, goals=goals, memory=0, slow=row.slow and not row.model)


class Process:
    """One side: started with its command, asked line by line."""

    def __init__(self, command, environment=None, limit=0):
        cap = (lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))) if limit else None
        self.child = subprocess.Popen([str(part) for part in command], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True, env=environment,
                                      preexec_fn=cap)
        self.ready = self.answer().split(maxsplit=3)[1:]
        self.samples = []
        self.restless = 0  # samples during which something else may have worked

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
        self.restless += not machine.rest()
        self.samples.append(float(self.ask("run")))

    def peaks(self):
        """Bytes on the device, and of the process."""
        return [int(part) for part in self.ask("memory").split()]

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
    return int(0.95 * machine.available_memory())


def label(peer):
    return NAMES.get(peer, f"itself at {peer} pixels")


class Bench:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.program = options.build / "samcl"
        self.made = set()  # models
        self.sides = {}  # who took part: version, device or kernel, threads

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
        own.flops, own.error = float(own.ready[0]), 0.0
        self.sides["samcl"] = own.ready[2].strip()
        return own

    def start_peer(self, row, peer, data):
        if peer.isdigit():
            return self.start_samcl(row, peer)
        note(f"{row.name()}: {NAMES[peer]} builds it")
        command = [sys.executable, PEERS, peer, row.case, data, self.model(row.model),
                   self.options.torch_device]
        limit = memory_limit() if self.options.torch_device == "cpu" else 0  # drivers reserve more
        process = Process(command, python_environment(), limit)
        process.error, process.flops = float(process.ready[0]), None
        self.sides[NAMES[peer]] = process.ready[2].strip()
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
        device, whole = process.peaks()
        return {"samples": process.samples, "median": statistics.median(process.samples),
                "restless": process.restless,
                "device_peak_bytes": device, "process_peak_bytes": whole,
                "flops": process.flops, "error": process.error}

    def run(self, row):
        own = self.start_samcl(row)
        data, results = self.folder / "data.safetensors", {}
        if row.goals:
            own.ask(f"save {data}")
        (self.run_in_turn if row.slow else self.run_together)(row, own, data, results)
        found = {"row": row.name(), "case": row.case, "samcl": self.result(own), "peers": results,
                 "peak_of": "process" if self.options.torch_device == "cpu" else "device"}
        own.close()
        data.unlink(missing_ok=True)
        for name, goal in row.goals.items():
            judge(found["samcl"], results[name], goal)
        return found | memory_goal(row, found["samcl"])


def failure(row, problem):
    """What is left of a row when samcl itself fails: its goals."""
    found = {"row": row.name(), "case": row.case, "failed": problem,
             "peers": {name: {"failed": "samcl", "goal": goal} for name, goal in row.goals.items()}}
    return found | memory_goal(row, None)


def memory_goal(row, own):
    """own None: there is no measurement."""
    of, goal = ("device", row.budget) if row.budget else ("process", row.memory)
    peak = own and own[f"{of}_peak_bytes"]
    met = None if own is None else peak <= goal
    return {"memory": {"of": of, "goal": goal, "found": peak, "met": met}} if goal else {}


def judge(own, peer, goal):
    """The peer's time over samcl's; where their work differs in size, samcl's FLOP/s over its."""
    peer["goal"] = goal
    if "failed" in peer:
        return
    work = own["flops"] / peer["flops"] if peer["flops"] else 1
    peer["ratio"] = work * peer["median"] / own["median"]
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
    peak_of = f"{found['peak_of']}_peak_bytes"
    peak = f"{own[peak_of] / 1e9:.2f} GB"
    if "memory" in found:
        peak += " (of the {of}: goal {goal:.2f}, {met})".format(
            of=found["memory"]["of"], goal=found["memory"]["goal"] / 1e9,
            met=met_text(found["memory"]["met"]))
    for name, peer in found["peers"].items() or [("", None)]:
        if peer is None:
            print(f"{left}| | | | | | {peak} | |", flush=True)
        elif "failed" in peer:
            print(f"{left}| {label(name)} | failed: {peer['failed']} | | | | {peak} | |", flush=True)
        else:
            goal = "" if peer["goal"] is None else f"{peer['goal']:g}"
            its_peak = f"{peer[peak_of] / 1e9:.2f} GB"
            print(f"{left}| {label(name)} | {time_text(peer['median'])} | {peer['ratio']:.2f} | "
                  f"{goal} | {met_text(peer['met'])} | {peak} | {its_peak} |", flush=True)


def print_unrest(found):
    sides = (found.get("samcl", {}), *found["peers"].values())
    restless = sum(side.get("restless", 0) for side in sides)
    if restless:
        print(f"warning: {found['row']}: before {restless} samples the processors did not rest, "
              "so something else was running", file=sys.stderr, flush=True)


def goals_of(results):
    """Every goal of these rows; "met" is None where there is no measurement."""
    for r in results:
        for name, peer in r["peers"].items():
            if peer["goal"] is not None:
                yield {"row": r["row"], "what": f"ratio to {label(name)}", "goal": peer["goal"],
                       "found": peer.get("ratio"), "met": peer.get("met")}
        if "memory" in r:
            yield {"row": r["row"], "what": f"bytes of the {r['memory']['of']}"} | r["memory"]
    rates = {r["row"]: r["samcl"]["flops"] / r["samcl"]["median"]
             for r in results if "samcl" in r}
    products = [rate for row, rate in rates.items() if row.startswith("gemm/")]
    if products and ENCODER in rates:
        share = rates[ENCODER] / max(products)
        yield {"row": ENCODER, "what": "FLOP/s of the fastest SGEMM", "goal": ENCODER_SHARE,
               "found": share, "met": share >= ENCODER_SHARE}


def print_goals(goals):
    print(f"\n{sum(goal['met'] is True for goal in goals)} of {len(goals)} goals are met.")
    for goal in goals:
        if not goal["met"]:
            found = "not measured" if goal["found"] is None else f"found {goal['found']:.4g}"
            print(f"- missed: {goal['row']}, {goal['what']}: goal {goal['goal']:.4g}, {found}")


def print_machine(about):
    print(f"{about['processor']}, {about['threads']} threads, "
          f"{about['memory_bytes'] / 1e9:.1f} GB, {about['system']}")
    if not about["idle"]:
        print(f"warning: the machine is not idle (load average {about['load_average']:.2f}): both "
              "sides suffer, but not alike, so the ratios mean little")
    print(flush=True)


def chosen(row, options):
    patterns = options.only or ["*"]
    named = any(fnmatch.fnmatch(row.name(), p) or row.name().startswith(p + "/") for p in patterns)
    return named and not (options.skip_slow and row.slow)


def record_of(options, about, bench, results):
    return {"schema": 2, "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "machine": about, "versions": machine.versions(), "device": options.device,
            "rounds": options.rounds, "sides": bench.sides, "rows": results,
            "goals": list(goals_of(results))}


def compare(options, folder):
    results = []
    bench = Bench(options, folder)
    all_rows = ROWS if options.torch_device == "cpu" else map(on_gpu, ROWS)
    rows = [row for row in all_rows if chosen(row, options)]
    if not rows:
        sys.exit(f"no row matches; there are {', '.join(row.name() for row in ROWS)}")
    about = machine.describe()
    print_machine(about)
    print("| row | samcl | GFLOP/s | peer | its time | ratio | goal | met | memory | its memory |\n"
          "|---|--:|--:|---|--:|--:|--:|---|--:|--:|")
    for row in rows:
        try:
            results.append(bench.run(row))
        except RuntimeError as problem:
            results.append(failure(row, str(problem)))
        print_row(results[-1])
        print_unrest(results[-1])
        if options.json:  # after each row: the next one may take minutes
            record = record_of(options, about, bench, results)
            options.json.write_text(json.dumps(record, indent=1))
    print_goals(list(goals_of(results)))
    print("", *(f"- {name}: {text}" for name, text in sorted(bench.sides.items())), sep="\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", metavar="PATTERN",
                        help="rows of this name, group or pattern; may be repeated")
    parser.add_argument("--rounds", type=int, default=5, help="samples of each side (5)")
    parser.add_argument("--skip-slow", action="store_true", help="no row that takes minutes")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build",
                        help="the folder that has samcl")
    parser.add_argument("--json", type=pathlib.Path, help="a file for all samples and the machine")
    parser.add_argument("--device", default="auto", help="of samcl")
    parser.add_argument("--torch-device", default="cpu", choices=("cpu", "cuda"), help="of PyTorch")
    with tempfile.TemporaryDirectory() as folder:
        compare(parser.parse_args(), pathlib.Path(folder))


if __name__ == "__main__":
    main()
