"""Samplers of second order that look twice in a step: Heun, DPM2, and Restart on top of Heun."""

from __future__ import annotations

import math

import torch

from modules.diffusion.samplers.contract import Run, sampler
from modules.diffusion.samplers.steps import ancestral_split, churned, direction, moved

_RESTART_FROM, _RESTART_TO = 0.1, 2.0


@sampler
def heun(run: Run, x: torch.Tensor) -> torch.Tensor:
    """Karras et al., "Elucidating the Design Space" (2022), algorithm 2."""
    for sigma, sigma_next in run.pairs():
        x, higher = churned(run, x, sigma)
        x, denoised = _heun_step(run, x, higher, sigma_next)
        x = run.stepped(denoised, x, sigma_next)
    return x


@sampler
def dpm2(run: Run, x: torch.Tensor) -> torch.Tensor:
    """Lu et al., "DPM-Solver" (2022), algorithm 1 (DPM-Solver-2), with the churn of Karras et al. (2022)."""
    for sigma, sigma_next in run.pairs():
        x, higher = churned(run, x, sigma)
        x, denoised = _midpoint_step(run, x, higher, sigma_next)
        x = run.stepped(denoised, x, sigma_next)
    return x


@sampler
def dpm2_ancestral(run: Run, x: torch.Tensor) -> torch.Tensor:
    """Lu et al., "DPM-Solver" (2022), algorithm 1, below the next level and back up by fresh noise."""
    for sigma, sigma_next in run.pairs():
        down, up = ancestral_split(sigma, sigma_next, run.eta(1.0))
        x, denoised = _midpoint_step(run, x, sigma, down)
        if up > 0:
            x = x + run.fresh(up)
        x = run.stepped(denoised, x, sigma_next)
    return x


@sampler
def restart(run: Run, x: torch.Tensor) -> torch.Tensor:
    """Xu et al., "Restart Sampling for Improving Generative Processes" (2023), algorithm 1, between 0.1 and 2.

    From 20 steps on 9 of them, and from 36 steps on twice a quarter, are spent on restarts; the main way is Karras'.
    """
    steps = _restart_steps(run.sigmas)
    run.steps = len(steps)
    reached = steps[0][0]
    for sigma, sigma_next in steps:
        if sigma > reached:
            x = x + run.fresh(math.sqrt(sigma**2 - reached**2))
        x, denoised = _heun_step(run, x, sigma, sigma_next)
        reached = sigma_next
        x = run.stepped(denoised, x, sigma_next)
    return x


def _heun_step(run: Run, x: torch.Tensor, sigma: float, sigma_next: float) -> tuple[torch.Tensor, torch.Tensor]:
    """The stepped x, and the picture seen first."""
    denoised = run.see(x, sigma)
    guess = moved(x, denoised, sigma, sigma_next)
    if sigma_next == 0:
        return guess, denoised
    slope = direction(guess, run.see(guess, sigma_next), sigma_next) + direction(x, denoised, sigma)
    return x + slope * ((sigma_next - sigma) / 2), denoised


def _midpoint_step(run: Run, x: torch.Tensor, sigma: float, sigma_next: float) -> tuple[torch.Tensor, torch.Tensor]:
    """The stepped x, and the picture seen first; the midpoint is one in log sigma."""
    denoised = run.see(x, sigma)
    if sigma_next == 0:
        return denoised, denoised
    middle = math.sqrt(sigma * sigma_next)
    guess = moved(x, denoised, sigma, middle)
    return x + direction(guess, run.see(guess, middle), middle) * (sigma_next - sigma), denoised


def _restart_steps(sigmas: list[float]) -> list[tuple[float, float]]:
    steps = len(sigmas) - 1
    if steps < 20:
        return list(zip(sigmas[:-1], sigmas[1:], strict=True))
    length, times = (steps // 4, 2) if steps >= 36 else (9, 1)
    main = [*_karras(steps - length * times, sigmas[-2], sigmas[0]), 0.0]
    low, high = _nearest(main, _RESTART_FROM), _nearest(main, _RESTART_TO)
    again = _karras(length + 1, main[low], main[high]) if high < low else []
    pairs = list(zip(main[:-1], main[1:], strict=True))
    return pairs[:low] + list(zip(again[:-1], again[1:], strict=True)) * times + pairs[low:]


def _nearest(sigmas: list[float], wanted: float) -> int:
    return min(range(len(sigmas)), key=lambda place: abs(sigmas[place] - wanted))


def _karras(count: int, low: float, high: float, rho: float = 7.0) -> list[float]:
    """Karras et al. (2022), equation 5, without the final 0."""
    start, end = high ** (1 / rho), low ** (1 / rho)
    return [(start + place / (count - 1) * (end - start)) ** rho for place in range(count)]
