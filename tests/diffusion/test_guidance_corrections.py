"""Corrections against their closed forms, in float64."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from modules.diffusion.denoisers import PredictionType
from modules.diffusion.guidance.corrections import (
    Correction,
    DynamicThresholding,
    GuidanceRescale,
    MimicThresholding,
)
from modules.diffusion.guidance.plan import Guidance
from modules.diffusion.guidance.rules import AdaptiveProjectedGuidance, ClassifierFreeGuidance, RunMemory
from modules.diffusion.guidance.views import Moment, Views
from tests.diffusion.test_guidance_rules import KINDS, SEEDS, close, row, views

CORRECTIONS: tuple[Correction, ...] = (GuidanceRescale(0.7), DynamicThresholding(0.9), MimicThresholding(3.0, 0.9))


def guided_by_cfg(seen: Views, scale: float = 9.0) -> torch.Tensor:
    return ClassifierFreeGuidance(scale).combine(seen, RunMemory())


def deviations(pictures: torch.Tensor) -> torch.Tensor:
    return pictures.flatten(1).std(dim=1)


@given(seed=SEEDS, kind=st.sampled_from(KINDS))
def test_rescale_0_is_identity(seed: int, kind: PredictionType) -> None:
    seen = views(seed, kind=kind)
    assert torch.equal(GuidanceRescale(0.0).correct(guided_by_cfg(seen), seen), guided_by_cfg(seen))


@given(seed=SEEDS, kind=st.sampled_from(KINDS))
def test_rescale_1_gives_the_velocity_the_positives_deviation(seed: int, kind: PredictionType) -> None:
    seen = views(seed, kind=kind)
    guided = guided_by_cfg(seen)
    rescaled = seen.velocity(GuidanceRescale(1.0).correct(guided, seen))
    assert torch.allclose(deviations(rescaled), deviations(seen.velocity(seen.positive)), rtol=1e-9)
    assert deviations(seen.velocity(guided)).min() > 1.2 * deviations(rescaled).max()


@given(seed=SEEDS, amount=st.floats(0, 1), kind=st.sampled_from(KINDS))
def test_rescale_mixes(seed: int, amount: float, kind: PredictionType) -> None:
    seen = views(seed, kind=kind)
    guided = guided_by_cfg(seen)
    whole = GuidanceRescale(1.0).correct(guided, seen)
    assert close(GuidanceRescale(amount).correct(guided, seen), amount * whole + (1 - amount) * guided)


@given(seed=SEEDS)
def test_rescale_leaves_the_positive_alone(seed: int) -> None:
    seen = views(seed)
    assert close(GuidanceRescale(0.7).correct(seen.positive, seen), seen.positive)


@given(seed=SEEDS, percentile=st.floats(0.5, 1), limit=st.floats(0.5, 2))
def test_dynamic_thresholding_keeps_within_its_limit(seed: int, percentile: float, limit: float) -> None:
    seen = views(seed)
    guided = guided_by_cfg(seen)
    squeezed = DynamicThresholding(percentile, limit).correct(guided, seen)
    assert squeezed.abs().max() <= limit * (1 + 1e-12)
    size = torch.quantile(guided.abs().flatten(1), percentile, dim=1).reshape(-1, 1, 1, 1)
    below = guided.abs() <= size
    assert close(squeezed[below], (guided * limit / size)[below])


def test_dynamic_thresholding_leaves_what_lies_within_the_limit() -> None:
    seen = views()
    small = seen.positive / seen.positive.abs().max()
    assert torch.equal(DynamicThresholding(0.995).correct(small, seen), small)


@given(seed=SEEDS, scale=st.floats(1.5, 20))
def test_mimicking_the_own_scale_is_identity(seed: int, scale: float) -> None:
    seen = views(seed)
    guided = guided_by_cfg(seen, scale)
    assert close(MimicThresholding(mimic_scale=scale).correct(guided, seen), guided)


@given(seed=SEEDS, mimic=st.floats(0, 5))
def test_mimicked_channels_have_the_range_of_the_lower_scale(seed: int, mimic: float) -> None:
    seen = views(seed)
    guided = guided_by_cfg(seen, 12.0)
    squeezed = MimicThresholding(mimic_scale=mimic).correct(guided, seen)
    wanted, got = (
        (pictures - pictures.mean(dim=(2, 3), keepdim=True)).abs().amax(dim=(2, 3))
        for pictures in (guided_by_cfg(seen, mimic), squeezed - squeezed.mean(dim=(2, 3), keepdim=True))
    )
    assert torch.allclose(got, wanted, rtol=1e-9)
    assert close(squeezed.mean(dim=(2, 3)), guided.mean(dim=(2, 3)))


def test_a_percentile_cuts_the_outliers_of_a_channel() -> None:
    """Of -6, -1, 1, 6 (mean 0) the quantile 1/3 of the sizes is 1; the mimicked range is 2, so all is cut at 2."""
    channel = torch.tensor([-6.0, -1.0, 1.0, 6.0], dtype=torch.float64).reshape(1, 1, 2, 2)
    seen = Views(channel, torch.ones(1), channel / 3, torch.zeros_like(channel), Moment(0, 1, 1.0), "epsilon")
    cut = MimicThresholding(mimic_scale=1.0, percentile=1 / 3).correct(channel, seen)
    assert cut.flatten().tolist() == [-2, -1, 1, 2]


@pytest.mark.parametrize("correction", CORRECTIONS, ids=lambda correction: type(correction).__name__)
@given(seed=SEEDS, kind=st.sampled_from(KINDS))
def test_a_batch_is_its_images(correction: Correction, seed: int, kind: PredictionType) -> None:
    seen = views(seed, images=3, kind=kind)
    guided = guided_by_cfg(seen)
    singly = [correction.correct(guided[place : place + 1], row(seen, place)) for place in range(3)]
    assert close(correction.correct(guided, seen), torch.cat(singly))
    assert not close(correction.correct(guided, seen), guided)


@pytest.mark.parametrize("correction", CORRECTIONS, ids=lambda correction: type(correction).__name__)
def test_an_empty_picture_stays_empty(correction: Correction) -> None:
    black = torch.zeros((1, 4, 3, 5))
    seen = Views(black, torch.ones(1), black, black, Moment(0, 1, 1.0), "epsilon")
    assert torch.equal(correction.correct(black, seen), black)


@pytest.mark.parametrize(
    "make",
    [lambda: GuidanceRescale(1.5), lambda: DynamicThresholding(-0.1), lambda: MimicThresholding(7.0, 1.1)],
)
def test_shares_beyond_their_range_are_refused(make: type[Correction]) -> None:
    with pytest.raises(ValueError, match="must lie between 0 and 1"):
        make()


def test_corrections_follow_the_rule_in_their_order() -> None:
    seen = views()
    apg = AdaptiveProjectedGuidance(8.0)
    rescale, mimic = GuidanceRescale(0.5), MimicThresholding(2.0)
    combined = apg.combine(seen, RunMemory())
    both = Guidance(apg, (rescale, mimic)).combine(seen, RunMemory())
    other = Guidance(apg, (mimic, rescale)).combine(seen, RunMemory())
    assert torch.equal(both, mimic.correct(rescale.correct(combined, seen), seen))
    assert torch.equal(other, rescale.correct(mimic.correct(combined, seen), seen))
    assert not close(both, other)
