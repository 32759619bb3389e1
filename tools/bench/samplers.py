"""A sampler step's own arithmetic, all but the network, for the latents of a 512 x 512 picture, in milliseconds.

python -m tools.bench.samplers [--rounds 7] [--steps 20] [--threads 1] [--brownian NV]

The denoiser answers with a tensor that was there before, and noise is drawn beforehand: what is timed is what the
sampler itself does, for every denoiser call of a step and in the mean over a run. "brownian" times the noise of the
SDE samplers, which they get and do not make: the path of one picture at one step of 20, from that noise source.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch

from modules.diffusion.brownian import BrownianNoise
from modules.diffusion.names import SAMPLER_NAMES
from modules.diffusion.noise_levels import NoiseLevels
from modules.diffusion.samplers import SAMPLERS, SamplerOptions
from modules.diffusion.schedules import karras

SHAPE = (1, 4, 64, 64)
LIMIT = 1.0


class DrawnNoise:
    """Noise that costs nothing."""

    def __init__(self) -> None:
        self._noise = torch.randn(SHAPE)

    def __call__(self) -> torch.Tensor:
        return self._noise

    def between(self, sigma: float, sigma_next: float) -> torch.Tensor:
        return self._noise


def main() -> None:
    """Print the table; exit with 1 if a sampler's median is above the limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--brownian", choices=("NV", "CPU"), default="NV")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    levels = NoiseLevels.scaled_linear(0.00085, 0.012, 1000)
    sigmas = karras(options.steps, levels.sigma_min, levels.sigma_max)
    contenders = {row.name: _run(row.name, sigmas) for row in SAMPLER_NAMES}
    seconds = _in_turn(contenders, options.rounds)
    print(f"{SHAPE}, {options.steps} steps, {options.threads} threads, median of {options.rounds} rounds")
    print(f"{'sampler':<20} {'ms a step':>9}")
    slow = []
    for name, times in seconds.items():
        milliseconds = statistics.median(times) / options.steps * 1000
        slow += [name] if milliseconds > LIMIT else []
        print(f"{name:<20} {milliseconds:9.3f}{'  above the limit' if milliseconds > LIMIT else ''}")
    print(f"{'brownian ' + options.brownian:<20} {_brownian(sigmas, options.brownian) * 1000:9.3f}")
    if slow:
        raise SystemExit(1)


def _run(name: str, sigmas: torch.Tensor) -> Callable[[], object]:
    x = torch.randn(SHAPE) * float(sigmas[0])
    picture, noise, options = torch.randn(SHAPE), DrawnNoise(), SamplerOptions()

    def run() -> object:
        with torch.inference_mode():
            return SAMPLERS[name].run(
                lambda x, sigma: picture, x, sigmas, noise=noise, callback=lambda report: None, options=options
            )

    return run


def _brownian(sigmas: torch.Tensor, kind: str) -> float:
    """Seconds for the noise of one step, in the mean over all steps of a picture."""
    noise = BrownianNoise([1], SHAPE[1:], (float(sigmas[-2]), float(sigmas[0])), kind=kind, device=torch.device("cpu"))
    pairs = list(zip(sigmas[:-2].tolist(), sigmas[1:-1].tolist(), strict=True))
    started = time.perf_counter()
    for sigma, sigma_next in pairs:
        noise.between(sigma, sigma_next)
    return (time.perf_counter() - started) / len(pairs)


def _in_turn(contenders: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Times of every contender, after one round that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for round_number in range(rounds + 1):
        for name, run in contenders.items():
            started = time.perf_counter()
            run()
            if round_number:
                seconds[name].append(time.perf_counter() - started)
    return seconds


if __name__ == "__main__":
    main()
