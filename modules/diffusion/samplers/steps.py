"""Parts of steps that several samplers share."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch

from modules.diffusion.noise_levels import NoiseLevels
from modules.diffusion.samplers.contract import Run

Weight = Callable[[np.ndarray], np.ndarray]


def moved(x: torch.Tensor, denoised: torch.Tensor, sigma: float, sigma_next: float) -> torch.Tensor:
    """x with the noise in it scaled from sigma to sigma_next: an Euler step, which is DDIM's and DPM-Solver-1's too."""
    return torch.lerp(denoised, x, sigma_next / sigma)


def direction(x: torch.Tensor, denoised: torch.Tensor, sigma: float) -> torch.Tensor:
    """dx/dsigma of the probability flow (Karras et al., 2022, equation 3): the noise that the model sees."""
    return (x - denoised) / sigma


def ancestral_split(sigma: float, sigma_next: float, eta: float) -> tuple[float, float]:
    """Where a step goes down to and how much fresh noise brings it back up to sigma_next: down^2 + up^2 = next^2."""
    if eta == 0 or sigma_next == 0:
        return sigma_next, 0.0
    up = min(sigma_next, eta * sigma_next * math.sqrt(max(sigma**2 - sigma_next**2, 0)) / sigma)
    return math.sqrt(sigma_next**2 - up**2), up


def churned(run: Run, x: torch.Tensor, sigma: float) -> tuple[torch.Tensor, float]:
    """x and its sigma after the churn (Karras et al., 2022, algorithm 2, lines 4 to 6)."""
    options = run.options
    if options.s_churn <= 0 or not options.s_tmin <= sigma <= options.s_tmax:
        return x, sigma
    higher = sigma * (1 + min(options.s_churn / run.steps, math.sqrt(2) - 1))
    return x + run.fresh(math.sqrt(higher**2 - sigma**2)), higher


def combined(weights: Sequence[float], tensors: Iterable[torch.Tensor]) -> torch.Tensor:
    """The weighted sum of as many tensors as weights; at least one."""
    total: torch.Tensor | None = None
    for weight, tensor in zip(weights, tensors, strict=True):
        total = tensor * weight if total is None else total.add(tensor, alpha=weight)
    assert total is not None
    return total


def interpolation_weights(
    nodes: Sequence[float], start: float, end: float, weight: Weight | None = None
) -> list[float]:
    """The integrals from start to end of weight(u) L_j(u), where L_j is 1 at nodes[j] and 0 at the other nodes.

    Gauss-Legendre with 32 points: exact for polynomials, and to rounding for the exponentials that samplers need.
    """
    places, shares = _gauss_legendre()
    places = (start + end) / 2 + (end - start) / 2 * places
    shares = (end - start) / 2 * shares
    if weight is not None:
        shares = shares * weight(places)
    weights = []
    for own, node in enumerate(nodes):
        basis = np.ones_like(places)
        for other, base in enumerate(nodes):
            if other != own:
                basis *= (places - base) / (node - base)
        weights.append(float(shares @ basis))
    return weights


@functools.cache
def stable_diffusion_levels() -> NoiseLevels:
    """Stable Diffusion's noise levels, for samplers that reckon in timesteps and were told of no others."""
    return NoiseLevels.scaled_linear(0.00085, 0.012, 1000)


@functools.cache
def _gauss_legendre() -> tuple[np.ndarray, np.ndarray]:
    places, shares = np.polynomial.legendre.leggauss(32)
    return places, shares
