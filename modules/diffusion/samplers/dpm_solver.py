"""DPM-Solver's single-step methods of order 1, 2 and 3: DPM fast, and DPM adaptive with its step size control.

Times are -log sigma and grow; a time is a tensor of (batch, 1, 1, 1), since with adaptive steps every image of a batch
has its own. Both samplers run from the largest to the smallest sigma above 0 of their schedule and look at no other;
where that is the same one, they answer with the picture seen there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from modules.diffusion.samplers.contract import Run, sampler
from modules.errors import InvalidRequest

_RELATIVE_TOLERANCE, _ABSOLUTE_TOLERANCE = 0.05, 0.0078
_FIRST_WIDTH, _ACCEPT_SAFETY = 0.05, 0.81
_MOST_ROUNDS = 1000
_CLOSE_ENOUGH = 1e-5

Look = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""epsilon = look(x, time)."""


@sampler
def dpm_fast(run: Run, x: torch.Tensor) -> torch.Tensor:
    """Lu et al., "DPM-Solver" (2022), DPM-Solver-fast (section 3.4): as many denoiser calls as steps, order 3 first."""
    eta, calls = run.eta(1.0), run.steps
    start, end = _times(run, x)
    if torch.equal(start, end):
        return _only_look(run, x)
    orders = _fast_orders(calls)

    def look(x: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        denoised, epsilon = _seen(run, x, time)
        run.tell(denoised)
        return epsilon

    width = (end - start) / len(orders)
    for place, order in enumerate(orders):
        time, time_next = start + width * place, start + width * (place + 1)
        below, up = _ancestral_times(time, time_next, end, eta)
        epsilon = look(x, time)
        x = _STEPS[order](look, x, epsilon, time, below)[-1]
        if place < len(orders) - 1 and eta > 0:
            x = x + run.fresh(1.0) * up.to(x)
        x = run.settled(x, float((-time_next).exp().max()))
    return x


@sampler
def dpm_adaptive(run: Run, x: torch.Tensor) -> torch.Tensor:
    """Lu et al., "DPM-Solver" (2022), DPM-Solver-23 (algorithm 4), its steps as wide as the error allows.

    Images have steps of their own, so that a batch changes none of them. What it tells is how far the slowest one is,
    in steps of the schedule.
    """
    eta = run.eta(1.0)
    start, end = _times(run, x)
    if torch.equal(start, end):
        return _only_look(run, x)
    state = _Adaptive(x, x, start.clone(), torch.full_like(start, _FIRST_WIDTH), torch.zeros(len(x), dtype=torch.long))
    noises: list[torch.Tensor] = []
    told = 0
    rounds = 0
    while bool((state.time < end - _CLOSE_ENOUGH).any()):
        rounds += 1
        if rounds > _MOST_ROUNDS:
            problem = f"is not done with this picture after {_MOST_ROUNDS} steps of its own"
            raise InvalidRequest("Sampler", "DPM adaptive", problem, "Choose another sampler.")
        target = torch.minimum(end, state.time + state.width)
        below, up = _ancestral_times(state.time, target, end, eta)
        denoised, epsilon = _seen(run, state.x, state.time)

        def look(x: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
            return _seen(run, x, time)[1]

        first, _, high = _step_3(look, state.x, epsilon, state.time, below)
        low = _second_order(state.x, epsilon, first, state.time, below, 1 / 3)
        accepted = state.judge(low, high, order=1.5 if eta else 3.0) & (state.time < end - _CLOSE_ENOUGH).flatten()
        if eta > 0:
            high = high + _own_noise(run, noises, state.accepted, accepted) * up.to(x)
        state.advance(accepted, low, high, target)
        share = float(((state.time - start) / (end - start)).min())
        now = run.steps if share > 1 - _CLOSE_ENOUGH else int(share * run.steps)
        for _ in range(now - told):
            run.tell(denoised)
        told = max(told, now)
    return state.x


@dataclass
class _Adaptive:
    """Where every image of the batch is."""

    x: torch.Tensor
    low: torch.Tensor
    """The latest accepted result of the lower order."""
    time: torch.Tensor
    width: torch.Tensor
    accepted: torch.Tensor
    """How many steps each image has made."""

    def judge(self, low: torch.Tensor, high: torch.Tensor, order: float) -> torch.Tensor:
        """Which images' steps are good enough, (batch,); sets the widths to try next."""
        allowed = (torch.maximum(low.abs(), self.low.abs()) * _RELATIVE_TOLERANCE).clamp(min=_ABSOLUTE_TOLERANCE)
        error = ((low - high) / allowed).flatten(1).double().square().mean(dim=1).sqrt().cpu()
        factor = 1 + torch.atan((1 / (error + 1e-8)) ** (1 / order) - 1)
        # Numbers that have overflowed grow no better with smaller steps.
        factor = torch.where(error.isfinite(), factor, torch.ones_like(factor))
        self.width = self.width * factor.reshape(self.width.shape)
        return factor >= _ACCEPT_SAFETY

    def advance(self, accepted: torch.Tensor, low: torch.Tensor, high: torch.Tensor, target: torch.Tensor) -> None:
        there = accepted.reshape(self.time.shape)
        here = there.to(self.x.device)
        self.x, self.low = torch.where(here, high, self.x), torch.where(here, low, self.low)
        self.time = torch.where(there, target, self.time)
        self.accepted = self.accepted + accepted


def _own_noise(run: Run, drawn: list[torch.Tensor], used: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Each image's own next noise, whatever the others have used; those that want none do not count."""
    while len(drawn) <= int(torch.where(wanted, used, -1).max()):
        drawn.append(run.fresh(1.0))
    if not drawn:
        return torch.zeros(())
    last = len(drawn) - 1
    return torch.stack([drawn[min(int(place), last)][image] for image, place in enumerate(used)])


def _times(run: Run, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    lowest = run.sigmas[-1] if run.sigmas[-1] > 0 else run.sigmas[-2]
    shape = (len(x), *[1] * (x.dim() - 1))
    start, end = (torch.full(shape, -math.log(sigma), dtype=torch.float64) for sigma in (run.sigmas[0], lowest))
    return start, end


def _only_look(run: Run, x: torch.Tensor) -> torch.Tensor:
    denoised = run.see(x, run.sigmas[0])
    for _ in range(run.steps):
        run.tell(denoised)
    return denoised


def _fast_orders(calls: int) -> list[int]:
    whole, rest = divmod(calls, 3)
    return [3] * (whole - 1) + [2, 1] if rest == 0 else [3] * whole + [rest]


def _seen(run: Run, x: torch.Tensor, time: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The picture and the noise in x."""
    sigma = (-time).exp()
    denoised = run.denoiser(x, sigma.flatten())
    return denoised, (x - denoised) / sigma.to(x)


def _ancestral_times(
    time: torch.Tensor, time_next: torch.Tensor, end: torch.Tensor, eta: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """The time to step to, not past the end, and the deviation of the noise that brings x back to time_next."""
    if eta == 0:
        return time_next, torch.zeros_like(time)
    sigma, sigma_next = (-time).exp(), (-time_next).exp()
    up = torch.minimum(sigma_next, eta * sigma_next * (sigma**2 - sigma_next**2).clamp(min=0).sqrt() / sigma)
    below = torch.minimum(end, -(sigma_next**2 - up**2).sqrt().log())
    return below, (sigma_next**2 - (-2 * below).exp()).clamp(min=0).sqrt()


def _first_order(x: torch.Tensor, epsilon: torch.Tensor, time: torch.Tensor, end: torch.Tensor) -> torch.Tensor:
    return x - epsilon * ((-end).exp() * (end - time).expm1()).to(x)


def _second_order(
    x: torch.Tensor, epsilon: torch.Tensor, later: torch.Tensor, time: torch.Tensor, end: torch.Tensor, share: float
) -> torch.Tensor:
    """`later` is the noise seen at `share` of the step."""
    gain = ((-end).exp() * (end - time).expm1()).to(x)
    return x - gain * epsilon - gain / (2 * share) * (later - epsilon)


def _step_1(
    look: Look, x: torch.Tensor, epsilon: torch.Tensor, time: torch.Tensor, end: torch.Tensor
) -> tuple[torch.Tensor, ...]:
    """DPM-Solver-1."""
    return (_first_order(x, epsilon, time, end),)


def _step_2(
    look: Look, x: torch.Tensor, epsilon: torch.Tensor, time: torch.Tensor, end: torch.Tensor
) -> tuple[torch.Tensor, ...]:
    """DPM-Solver-2 (algorithm 1): the noise seen half-way, and the stepped x."""
    middle = time + (end - time) / 2
    later = look(_first_order(x, epsilon, time, middle), middle)
    return later, _second_order(x, epsilon, later, time, end, 1 / 2)


def _step_3(
    look: Look, x: torch.Tensor, epsilon: torch.Tensor, time: torch.Tensor, end: torch.Tensor
) -> tuple[torch.Tensor, ...]:
    """DPM-Solver-3 (algorithm 2): the noises seen at a third and at two thirds, and the stepped x."""
    width = end - time
    third, two_thirds = time + width / 3, time + width * (2 / 3)
    first = look(_first_order(x, epsilon, time, third), third)
    bend = (-two_thirds).exp() * 2 * ((width * (2 / 3)).expm1() / (width * (2 / 3)) - 1)
    second = look(_first_order(x, epsilon, time, two_thirds) - bend.to(x) * (first - epsilon), two_thirds)
    bend = (-end).exp() * 1.5 * (width.expm1() / width - 1)
    return first, second, _first_order(x, epsilon, time, end) - bend.to(x) * (second - epsilon)


_STEPS = {1: _step_1, 2: _step_2, 3: _step_3}
