"""Solvers of the reverse-time SDE of higher order: ER-SDE and SA-Solver."""

from __future__ import annotations

import math
from collections import deque

import numpy as np
import torch

from modules.diffusion.noise_levels import Levels
from modules.diffusion.samplers.contract import Run, sampler
from modules.diffusion.samplers.steps import combined, interpolation_weights, stable_diffusion_levels

_NOISY_TIMESTEPS = (200.0, 800.0)


@sampler
def er_sde(run: Run, x: torch.Tensor) -> torch.Tensor:
    """Cui et al., "Elucidating the Solution Space of Extended Reverse-Time SDE" (2023), algorithm 2 (ER-SDE-Solver-3).

    Its noise scale is the paper's fifth, sigma (exp(sigma^0.3) + 10).
    """
    last: torch.Tensor | None = None
    last_slope: torch.Tensor | None = None
    for step, (sigma, sigma_next) in enumerate(run.pairs()):
        denoised = run.see(x, sigma)
        if sigma_next == 0:
            x = denoised
        else:
            kept = _noise_scale(sigma_next) / _noise_scale(sigma)
            x = torch.lerp(denoised, x, kept)
            slope_gain, bend_gain = _er_gains(sigma, sigma_next)
            if last is not None:
                slope = (denoised - last) / (sigma - run.sigmas[step - 1])
                x = x + slope * slope_gain
                if last_slope is not None:
                    x = x + (slope - last_slope) * (2 * bend_gain / (sigma - run.sigmas[step - 2]))
                last_slope = slope
            x = x + run.fresh(math.sqrt(max(sigma_next**2 - (sigma * kept) ** 2, 0)))
        last = denoised
        x = run.stepped(denoised, x, sigma_next)
    return x


@sampler
def sa_solver(run: Run, x: torch.Tensor) -> torch.Tensor:
    """Xue et al., "SA-Solver" (2023), algorithm 1 (predict, evaluate, correct), order 2 in both; eta is its tau.

    There is noise between timesteps 800 and 200 (section 6.1), none outside of them.
    """
    order = run.options.order or 2
    pictures: deque[torch.Tensor] = deque(maxlen=order)
    times: deque[float] = deque(maxlen=order)
    lowest, highest = _noisy_sigmas(run.options.levels or stable_diffusion_levels())
    start, tau = x, 0.0
    noise: torch.Tensor | None = None
    for step, (sigma, sigma_next) in enumerate(run.pairs()):
        denoised = run.see(x, sigma)
        if step > 0:
            # The step before is taken once more, with the picture at its end and the noise that it had.
            width = max(order - 1, 1)
            known = [denoised, *list(pictures)[:width]]
            nodes = [-math.log(sigma), *list(times)[:width]]
            x = _stochastic_adams(start, (run.sigmas[step - 1], sigma), known, nodes, tau)
            x = x if noise is None else x + noise
        pictures.appendleft(denoised)
        times.appendleft(-math.log(sigma))
        start, noise = x, None
        if sigma_next == 0:
            x = denoised
        else:
            tau = run.eta(1.0) if lowest <= sigma_next <= highest else 0.0
            x = _stochastic_adams(start, (sigma, sigma_next), list(pictures), list(times), tau)
            if tau > 0:
                noise = run.fresh(sigma_next * math.sqrt(-math.expm1(-2 * tau**2 * math.log(sigma / sigma_next))))
                x = x + noise
        changed = run.stepped(denoised, x, sigma_next)
        if changed is not x:  # the next step takes this one once more
            noise = changed - x if noise is None else noise + (changed - x)
            x = changed
    return x


def _stochastic_adams(
    x: torch.Tensor, sigmas: tuple[float, float], pictures: list[torch.Tensor], times: list[float], tau: float
) -> torch.Tensor:
    """The mean of a step: the pictures as a polynomial over -log sigma, integrated exactly (equation 14)."""
    start, end = (-math.log(sigma) for sigma in sigmas)
    rate = 1 + tau**2
    weights = interpolation_weights(times, start, end, lambda time: rate * np.exp(rate * (time - end)))
    return x * math.exp(-rate * (end - start)) + combined(weights, pictures)


def _noise_scale(sigma: float) -> float:
    return sigma * (math.exp(sigma**0.3) + 10)


def _er_gains(sigma: float, sigma_next: float) -> tuple[float, float]:
    """How the picture's first and second derivative by sigma enter the step (the paper's equation 20)."""

    def density(log_sigma: np.ndarray) -> np.ndarray:
        weight: np.ndarray = 1 / (np.exp(np.exp(0.3 * log_sigma)) + 10)
        return weight

    # In log sigma, where the integrand is smooth: d sigma = sigma d log sigma.
    low, high = math.log(sigma_next), math.log(sigma)
    whole = interpolation_weights([0.0], low, high, density)[0]
    moment = interpolation_weights([0.0], low, high, lambda u: density(u) * (np.exp(u) - sigma))[0]
    width, scale = sigma_next - sigma, _noise_scale(sigma_next)
    return width + scale * whole, width**2 / 2 + scale * moment


def _noisy_sigmas(levels: Levels) -> tuple[float, float]:
    low, high = levels.sigma_of(torch.tensor(_NOISY_TIMESTEPS, dtype=torch.float64)).tolist()
    return low, high
