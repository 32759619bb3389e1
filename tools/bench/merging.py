"""Time and memory of merging two full-size checkpoints of random numbers, which are written first and removed after.

python -m tools.bench.merging [--layout sdxl_base] [--folder DIR] [--method "Weighted sum"] [--blocks AMOUNTS]

The merge runs in a process of its own. "resident" is its peak of memory in all, mapped pages of the files among it,
which the system takes back when it needs them; "own" is the peak of what belongs to the process alone, less what it
had when torch was imported. Both are compared with the size of one file. Needs three times that on the disk.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from modules.checkpoints.merge_recipe import MergeFiles, MergeRecipe
from modules.checkpoints.merging import merge
from modules.checkpoints.new_file import new_file
from modules.checkpoints.streamed_weights import TensorOutline, write_weights
from modules.config.paths import ROOT

LAYOUTS = ROOT / "tests" / "checkpoint_layouts"
LIMIT = 1.2
PIECE = 1 << 22
RANDOM_BLOCK = (1 << 24) + 3
"""Numbers that are drawn once and laid down again and again: drawing all of them would take minutes."""


def main() -> None:
    """Print the table; exit with 1 if the memory is above the limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layout", default="sdxl_base")
    parser.add_argument("--folder", type=Path, help="on a disk with room; default: the system's temporary folder")
    parser.add_argument("--method", default="Weighted sum")
    parser.add_argument("--multiplier", type=float, default=0.3)
    parser.add_argument("--blocks", default="")
    parser.add_argument("--run", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run is not None:
        _run(options)
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as made:
        folder = Path(made)
        for seed, name in enumerate("ab" if options.method == "Weighted sum" else "abc"):
            write_random(folder / f"{name}.safetensors", options.layout, seed)
        size = (folder / "a.safetensors").stat().st_size
        command = [sys.executable, "-m", "tools.bench.merging", "--run", str(folder), *sys.argv[1:]]
        told = json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)
    print(f"{options.layout}, {size / 1e9:.2f} GB a file, {options.method}")
    print(f"{'':<10} {'seconds':>8}")
    print(f"{'hashes':<10} {told['hashes']:>8.1f}")
    print(f"{'merge':<10} {told['merge']:>8.1f}")
    print(f"{'':<10} {'MB':>8} {'of a file':>10}")
    for name in ("resident", "own"):
        print(f"{name:<10} {told[name] / 1e6:>8.0f} {told[name] / size:>10.3f}")
    sys.exit(1 if told["resident"] > LIMIT * size else 0)


def write_random(path: Path, layout: str, seed: int) -> None:
    """A checkpoint in float16 with the layout's names and shapes; memory does not grow with it."""
    shapes = json.loads((LAYOUTS / f"{layout}.json").read_text())["tensors"]
    drawn = (torch.randn(RANDOM_BLOCK, generator=torch.Generator().manual_seed(seed)) * 0.02).half()
    place = 0

    def pieces(name: str) -> Iterator[torch.Tensor]:
        nonlocal place
        left = math.prod(shapes[name])
        while left:
            piece = drawn[place : place + min(left, PIECE)]
            place = (place + len(piece)) % RANDOM_BLOCK
            left -= len(piece)
            yield piece

    outlines = {name: TensorOutline(torch.float16, tuple(shape)) for name, shape in shapes.items()}
    with new_file(path) as file:
        write_weights(file, outlines, {"format": "pt"}, pieces)


def _run(options: argparse.Namespace) -> None:
    """The measured process: merge, and print what it took as JSON."""
    memory = Memory()
    files = [path for name in "abc" if (path := options.run / f"{name}.safetensors").exists()]
    told: dict[str, float] = {}
    begun = time.perf_counter()

    def progress(share: float) -> None:
        told.setdefault("hashes", time.perf_counter() - begun)

    recipe = MergeRecipe(options.method, options.multiplier, options.blocks)
    with memory:
        merge(recipe, MergeFiles(*files), options.run / "out.safetensors", progress=progress)
    told["merge"] = time.perf_counter() - begun - told["hashes"]
    print(json.dumps({**told, "resident": memory.resident, "own": memory.own}))


class Memory:
    """The peaks of this process's memory in bytes within a block, looked at a hundred times a second (Linux)."""

    def __init__(self) -> None:
        self.resident = self.own = 0
        self._before = _status("RssAnon")
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.01):
            self.resident = max(self.resident, _status("VmRSS"))
            self.own = max(self.own, _status("RssAnon") - self._before)


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


if __name__ == "__main__":
    main()
