"""DPM-Solver++ and RES: exponential integrators over log sigma that extrapolate the denoised picture."""

from __future__ import annotations

import math

import torch

from modules.diffusion.samplers.contract import Run, sampler
from modules.diffusion.samplers.steps import ancestral_split, moved


@sampler
def dpmpp_2m(run: Run, x: torch.Tensor) -> torch.Tensor:
    """Lu et al., "DPM-Solver++" (2022), algorithm 2: multistep, second order."""
    last: torch.Tensor | None = None
    last_width = 0.0
    for sigma, sigma_next in run.pairs():
        denoised = run.see(x, sigma)
        width = _width(sigma, sigma_next)
        estimate = denoised
        if last is not None and sigma_next > 0:
            estimate = torch.lerp(last, denoised, 1 + width / (2 * last_width))
        x = moved(x, estimate, sigma, sigma_next)
        last, last_width = denoised, width
        x = run.stepped(denoised, x, sigma_next)
    return x


@sampler
def dpmpp_2s_ancestral(run: Run, x: torch.Tensor) -> torch.Tensor:
    """Lu et al., "DPM-Solver++" (2022), algorithm 1, below the next level and back up by fresh noise."""
    for sigma, sigma_next in run.pairs():
        denoised = first = run.see(x, sigma)
        down, up = ancestral_split(sigma, sigma_next, run.eta(1.0))
        if down > 0:
            middle = math.sqrt(sigma * down)
            denoised = run.see(moved(x, first, sigma, middle), middle)
        x = moved(x, denoised, sigma, down)
        if up > 0:
            x = x + run.fresh(up)
        x = run.stepped(first, x, sigma_next)
    return x


@sampler
def dpmpp_sde(run: Run, x: torch.Tensor) -> torch.Tensor:
    """Lu et al., "DPM-Solver++" (2022), algorithm 1 with the noise of its SDE (section 5) at both of its points."""
    eta = run.eta(1.0)
    for sigma, sigma_next in run.pairs():
        denoised = first = run.see(x, sigma)
        if sigma_next > 0:
            middle = math.sqrt(sigma * sigma_next)
            guess = _sde_step(run, x, first, (sigma, middle), eta)
            denoised = run.see(guess, middle)
        x = _sde_step(run, x, denoised, (sigma, sigma_next), eta)
        x = run.stepped(first, x, sigma_next)
    return x


@sampler
def dpmpp_2m_sde(run: Run, x: torch.Tensor) -> torch.Tensor:
    """Lu et al., "DPM-Solver++" (2022), SDE-DPM-Solver++(2M), section 5, in its midpoint form."""
    return _multistep_sde(run, x, heun=False)


@sampler
def dpmpp_2m_sde_heun(run: Run, x: torch.Tensor) -> torch.Tensor:
    """Lu et al., "DPM-Solver++" (2022), SDE-DPM-Solver++(2M), section 5, with the slope integrated exactly."""
    return _multistep_sde(run, x, heun=True)


@sampler
def dpmpp_3m_sde(run: Run, x: torch.Tensor) -> torch.Tensor:
    """Lu et al., "DPM-Solver++" (2022), the SDE of section 5 with the differences of three pictures (appendix B)."""
    eta = run.eta(1.0)
    seen: list[torch.Tensor] = []
    widths: list[float] = []
    for sigma, sigma_next in run.pairs():
        denoised = run.see(x, sigma)
        width = _width(sigma, sigma_next)
        if sigma_next == 0:
            x = denoised
        else:
            full = width * (1 + eta)
            x = torch.lerp(denoised, x, math.exp(-full))
            phi_2 = math.expm1(-full) / full + 1
            if seen:
                slope = (denoised - seen[0]) * (width / widths[0])
            if len(seen) == 2:
                last_slope = (seen[0] - seen[1]) * (width / widths[1])
                bend = (slope - last_slope) * (width / (widths[0] + widths[1]))
                slope = slope + bend * (widths[0] / width)
                x = x - bend * (phi_2 / full - 0.5)
            if seen:
                x = x + slope * phi_2
            x = _with_sde_noise(run, x, sigma, sigma_next, eta)
        seen, widths = [denoised, *seen[:1]], [width, *widths[:1]]
        x = run.stepped(denoised, x, sigma_next)
    return x


@sampler
def res_multistep(run: Run, x: torch.Tensor) -> torch.Tensor:
    """Zhang et al., "Improved Order Analysis of Exponential Integrator" (2023), algorithm 2 (RES, multistep)."""
    return _refined_multistep(run, x, eta=0.0)


@sampler
def res_multistep_ancestral(run: Run, x: torch.Tensor) -> torch.Tensor:
    """Zhang et al. (2023), algorithm 2 (RES, multistep), below the next level and back up by fresh noise."""
    return _refined_multistep(run, x, eta=run.eta(1.0))


def _width(sigma: float, sigma_next: float) -> float:
    """The step's width in log sigma."""
    return math.log(sigma / sigma_next) if sigma_next > 0 else math.inf


def _sde_step(run: Run, x: torch.Tensor, denoised: torch.Tensor, step: tuple[float, float], eta: float) -> torch.Tensor:
    """An Euler step below the end of the step, and Brownian noise back up."""
    down, up = ancestral_split(*step, eta)
    x = moved(x, denoised, step[0], down)
    return x + run.between(*step, up) if up > 0 else x


def _with_sde_noise(run: Run, x: torch.Tensor, sigma: float, sigma_next: float, eta: float) -> torch.Tensor:
    deviation = sigma_next * math.sqrt(-math.expm1(-2 * eta * _width(sigma, sigma_next)))
    return x + run.between(sigma, sigma_next, deviation) if deviation > 0 else x


def _multistep_sde(run: Run, x: torch.Tensor, *, heun: bool) -> torch.Tensor:
    eta = run.eta(1.0)
    last: torch.Tensor | None = None
    last_width = 0.0
    for sigma, sigma_next in run.pairs():
        denoised = run.see(x, sigma)
        width = _width(sigma, sigma_next)
        if sigma_next == 0:
            x = denoised
        else:
            full = width * (1 + eta)
            gain = -math.expm1(-full)
            x = torch.lerp(denoised, x, 1 - gain)
            if last is not None:
                weight = 1 - gain / full if heun else gain / 2
                x = x + (denoised - last) * (weight * width / last_width)
            x = _with_sde_noise(run, x, sigma, sigma_next, eta)
        last, last_width = denoised, width
        x = run.stepped(denoised, x, sigma_next)
    return x


def _refined_multistep(run: Run, x: torch.Tensor, eta: float) -> torch.Tensor:
    last: torch.Tensor | None = None
    last_sigma = last_down = 0.0
    for sigma, sigma_next in run.pairs():
        denoised = run.see(x, sigma)
        down, up = ancestral_split(sigma, sigma_next, eta)
        if down == 0 or last is None:
            x = moved(x, denoised, sigma, down)
        else:
            width = _width(sigma, down)
            # How far back the last picture was seen, in widths of this step; below 0.
            back = math.log(last_down / last_sigma) / width
            phi_1 = -math.expm1(-width) / width
            phi_2 = (1 - phi_1) / width
            pictures = denoised * (width * (phi_1 - phi_2 / back)) + last * (width * phi_2 / back)
            x = x * math.exp(-width) + pictures
        if up > 0:
            x = x + run.fresh(up)
        last, last_sigma, last_down = denoised, sigma, down
        x = run.stepped(denoised, x, sigma_next)
    return x
