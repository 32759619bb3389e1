"""When there is guidance, and when the negative is left out."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.diffusion.guidance.limits import (
    GuidanceInterval,
    NegativeGuidanceMinimumSigma,
    SigmaInterval,
    SkipEarly,
    StepInterval,
)
from modules.diffusion.guidance.plan import Guidance
from modules.diffusion.guidance.rules import ClassifierFreeGuidance
from modules.diffusion.guidance.views import Moment

STEPS = 20
MOMENTS = st.builds(Moment, st.integers(0, 2 * STEPS), st.just(STEPS), st.floats(1e-3, 5000))


@given(moment=MOMENTS)
def test_intervals_over_everything_cover_everything(moment: Moment) -> None:
    assert SigmaInterval().covers(moment)
    assert StepInterval().covers(moment)
    assert SigmaInterval(0.0, math.inf).covers(moment)


def test_sigma_interval_is_open_below_and_closed_above() -> None:
    interval = SigmaInterval(0.5, 2.0)
    sigmas = (0.4, 0.5, 0.51, 2.0, 2.01)
    assert [interval.covers(Moment(0, STEPS, sigma)) for sigma in sigmas] == [False, False, True, True, False]


def test_step_interval_is_a_share_of_the_steps() -> None:
    covered = [step for step in range(STEPS) if StepInterval(0.25, 0.5).covers(Moment(step, STEPS, 1.0))]
    assert covered == [5, 6, 7, 8, 9]


@given(moment=MOMENTS, at=st.floats(0.01, 0.99))
def test_two_step_intervals_that_meet_cover_each_moment_once(moment: Moment, at: float) -> None:
    halves: tuple[GuidanceInterval, ...] = (StepInterval(0.0, at), StepInterval(at, 1.0))
    assert sum(half.covers(moment) for half in halves) == 1


def skipped(skip: NegativeGuidanceMinimumSigma | SkipEarly) -> list[int]:
    """Of ten steps whose sigmas are 10, 9, .. 1."""
    return [step for step in range(10) if skip.skips(Moment(step, 10, 10.0 - step))]


@pytest.mark.parametrize(
    ("skip", "expected"),
    [
        (NegativeGuidanceMinimumSigma(0.0), []),
        (NegativeGuidanceMinimumSigma(5.0), [7, 9]),
        (NegativeGuidanceMinimumSigma(5.1), [5, 7, 9]),
        (NegativeGuidanceMinimumSigma(5.1, every_step=True), [5, 6, 7, 8, 9]),
        (NegativeGuidanceMinimumSigma(0.0, every_step=True), []),
        (SkipEarly(0.0), []),
        (SkipEarly(0.05), [0]),
        (SkipEarly(0.2), [0, 1, 2]),
        (SkipEarly(1.0), list(range(10))),
    ],
)
def test_steps_that_leave_the_negative_out(skip: NegativeGuidanceMinimumSigma | SkipEarly, expected: list[int]) -> None:
    assert skipped(skip) == expected


def test_guidance_needs_a_scale_and_all_its_intervals() -> None:
    moment = Moment(4, 10, 6.0)
    rule = ClassifierFreeGuidance(7.0)
    assert Guidance(rule).guides(moment)
    assert not Guidance(ClassifierFreeGuidance(1.0)).guides(moment)
    assert Guidance(rule, intervals=(StepInterval(0.3, 0.5), SigmaInterval(5.0, 7.0))).guides(moment)
    assert not Guidance(rule, intervals=(StepInterval(0.3, 0.5), SigmaInterval(7.0, 8.0))).guides(moment)


def test_one_skip_is_enough() -> None:
    both = Guidance(ClassifierFreeGuidance(7.0), skips=(SkipEarly(0.1), NegativeGuidanceMinimumSigma(3.0)))
    assert [step for step in range(10) if both.skips_negative(Moment(step, 10, 10.0 - step))] == [0, 1, 9]
