"""Samplers that go on from the noise seen in earlier steps: Adams-Bashforth in several forms."""

from __future__ import annotations

import math
from collections import deque

import numpy as np
import torch

from modules.diffusion.samplers.contract import Run, sampler
from modules.diffusion.samplers.steps import combined, direction, interpolation_weights, moved

_FEW_STEPS = 15
_ADAMS_BASHFORTH = (
    (1.0,),
    (3 / 2, -1 / 2),
    (23 / 12, -16 / 12, 5 / 12),
    (55 / 24, -59 / 24, 37 / 24, -9 / 24),
)
"""Weights of the latest directions, newest first, as for steps of one width."""


@sampler
def lms(run: Run, x: torch.Tensor) -> torch.Tensor:
    """Adams-Bashforth of order 4 in sigma with steps of any width (Hairer et al., "Solving ODEs I" (1993), III.5)."""
    order = run.options.order or 4
    directions: deque[torch.Tensor] = deque(maxlen=order)
    for step, (sigma, sigma_next) in enumerate(run.pairs()):
        denoised = run.see(x, sigma)
        directions.appendleft(direction(x, denoised, sigma))
        nodes = run.sigmas[max(step - order + 1, 0) : step + 1][::-1]
        x = x + combined(interpolation_weights(nodes, sigma, sigma_next), directions)
        x = run.stepped(denoised, x, sigma_next)
    return x


@sampler
def ipndm(run: Run, x: torch.Tensor) -> torch.Tensor:
    """Zhang and Chen, "Fast Sampling with Exponential Integrator" (2022), iPNDM: PLMS' weights, lower ones first."""
    directions: deque[torch.Tensor] = deque(maxlen=min(run.options.order or 4, len(_ADAMS_BASHFORTH)))
    for sigma, sigma_next in run.pairs():
        denoised = run.see(x, sigma)
        directions.appendleft(direction(x, denoised, sigma))
        if sigma_next == 0:
            x = denoised
        else:
            x = x + combined(_ADAMS_BASHFORTH[len(directions) - 1], directions) * (sigma_next - sigma)
        x = run.stepped(denoised, x, sigma_next)
    return x


@sampler
def plms(run: Run, x: torch.Tensor) -> torch.Tensor:
    """Liu et al., "Pseudo Numerical Methods for Diffusion Models" (2022), algorithm 2, an improved Euler step first.

    Asks the denoiser twice in the first step. The picture it tells of follows from the combined directions.
    """
    directions: deque[torch.Tensor] = deque(maxlen=len(_ADAMS_BASHFORTH))
    for sigma, sigma_next in run.pairs():
        denoised = run.see(x, sigma)
        directions.appendleft(direction(x, denoised, sigma))
        slope = combined(_ADAMS_BASHFORTH[len(directions) - 1], directions)
        if len(directions) == 1 and sigma_next > 0:
            guess = moved(x, denoised, sigma, sigma_next)
            slope = (slope + direction(guess, run.see(guess, sigma_next), sigma_next)) / 2
        shown = x - slope * sigma
        x = run.stepped(shown, x + slope * (sigma_next - sigma), sigma_next)
    return x


@sampler
def deis(run: Run, x: torch.Tensor) -> torch.Tensor:
    """Zhang and Chen, "Fast Sampling with Exponential Integrator" (2022), algorithm 1 (tAB-DEIS), in log sigma.

    Order 3, falling towards the end of runs below 15 steps as in diffusers. A step to 0, where log sigma ends, is an
    Euler step.
    """
    order = run.options.order or 3
    directions: deque[torch.Tensor] = deque(maxlen=order)
    nodes: deque[float] = deque(maxlen=order)
    for step, (sigma, sigma_next) in enumerate(run.pairs()):
        denoised = run.see(x, sigma)
        directions.appendleft(direction(x, denoised, sigma))
        nodes.appendleft(math.log(sigma))
        if sigma_next == 0:
            x = denoised
        else:
            use = min(len(nodes), run.steps - step if run.steps < _FEW_STEPS else order)
            weights = interpolation_weights(list(nodes)[:use], nodes[0], math.log(sigma_next), np.exp)
            x = x + combined(weights, list(directions)[:use])
        x = run.stepped(denoised, x, sigma_next)
    return x
