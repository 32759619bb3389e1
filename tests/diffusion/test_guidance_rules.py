"""Guidance rules against their closed forms, in float64."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from modules.diffusion.denoisers import PredictionType
from modules.diffusion.guidance.rules import (
    AdaptiveProjectedGuidance,
    CfgZeroStar,
    ClassifierFreeGuidance,
    GuidanceRule,
    RunMemory,
)
from modules.diffusion.guidance.views import Moment, Views

KINDS: tuple[PredictionType, ...] = ("epsilon", "v_prediction", "flow")
SCALES = st.floats(-2, 30)
SEEDS = st.integers(0, 2**32 - 1)


def views(seed: int = 0, *, images: int = 2, step: int = 5, kind: PredictionType = "flow") -> Views:
    generator = torch.Generator().manual_seed(seed)
    x, positive, negative = torch.randn((3, images, 4, 3, 5), generator=generator, dtype=torch.float64)
    sigma = torch.full((images,), 0.7, dtype=torch.float64)
    return Views(x, sigma, positive, negative, Moment(step, 20, 0.7), kind)


def row(seen: Views, place: int) -> Views:
    """One image of a batch by itself."""
    cut = slice(place, place + 1)
    return Views(
        seen.x[cut], seen.sigma[cut], seen.positive[cut], seen.negative[cut], seen.moment, seen.prediction_type
    )


def inner(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    return (one * other).sum(dim=(1, 2, 3))


def close(one: torch.Tensor, other: torch.Tensor) -> bool:
    return torch.allclose(one, other, rtol=1e-11, atol=1e-11)


def rules(scale: float) -> tuple[GuidanceRule, ...]:
    return ClassifierFreeGuidance(scale), AdaptiveProjectedGuidance(scale), CfgZeroStar(scale)


@given(seed=SEEDS, kind=st.sampled_from(KINDS))
def test_scale_1_gives_the_positive(seed: int, kind: PredictionType) -> None:
    seen = views(seed, kind=kind)
    for rule in rules(1.0):
        assert close(rule.combine(seen, RunMemory()), seen.positive)


@given(seed=SEEDS, scale=SCALES, kind=st.sampled_from(KINDS))
def test_equal_positive_and_negative_are_the_answer(seed: int, scale: float, kind: PredictionType) -> None:
    seen = views(seed, kind=kind)
    same = Views(seen.x, seen.sigma, seen.positive, seen.positive, seen.moment, kind)
    for rule in rules(scale):
        assert torch.allclose(rule.combine(same, RunMemory()), seen.positive, atol=1e-9)


@given(seed=SEEDS, scale=SCALES)
def test_cfg_goes_from_the_negative_past_the_positive(seed: int, scale: float) -> None:
    seen = views(seed)
    guided = ClassifierFreeGuidance(scale).combine(seen, RunMemory())
    assert close(guided, scale * seen.positive + (1 - scale) * seen.negative)


@given(seed=SEEDS, scale=SCALES)
def test_apg_with_everything_off_is_cfg(seed: int, scale: float) -> None:
    seen = views(seed)
    apg = AdaptiveProjectedGuidance(scale, eta=1.0, norm_threshold=0.0, momentum=0.0)
    assert close(apg.combine(seen, RunMemory()), ClassifierFreeGuidance(scale).combine(seen, RunMemory()))


@given(seed=SEEDS, scale=SCALES, threshold=st.floats(0, 20))
def test_apg_with_eta_0_moves_at_right_angles_to_the_positive(seed: int, scale: float, threshold: float) -> None:
    seen = views(seed)
    moved = AdaptiveProjectedGuidance(scale, norm_threshold=threshold).combine(seen, RunMemory()) - seen.positive
    assert torch.allclose(inner(moved, seen.positive), torch.zeros(2, dtype=torch.float64), atol=1e-9)


@given(seed=SEEDS, threshold=st.floats(0.1, 20))
def test_apg_cuts_the_difference_to_its_threshold(seed: int, threshold: float) -> None:
    seen = views(seed)
    moved = AdaptiveProjectedGuidance(3.0, eta=1.0, norm_threshold=threshold).combine(seen, RunMemory()) - seen.positive
    difference = seen.positive - seen.negative
    length = inner(difference, difference).sqrt()
    assert torch.allclose(inner(moved, moved).sqrt(), 2 * length.clamp(max=threshold), rtol=1e-9)


def test_apg_remembers_earlier_differences() -> None:
    """Plain arithmetic: the n-th running difference is the sum of momentum^(n - k) times the k-th difference."""
    rule, memory = AdaptiveProjectedGuidance(5.0, eta=1.0, norm_threshold=0.0, momentum=-0.75), RunMemory()
    seen = [views(seed) for seed in range(4)]
    for count, now in enumerate(seen, start=1):
        running = sum(
            ((-0.75) ** (count - 1 - k) * (past.positive - past.negative) for k, past in enumerate(seen[:count])),
            torch.zeros_like(now.x),
        )
        assert close(rule.combine(now, memory), now.positive + 4 * running)
    assert not close(rule.combine(seen[0], memory), rule.combine(seen[0], RunMemory()))


def test_apg_projects_a_known_pair() -> None:
    """(3, 4) along (1, 0) is (3, 0): with eta 0.5 the guided picture is (1, 0) + 2 ((0, 4) + 0.5 (3, 0))."""
    positive = torch.tensor([1.0, 0.0]).reshape(1, 1, 1, 2)
    difference = torch.tensor([3.0, 4.0]).reshape(1, 1, 1, 2)
    seen = Views(positive, torch.ones(1), positive, positive - difference, Moment(0, 1, 1.0), "epsilon")
    guided = AdaptiveProjectedGuidance(3.0, eta=0.5, norm_threshold=0.0, momentum=0.0).combine(seen, RunMemory())
    assert guided.flatten().tolist() == [4.0, 8.0]


@given(seed=SEEDS, scale=SCALES, kind=st.sampled_from(KINDS))
def test_cfg_zero_star_scales_the_negative_velocity(seed: int, scale: float, kind: PredictionType) -> None:
    seen = views(seed, kind=kind)
    positive, negative = seen.velocity(seen.positive), seen.velocity(seen.negative)
    star = (inner(positive, negative) / inner(negative, negative)).reshape(-1, 1, 1, 1)
    expected = (1 - scale) * star * negative + scale * positive
    guided = seen.velocity(CfgZeroStar(scale).combine(seen, RunMemory()))
    assert torch.allclose(guided, expected, rtol=1e-9, atol=1e-9)


def test_the_scale_of_cfg_zero_star_is_the_best_one() -> None:
    """At scale 0 what is left is the scaled negative: the difference from the positive is at right angles to it."""
    seen = views()
    scaled = seen.velocity(CfgZeroStar(0.0).combine(seen, RunMemory()))
    rest = seen.velocity(seen.positive) - scaled
    assert torch.allclose(inner(rest, seen.velocity(seen.negative)), torch.zeros(2, dtype=torch.float64), atol=1e-11)


@pytest.mark.parametrize("kind", KINDS)
def test_zero_init_stands_still(kind: PredictionType) -> None:
    """dx/dsigma = (x - denoised) / sigma is 0 for flow; else it keeps x / sqrt(1 + sigma^2)."""
    early, late = (views(step=step, kind=kind) for step in (1, 2))
    rule = CfgZeroStar(4.0, zero_steps=2)
    slope = (early.x - rule.combine(early, RunMemory())) / 0.7
    expected = torch.zeros_like(early.x) if kind == "flow" else early.x * 0.7 / (1 + 0.7**2)
    assert close(slope, expected)
    assert close(rule.combine(late, RunMemory()), CfgZeroStar(4.0, zero_steps=0).combine(late, RunMemory()))
    assert not close(rule.combine(late, RunMemory()), rule.combine(early, RunMemory()))


@given(seed=SEEDS, scale=SCALES, kind=st.sampled_from(KINDS))
def test_a_batch_is_its_images(seed: int, scale: float, kind: PredictionType) -> None:
    batches = [views(seed + step, images=3, kind=kind) for step in range(3)]
    for rule in rules(scale):
        memory, memories = RunMemory(), [RunMemory() for _ in range(3)]
        for batch in batches:
            together = rule.combine(batch, memory)
            singly = torch.cat([rule.combine(row(batch, place), memories[place]) for place in range(3)])
            assert torch.allclose(together, singly, rtol=1e-9, atol=1e-9)


def test_nothing_divides_by_zero() -> None:
    black = torch.zeros((1, 4, 3, 5))
    for rule in rules(7.0):
        seen = Views(black, torch.ones(1), black, black, Moment(3, 20, 1.0), "epsilon")
        assert torch.equal(rule.combine(seen, RunMemory()), black)
