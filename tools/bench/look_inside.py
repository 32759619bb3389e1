"""What recording costs: pictures of the current model with nobody looking, and with everything recorded.

python -m tools.bench.look_inside [--rounds 9] [--steps 20]

Off, a picture is compared with one of a run whose code for recording is taken out. What is compared are
processor times, taken in turn, so that other programs disturb little.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from unittest.mock import patch

import torch

from modules.checkpoints.loading import load_checkpoint
from modules.checkpoints.registry import Registry
from modules.config.paths import resolve_paths
from modules.diffusion.guidance.guided_denoiser import GuidedDenoiser
from modules.pipeline.resources import Resources
from modules.pipeline.run_recording import RecordedRun
from modules.pipeline.sampling_run import SamplingRun
from modules.pipeline.text_cache import TextCache
from modules.pipeline.txt2img import txt2img
from modules.pipeline.watcher import Unwatched
from tools.bench.picture import _nothing, _request


class Everything:
    """A Recorder that wants all and keeps nothing."""

    def wants(self, index: int) -> bool:
        return True

    def keep(self, run: RecordedRun) -> None:
        pass


def main() -> None:
    """Print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=20)
    options = parser.parse_args()
    checkpoint = Registry(resolve_paths().checkpoint_folders).find("")
    model = load_checkpoint(checkpoint, device=torch.device("cpu"), dtype=torch.float32, attention="sdp")
    request = _request(checkpoint, options.steps)
    resources = Resources(lambda name: model, TextCache(), Unwatched(), _nothing, _nothing)
    watched = replace(resources, recorder=Everything())

    def without() -> None:
        with (
            patch.object(SamplingRun, "_recording", lambda *_: nullcontext()),
            patch.object(GuidedDenoiser, "__call__", GuidedDenoiser._guided),
        ):
            list(txt2img(request, resources))

    kinds: dict[str, Callable[[], object]] = {
        "without": without,
        "off": lambda: list(txt2img(request, resources)),
        "recorded": lambda: list(txt2img(request, watched)),
    }
    seconds: dict[str, list[float]] = {name: [] for name in kinds}
    for turn in range(options.rounds + 1):
        for name, paint in kinds.items():
            started = time.process_time()
            paint()
            if turn:  # the first round loads what later ones find loaded
                seconds[name].append(time.process_time() - started)
    print(f"{checkpoint.name}, {request.width} x {request.height}, {options.steps} steps, {options.rounds} rounds")
    for name, times in seconds.items():
        print(f"{name:<10} {statistics.median(times):7.3f} s (median), {min(times):7.3f} s (best)")
    for name in ("off", "recorded"):
        ratios = [one / other for one, other in zip(seconds[name], seconds["without"], strict=True)]
        print(f"{name} / without: {statistics.median(ratios):.3f}")


if __name__ == "__main__":
    main()
