"""UniPC: a predictor, and a corrector that uses the predictor's own picture for no further denoiser call."""

from __future__ import annotations

import math

import numpy as np
import torch

from modules.diffusion.samplers.contract import Run, UniPcVariant, sampler
from modules.diffusion.samplers.steps import combined, moved


@sampler
def unipc(run: Run, x: torch.Tensor) -> torch.Tensor:
    """Zhao et al., "UniPC" (2023), algorithms 5 to 8 (data prediction, multistep), order 3, lower at both ends.

    The last step is not corrected, and one that ends at 0 gives the latest picture.
    """
    order = run.options.order or 3
    seen: list[torch.Tensor] = []
    times: list[float] = []
    if run.steps > 0:
        seen, times = [run.see(x, run.sigmas[0])], [-math.log(run.sigmas[0])]
    for step, (sigma, sigma_next) in enumerate(run.pairs()):
        told = seen[0]
        if sigma_next == 0:
            x = seen[0]
        else:
            use = min(order, len(seen), run.steps - step)
            x = _step(run, x, seen, times, (sigma, sigma_next), use, last=step == run.steps - 1)
            del seen[order:], times[order:]
        x = run.stepped(told, x, sigma_next)
    return x


def _step(
    run: Run,
    x: torch.Tensor,
    seen: list[torch.Tensor],
    times: list[float],
    sigmas: tuple[float, float],
    order: int,
    *,
    last: bool,
) -> torch.Tensor:
    """One predicted and corrected step; puts the picture seen at its end in front of `seen`."""
    sigma, sigma_next = sigmas
    time = -math.log(sigma_next)
    width = time - times[0]
    back = [(earlier - times[0]) / width for earlier in times[1:order]]
    slopes = [(picture - seen[0]) / place for picture, place in zip(seen[1:order], back, strict=True)]
    predictor, corrector = _weights(run.options.unipc_variant, width, back)
    base = moved(x, seen[0], sigma, sigma_next)
    predicted = base + combined(predictor, slopes) if slopes else base
    if last:
        return predicted
    picture = run.see(predicted, sigma_next)
    corrected = base + combined(corrector, [*slopes, picture - seen[0]])
    seen.insert(0, picture)
    times.insert(0, time)
    return corrected


def _weights(variant: UniPcVariant, width: float, back: list[float]) -> tuple[list[float], list[float]]:
    """Factors on the slopes, of the predictor and of the corrector, which has one more for the new picture."""
    places = np.array([*back, 1.0])
    order = len(places)
    # h phi_k of the paper for k = 1, 2, ..., in data prediction; the first is 1 - e^-h.
    phis = [math.expm1(-width)]
    for k in range(1, order + 2):
        phis.append(phis[-1] / -width - 1 / math.factorial(k))
    if variant == "vary_coeff":
        return _varying_weights(places, phis)
    scale = -width if variant == "bh1" else math.expm1(-width)
    powers = np.stack([places**k for k in range(order)])
    wanted = np.array([phis[k] * math.factorial(k) / scale for k in range(1, order + 1)])
    if order == 1:
        predictor, corrector = np.zeros(0), np.array([0.5])
    else:
        corrector = np.linalg.solve(powers, wanted)
        # For order 2 the authors fix the only factor of the predictor at one half.
        predictor = np.array([0.5]) if order == 2 else np.linalg.solve(powers[:-1, :-1], wanted[:-1])
    return [-scale * float(rho) for rho in predictor], [-scale * float(rho) for rho in corrector]


def _varying_weights(places: np.ndarray, phis: list[float]) -> tuple[list[float], list[float]]:
    """UniPC_v (the paper's appendix C): the inverse of the Taylor matrix in place of B(h)."""
    order = len(places)
    taylor = np.stack([places**k / math.factorial(k + 1) for k in range(order)], axis=1)
    gains = -np.array(phis[1 : order + 1])
    predictor = gains[:-1] @ np.linalg.inv(taylor[:-1, :-1]) if order > 1 else np.zeros(0)
    corrector = gains @ np.linalg.inv(taylor)
    return [float(weight) for weight in predictor], [float(weight) for weight in corrector]
