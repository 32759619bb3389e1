"""The guided denoiser: which rows the network sees, and that the answer does not depend on how they are bundled."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from modules.diffusion.conditioning import (
    BatchConditioning,
    ImageConditioning,
    TextConditioning,
    WeightedConditioning,
    size_ids,
)
from modules.diffusion.denoisers import PredictionType, denoiser_for
from modules.diffusion.guidance.corrections import GuidanceRescale, MimicThresholding
from modules.diffusion.guidance.guided_denoiser import GuidedDenoiser
from modules.diffusion.guidance.limits import (
    NegativeGuidanceMinimumSigma,
    NegativeSkip,
    SigmaInterval,
    SkipEarly,
    StepInterval,
)
from modules.diffusion.guidance.plan import Guidance
from modules.diffusion.guidance.rows import RowDenoiser
from modules.diffusion.guidance.rules import AdaptiveProjectedGuidance, CfgZeroStar, ClassifierFreeGuidance
from modules.diffusion.guidance.views import Views
from modules.diffusion.noise_levels import NoiseLevels
from tests.diffusion.plain_conditioning import plain_conditioning

SD1 = NoiseLevels.scaled_linear(0.00085, 0.012, 1000)
SHAPE = (4, 3, 5)


class FakeNetwork:
    """A network whose rows are independent of one another, and which remembers what it was called with."""

    def __init__(self, most_rows: int | None = None) -> None:
        self.calls: list[tuple[int, int]] = []
        """Rows and tokens of every call."""
        self._most_rows = most_rows

    @property
    def rows(self) -> int:
        return sum(rows for rows, _ in self.calls)

    def __call__(self, x: torch.Tensor, timestep: torch.Tensor, text: TextConditioning) -> torch.Tensor:
        if self._most_rows is not None and len(x) > self._most_rows:
            raise torch.OutOfMemoryError("no room")
        assert len(x) == len(timestep) == len(text.states)
        self.calls.append((len(x), text.tokens))
        told = text.states.mean(dim=(1, 2)) + text.states.std(dim=(1, 2)) + 1e-3 * timestep.double()
        if text.pooled is not None:
            told = told + text.pooled.mean(dim=1)
        if text.time_ids is not None:
            told = told + text.time_ids.mean(dim=1) / 1000
        if text.channels is not None:
            assert text.channels.shape[2:] == x.shape[2:]
            told = told + text.channels.mean(dim=(1, 2, 3))
        return torch.tanh(x * told.reshape(-1, 1, 1, 1) + 0.3)


def text(seed: int, tokens: int = 77) -> TextConditioning:
    return TextConditioning(
        torch.randn((1, tokens, 8), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    )


def batch_of(images: int, seed: int = 0) -> torch.Tensor:
    return torch.randn((images, *SHAPE), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def sigmas(images: int, sigma: float = 2.0) -> torch.Tensor:
    return torch.full((images,), sigma, dtype=torch.float64)


def cfg(scale: float, **parts: Any) -> Guidance:
    return Guidance(ClassifierFreeGuidance(scale), **parts)


def guided(
    network: FakeNetwork,
    conditioning: Sequence[BatchConditioning] | Callable[[int], BatchConditioning],
    guidance: Guidance,
    *,
    steps: int = 10,
    kind: PredictionType = "epsilon",
    **options: Any,
) -> GuidedDenoiser:
    return GuidedDenoiser(network, SD1, kind, conditioning=conditioning, guidance=guidance, steps=steps, **options)


def alone(x: torch.Tensor, sigma: torch.Tensor, told: TextConditioning, kind: PredictionType) -> torch.Tensor:
    """One image with one conditioning in a network call of its own."""
    return denoiser_for(kind, lambda scaled, timestep: FakeNetwork()(scaled, timestep, told), SD1)(x, sigma)


def plainly(
    x: torch.Tensor, sigma: torch.Tensor, images: BatchConditioning, scale: float, kind: PredictionType = "epsilon"
) -> torch.Tensor:
    """negative + scale * sum of weight * (part - negative), one network call per row."""
    pictures = []
    for place, image in enumerate(images):
        own, noise = x[place : place + 1], sigma[place : place + 1]
        negative = alone(own, noise, image.negative, kind)
        parts = [part.weight * (alone(own, noise, part.conditioning, kind) - negative) for part in image.positives]
        pictures.append(negative + scale * torch.stack(parts).sum(dim=0))
    return torch.cat(pictures)


def close(one: torch.Tensor, other: torch.Tensor) -> bool:
    return torch.allclose(one, other, rtol=1e-10, atol=1e-10)


TEXTS = st.builds(text, st.integers(0, 20), st.sampled_from((77, 154, 231)))
WEIGHTS = st.sampled_from((1.0, 0.5, -0.3, 2.0, 0.0))
IMAGES = st.builds(
    ImageConditioning,
    st.lists(st.builds(WeightedConditioning, TEXTS, WEIGHTS), min_size=1, max_size=3).map(tuple),
    TEXTS,
)
BATCHES = st.lists(IMAGES, min_size=1, max_size=4)
KINDS: st.SearchStrategy[PredictionType] = st.sampled_from(("epsilon", "v_prediction", "flow"))


@given(images=BATCHES, scale=st.sampled_from((0.0, 1.0, 1.5, 7.0)), kind=KINDS)
def test_any_batch_is_the_formula_with_separate_calls(
    images: list[ImageConditioning], scale: float, kind: PredictionType
) -> None:
    x, sigma = batch_of(len(images)), sigmas(len(images), 0.7)
    seen = guided(FakeNetwork(), [images], cfg(scale), kind=kind)(x, sigma)
    assert close(seen, plainly(x, sigma, images, scale, kind))


@given(images=BATCHES, max_rows=st.integers(1, 20), scale=st.sampled_from((1.0, 7.0)))
def test_the_limit_of_rows_does_not_change_the_answer(
    images: list[ImageConditioning], max_rows: int, scale: float
) -> None:
    x, sigma = batch_of(len(images)), sigmas(len(images))
    free, bound = FakeNetwork(), FakeNetwork()
    one = guided(free, [images], cfg(scale))(x, sigma)
    other = guided(bound, [images], cfg(scale), max_rows=max_rows)(x, sigma)
    assert close(one, other)
    assert len(free.calls) == len({tokens for _, tokens in free.calls})
    assert all(rows <= max_rows for rows, _ in bound.calls)
    assert len(bound.calls) == sum(math.ceil(rows / max_rows) for rows, _ in free.calls)
    assert bound.rows == free.rows


@given(images=st.lists(IMAGES, min_size=2, max_size=4), kind=KINDS)
def test_a_batch_is_its_images_over_a_whole_run(images: list[ImageConditioning], kind: PredictionType) -> None:
    """With everything that measures or remembers."""
    guidance = Guidance(AdaptiveProjectedGuidance(6.0), (GuidanceRescale(0.7), MimicThresholding(3.0, 0.95)))
    together = guided(FakeNetwork(), [images], guidance, kind=kind)
    singly = [guided(FakeNetwork(), [[image]], guidance, kind=kind) for image in images]
    for step in range(3):
        x, sigma = batch_of(len(images), step), sigmas(len(images), 0.9 - 0.2 * step)
        pictures = [one(x[i : i + 1], sigma[i : i + 1]) for i, one in enumerate(singly)]
        assert torch.allclose(together(x, sigma), torch.cat(pictures), rtol=1e-8, atol=1e-8)


@given(scale=st.floats(-3, 20), sigma=st.floats(0.03, 14))
def test_guided_gaussians_are_a_gaussian(scale: float, sigma: float) -> None:
    """Pictures of N(p, s^2) with, of N(n, s^2) without the prompt: guided they are of N(n + scale (p - n), s^2)."""
    deviation = 0.4

    def network(x: torch.Tensor, timestep: torch.Tensor, told: TextConditioning) -> torch.Tensor:
        level = torch.tensor(sigma, dtype=torch.float64)
        mean = told.states.mean(dim=(1, 2)).reshape(-1, 1, 1, 1)
        return level * (x * (level**2 + 1).sqrt() - mean) / (level**2 + deviation**2)

    positive, negative = (TextConditioning(torch.full((1, 2, 2), mean, dtype=torch.float64)) for mean in (0.8, -0.5))
    denoiser = GuidedDenoiser(
        network, SD1, "epsilon", conditioning=[plain_conditioning(positive, negative, 2)], guidance=cfg(scale), steps=1
    )
    x, mean = batch_of(2), -0.5 + scale * 1.3
    expected = (mean * sigma**2 + x * deviation**2) / (sigma**2 + deviation**2)
    assert close(denoiser(x, sigmas(2, sigma)), expected)


def test_one_network_call_holds_positives_and_negatives() -> None:
    network = FakeNetwork()
    guided(network, [plain_conditioning(text(1), text(2), 3)], cfg(7.0))(batch_of(3), sigmas(3))
    assert network.calls == [(6, 77)]


def test_rows_of_different_lengths_go_in_separate_calls() -> None:
    network = FakeNetwork()
    guided(network, [plain_conditioning(text(1, 154), text(2), 3)], cfg(7.0))(batch_of(3), sigmas(3))
    assert network.calls == [(3, 154), (3, 77)]


@given(images=BATCHES)
def test_at_scale_1_the_negative_is_seen_only_where_weights_need_it(images: list[ImageConditioning]) -> None:
    network = FakeNetwork()
    denoiser = guided(network, [images], cfg(1.0))
    x, sigma = batch_of(len(images)), sigmas(len(images))
    assert close(denoiser(x, sigma), plainly(x, sigma, images, 1.0))
    uneven = sum(image.total_weight != 1 for image in images)
    assert network.rows == sum(len(image.positives) for image in images) + uneven
    assert (denoiser.last_negative is None) == (uneven < len(images))


@pytest.mark.parametrize("scale", [1.0, 7.0])
def test_one_part_of_weight_1_is_the_plain_prompt(scale: float) -> None:
    x, sigma = batch_of(2), sigmas(2)
    whole = guided(FakeNetwork(), [plain_conditioning(text(1), text(2), 2)], cfg(scale))(x, sigma)
    halves = (WeightedConditioning(text(1), 0.5), WeightedConditioning(text(1), 0.5))
    split = guided(FakeNetwork(), [[ImageConditioning(halves, text(2))] * 2], cfg(scale))(x, sigma)
    positive, negative = (
        torch.cat([alone(x[i : i + 1], sigma[:1], text(n), "epsilon") for i in (0, 1)]) for n in (1, 2)
    )
    assert close(whole, negative + scale * (positive - negative))
    assert close(split, whole)


def run(guidance: Guidance, images: BatchConditioning, steps: int = 10) -> tuple[list[int], list[torch.Tensor]]:
    """Rows and answers of each step of a run whose sigmas are 10, 9, .. 1."""
    network = FakeNetwork()
    denoiser = guided(network, [images], guidance, steps=steps)
    rows, answers = [], []
    for step in range(steps):
        before = network.rows
        answers.append(denoiser(batch_of(len(images)), sigmas(len(images), float(steps - step))))
        rows.append(network.rows - before)
    return rows, answers


PAIR = plain_conditioning(text(1), text(2), 2)


@pytest.mark.parametrize(
    ("skip", "without"),
    [
        (NegativeGuidanceMinimumSigma(5.5), [5, 7, 9]),
        (NegativeGuidanceMinimumSigma(5.5, every_step=True), [5, 6, 7, 8, 9]),
        (NegativeGuidanceMinimumSigma(0.0), []),
        (SkipEarly(0.2), [0, 1, 2]),
    ],
)
def test_a_skipped_negative_saves_its_rows_and_leaves_the_positive(skip: NegativeSkip, without: list[int]) -> None:
    rows, answers = run(cfg(7.0, skips=(skip,)), PAIR)
    _, plain = run(cfg(7.0), PAIR)
    _, positives = run(cfg(1.0), PAIR)
    assert rows == [2 if step in without else 4 for step in range(10)]
    for step in range(10):
        assert close(answers[step], positives[step] if step in without else plain[step])
        assert not close(plain[step], positives[step])


def test_the_first_part_stands_in_for_a_skipped_negative() -> None:
    parts = (WeightedConditioning(text(1), 0.8), WeightedConditioning(text(3), 0.6))
    stand_in = ImageConditioning(parts, text(1))
    _, answers = run(cfg(7.0, skips=(SkipEarly(1.0),)), [ImageConditioning(parts, text(2))])
    for step, answer in enumerate(answers):
        assert close(answer, plainly(batch_of(1), sigmas(1, 10.0 - step), [stand_in], 7.0))


@pytest.mark.parametrize("intervals", [(StepInterval(),), (SigmaInterval(),), (StepInterval(), SigmaInterval(0, 10))])
def test_an_interval_over_everything_is_identity(intervals: tuple[Any, ...]) -> None:
    rows, answers = run(cfg(7.0, intervals=intervals), PAIR)
    plain_rows, plain = run(cfg(7.0), PAIR)
    assert rows == plain_rows == [4] * 10
    assert all(torch.equal(one, other) for one, other in zip(answers, plain, strict=True))


def test_outside_of_the_interval_there_is_no_guidance() -> None:
    rows, answers = run(cfg(7.0, intervals=(StepInterval(0.2, 0.5),)), PAIR)
    _, plain = run(cfg(7.0), PAIR)
    _, positives = run(cfg(1.0), PAIR)
    assert rows == [2, 2, 4, 4, 4, 2, 2, 2, 2, 2]
    for step in range(10):
        assert torch.equal(answers[step], plain[step] if 2 <= step < 5 else positives[step])


def test_outside_of_the_interval_the_weights_of_parts_still_count() -> None:
    images = [ImageConditioning((WeightedConditioning(text(1), 1.5),), text(2))]
    rows, answers = run(cfg(7.0, intervals=(SigmaInterval(20, 30),)), images)
    assert rows == [2] * 10
    assert all(
        close(answer, plainly(batch_of(1), sigmas(1, 10.0 - step), images, 1.0)) for step, answer in enumerate(answers)
    )


@pytest.mark.parametrize("scale", [0.6, 1.0, 7.0])
def test_samplers_may_read_the_negative(scale: float) -> None:
    network = FakeNetwork()
    guidance = cfg(scale, skips=(SkipEarly(1.0),), intervals=(SigmaInterval(5, 9),))
    denoiser = guided(network, [PAIR], guidance, keep_negative=True)
    assert denoiser.last_negative is None
    x, sigma = batch_of(2), sigmas(2)
    assert close(denoiser(x, sigma), plainly(x, sigma, PAIR, 1.0))
    assert denoiser.last_negative is not None
    assert close(denoiser.last_negative, plainly(x, sigma, PAIR, 0.0))
    inside = sigmas(2, 6.0)
    assert close(denoiser(x, inside), plainly(x, inside, PAIR, scale))
    assert close(denoiser.last_negative, plainly(x, inside, PAIR, 0.0))
    assert network.calls == [(4, 77)] * 2


def test_a_negative_that_is_computed_anyway_is_not_skipped() -> None:
    plan = Guidance(AdaptiveProjectedGuidance(7.0), (GuidanceRescale(0.5),))
    skipping = Guidance(plan.rule, plan.corrections, skips=(SkipEarly(1.0),))
    x, sigma = batch_of(2), sigmas(2)
    one = guided(FakeNetwork(), [PAIR], skipping, keep_negative=True)(x, sigma)
    assert torch.equal(one, guided(FakeNetwork(), [PAIR], plan)(x, sigma))


def test_the_negative_is_forgotten_where_it_was_not_computed() -> None:
    denoiser = guided(FakeNetwork(), [PAIR], cfg(7.0, intervals=(SigmaInterval(0, 2.0),)))
    denoiser(batch_of(2), sigmas(2, 2.0))
    assert denoiser.last_negative is not None
    denoiser(batch_of(2), sigmas(2, 3.0))
    assert denoiser.last_negative is None


@pytest.mark.parametrize("before", [0, 2])
def test_prompts_change_with_evaluations(before: int) -> None:
    """The last entry of a schedule goes on; a denoiser that takes over goes on counting."""
    schedule = [plain_conditioning(text(prompt), text(0), 1) for prompt in (1, 2, 3, 4)]
    for conditioning in (schedule, lambda step: schedule[min(step, 3)]):
        denoiser = guided(FakeNetwork(), conditioning, cfg(1.0), evaluations_before=before)
        for prompt in (1, 2, 3, 4, 4, 4)[before:]:
            assert close(denoiser(batch_of(1), sigmas(1)), alone(batch_of(1), sigmas(1), text(prompt), "epsilon"))


def test_a1111_skips_every_second_evaluation_of_a_second_order_sampler() -> None:
    network = FakeNetwork()
    guidance = cfg(7.0, skips=(NegativeGuidanceMinimumSigma(100.0),))
    denoiser = guided(network, [PAIR], guidance, steps=6)
    for _ in range(6):
        denoiser(batch_of(2), sigmas(2))
    assert [rows for rows, _ in network.calls] == [4, 2, 4, 2, 4, 2]


def test_a_run_does_not_see_the_momentum_of_another() -> None:
    guidance = Guidance(AdaptiveProjectedGuidance(7.0))
    first, second = run(guidance, PAIR)[1], run(guidance, PAIR)[1]
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))
    late = guided(FakeNetwork(), [PAIR], guidance, evaluations_before=9)
    assert not close(late(batch_of(2), sigmas(2, 1.0)), first[9])


def test_momentum_rests_where_there_is_no_guidance() -> None:
    """A skipped negative and a step outside of the interval are as if they had not been."""
    for limit in ({"skips": (NegativeGuidanceMinimumSigma(6.5),)}, {"intervals": (StepInterval(0.4, 1.0),)}):
        limited = Guidance(AdaptiveProjectedGuidance(7.0), **limit)
        denoiser, expected = (guided(FakeNetwork(), [PAIR], plan) for plan in (limited, Guidance(limited.rule)))
        for step, sigma in enumerate((9.0, 6.0, 5.0, 4.0, 3.0)):
            seen = denoiser(batch_of(2, step), sigmas(2, sigma))
            if denoiser.last_negative is not None:
                assert torch.equal(seen, expected(batch_of(2, step), sigmas(2, sigma)))
            else:
                assert close(seen, plainly(batch_of(2, step), sigmas(2, sigma), PAIR, 1.0))


def test_zero_init_is_for_the_first_evaluations() -> None:
    denoiser = guided(FakeNetwork(), [PAIR], Guidance(CfgZeroStar(4.0, zero_steps=1)), kind="flow")
    x, sigma = batch_of(2), sigmas(2, 1.0)
    assert torch.equal(denoiser(x, sigma), x)
    assert not close(denoiser(x, sigma), x)


def test_each_image_follows_its_own_prompt() -> None:
    images = [ImageConditioning((WeightedConditioning(text(seed)),), text(seed + 10)) for seed in range(3)]
    x, sigma = batch_of(1).expand(3, *SHAPE), sigmas(3)
    pictures = guided(FakeNetwork(), [images], cfg(7.0))(x, sigma)
    assert close(pictures, plainly(x, sigma, images, 7.0))
    assert not close(pictures[0], pictures[1])


def test_pooled_vectors_and_sizes_reach_the_network_row_by_row() -> None:
    def told(seed: int) -> TextConditioning:
        pooled = torch.full((1, 4), float(seed), dtype=torch.float64)
        return TextConditioning(text(seed).states, pooled, size_ids(512 + 64 * seed, 512))

    images = [ImageConditioning((WeightedConditioning(told(seed)),), told(seed + 2)) for seed in range(2)]
    network, x, sigma = FakeNetwork(), batch_of(2), sigmas(2)
    assert close(guided(network, [images], cfg(3.0))(x, sigma), plainly(x, sigma, images, 3.0))
    assert network.calls == [(4, 77)]


def test_rows_with_other_vectors_go_in_separate_calls() -> None:
    pooled = TextConditioning(text(1).states, torch.ones((1, 4), dtype=torch.float64))
    sized = text(3).with_time_ids(size_ids(512, 512))
    images = [ImageConditioning((WeightedConditioning(pooled), WeightedConditioning(sized, 0.5)), text(2))]
    network = FakeNetwork()
    assert close(
        guided(network, [images], cfg(3.0))(batch_of(1), sigmas(1)), plainly(batch_of(1), sigmas(1), images, 3.0)
    )
    assert network.calls == [(1, 77)] * 3


def test_a_conditioning_is_needed_for_every_image() -> None:
    with pytest.raises(ValueError, match="2 conditionings for 3 images"):
        guided(FakeNetwork(), [PAIR], cfg(7.0))(batch_of(3), sigmas(3))


def test_where_memory_ends_fewer_rows_go_at_once() -> None:
    network, images = FakeNetwork(most_rows=3), plain_conditioning(text(1), text(2), 4)
    told: list[str] = []
    denoiser = guided(network, [images], cfg(7.0), tell=told.append)
    assert close(denoiser(batch_of(4), sigmas(4)), plainly(batch_of(4), sigmas(4), images, 7.0))
    assert network.calls == [(2, 77)] * 4
    denoiser(batch_of(4), sigmas(4))
    assert network.calls == [(2, 77)] * 8
    assert [sentence for sentence in told if "sees 4 at a time" in sentence or "sees 2 at a time" in sentence] == told
    assert len(told) == 2


def test_one_row_that_does_not_fit_is_an_error() -> None:
    with pytest.raises(torch.OutOfMemoryError):
        guided(FakeNetwork(most_rows=0), [PAIR], cfg(7.0))(batch_of(2), sigmas(2))


def test_no_rows_at_all_are_refused() -> None:
    with pytest.raises(ValueError, match="max_rows is 0"):
        RowDenoiser(FakeNetwork(), SD1, "epsilon", 0)


def test_three_images_through_euler_steps_are_three_single_ones() -> None:
    """With momentum, rescale, an interval, and prompts that differ by image and by step."""
    schedule = [
        [ImageConditioning((WeightedConditioning(text(7 * step + i)),), text(50 + i)) for i in range(3)]
        for step in range(5)
    ]
    guidance = Guidance(AdaptiveProjectedGuidance(5.0), (GuidanceRescale(0.7),), (StepInterval(0.0, 0.8),))

    def result(places: Sequence[int]) -> torch.Tensor:
        denoiser = guided(FakeNetwork(), [[step[i] for i in places] for step in schedule], guidance, steps=5)
        x = batch_of(3)[list(places)] * 14
        for sigma, lower in [(14.0, 8.0), (8.0, 4.0), (4.0, 1.0), (1.0, 0.5), (0.5, 0.0)]:
            x = x + (x - denoiser(x, sigmas(len(places), sigma))) * (lower - sigma) / sigma
        return x

    assert torch.allclose(result([0, 1, 2]), torch.cat([result([i]) for i in range(3)]), rtol=1e-8, atol=1e-8)


def edited(seed: int, *, weights: Sequence[float] = (1.0,), tokens: int = 77) -> ImageConditioning:
    """An image whose network sees a picture beside x, as InstructPix2Pix does."""
    picture = torch.randn((1, 4, *SHAPE[1:]), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    parts = [
        WeightedConditioning(text(seed + 10 * place, tokens).with_channels(picture), weight)
        for place, weight in enumerate(weights)
    ]
    negative = text(seed + 100)
    return ImageConditioning(
        tuple(parts), negative.with_channels(picture), negative.with_channels(torch.zeros_like(picture))
    )


def edited_plainly(
    x: torch.Tensor, sigma: torch.Tensor, images: BatchConditioning, scale: float, image_scale: float
) -> torch.Tensor:
    """none + image_scale (negative - none) + scale * sum of weight * (part - negative), one call per row."""
    without, negatives = [], []
    for place, image in enumerate(images):
        assert image.without_picture is not None
        own, noise = x[place : place + 1], sigma[place : place + 1]
        without.append(alone(own, noise, image.without_picture, "epsilon"))
        negatives.append(alone(own, noise, image.negative, "epsilon"))
    none, negative = torch.cat(without), torch.cat(negatives)
    return none + image_scale * (negative - none) + plainly(x, sigma, images, scale) - negative


EDITED = st.builds(
    edited, st.integers(0, 9), weights=st.lists(WEIGHTS, min_size=1, max_size=3), tokens=st.sampled_from((77, 154))
)


@given(
    images=st.lists(EDITED, min_size=1, max_size=3),
    scale=st.sampled_from((0.0, 1.0, 7.5)),
    image_scale=st.sampled_from((0.0, 1.0, 1.5)),
)
def test_an_edit_is_guided_by_words_and_by_the_picture(
    images: list[ImageConditioning], scale: float, image_scale: float
) -> None:
    x, sigma = batch_of(len(images)), sigmas(len(images))
    seen = guided(FakeNetwork(), [images], cfg(scale, image_scale=image_scale))(x, sigma)
    assert close(seen, edited_plainly(x, sigma, images, scale, image_scale))


@pytest.mark.parametrize(("scale", "image_scale", "rows"), [(7.0, 1.5, 6), (1.0, 1.5, 6), (7.0, 1.0, 4), (1.0, 1.0, 2)])
def test_the_third_look_is_taken_only_where_it_counts(scale: float, image_scale: float, rows: int) -> None:
    for images, expected in (([edited(0), edited(1)], rows), (PAIR, 2 if scale == 1 else 4)):
        network = FakeNetwork()
        guided(network, [images], cfg(scale, image_scale=image_scale))(batch_of(2), sigmas(2))
        assert network.rows == expected


def test_plain_images_take_no_notice_of_the_image_scale() -> None:
    x, sigma = batch_of(2), sigmas(2)
    one, other = (guided(FakeNetwork(), [PAIR], cfg(7.0, image_scale=scale))(x, sigma) for scale in (1.0, 1.5))
    assert torch.equal(one, other)


def test_skips_and_intervals_leave_both_other_looks_out() -> None:
    images = [edited(0), edited(1)]
    guidance = cfg(7.0, image_scale=1.5, skips=(SkipEarly(0.2),), intervals=(StepInterval(0.0, 0.5),))
    rows, answers = run(guidance, images)
    _, positives = run(cfg(1.0), images)
    assert rows == [2, 2, 2, 6, 6, 2, 2, 2, 2, 2]
    for step, answer in enumerate(answers):
        x, sigma = batch_of(2), sigmas(2, 10.0 - step)
        expected = edited_plainly(x, sigma, images, 7.0, 1.5) if step in (3, 4) else positives[step]
        assert close(answer, expected)


def test_corrections_see_what_the_picture_added() -> None:
    class Halved:
        def correct(self, guided: torch.Tensor, views: Views) -> torch.Tensor:
            assert views.without_picture is not None
            return guided / 2

    x, sigma, images = batch_of(2), sigmas(2), [edited(0), edited(1)]
    seen = guided(FakeNetwork(), [images], cfg(7.0, image_scale=1.5, corrections=(Halved(),)))(x, sigma)
    assert close(seen, edited_plainly(x, sigma, images, 7.0, 1.5) / 2)
