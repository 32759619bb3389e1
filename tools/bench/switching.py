"""Two models in turn: how long going back to one takes, and whether memory grows.

python -m tools.bench.switching [--switches 50] [--full]

Two checkpoints of random numbers, of the proportions of SD 1.5 and some 100 MB each, are asked for in turn, kept both
and one at a time. Memory counts from the 13th switch on: until then the allocator learns how much it needs. `--full`
takes files of SD 1.5's full size, and keeps both.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from contextlib import closing
from pathlib import Path

import psutil
import torch

from modules.config.paths import resolve_paths
from modules.hooks import Plugins
from modules.services.brought_models import BroughtModels
from modules.services.build import build_services
from modules.services.machine import Machine
from modules.services.model_keeping import ModelKeeper
from modules.services.options import EngineOptions
from tests.layouts import shapes_of, write_checkpoint, write_single_file, write_small_folder

_WARMING = 12


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--switches", type=int, default=50)
    parser.add_argument("--full", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="atelier-switching-") as name:
        folder = Path(name) / "models" / "Stable-diffusion"
        folder.mkdir(parents=True)
        for number, model in enumerate("ab"):
            path = folder / f"{model}.safetensors"
            if options.full:
                write_checkpoint(path, shapes_of("sd15"), torch.float16, seed=number)
            else:
                torch.manual_seed(number)
                write_single_file(write_small_folder(Path(name) / model, "sd1"), path, "ldm")
        _run(Path(name), options.switches, kept=True)
        if not options.full:
            _run(Path(name), options.switches, kept=False)


def _run(data: Path, switches: int, *, kept: bool) -> None:
    engine = EngineOptions(use_cpu=True)
    with closing(build_services(resolve_paths(data_dir=data), engine)) as services:
        files = (services.models, services.vaes, services.settings, ())
        keeper = ModelKeeper(Machine(engine, services.settings), *files, BroughtModels(Plugins(())))
        process, times, sizes = psutil.Process(), [], []
        for number in range(_WARMING + switches):
            if not kept:
                keeper.keep_only([])
            started = time.perf_counter()
            keeper.get("ab"[number % 2])
            times.append(time.perf_counter() - started)
            sizes.append(process.memory_info().rss)
        first, last = sizes[_WARMING - 1], sizes[-1]
        print(
            f"{'both kept' if kept else 'one at a time'}: going back {statistics.median(times[2:]) * 1000:.1f} ms "
            f"(median), resident memory {first / 2**20:.0f} MiB, {last / 2**20:.0f} MiB after {switches} switches: "
            f"{100 * (last - first) / first:+.1f} %"
        )


if __name__ == "__main__":
    main()
