"""Noise: the published streams, one per image, and what a variation, another size and ENSD do to them."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from modules.diffusion.noise import (
    BatchNoise,
    ImageNoise,
    NoiseRecipe,
    NvNoise,
    TorchNoise,
    noise_source,
    pasted_in_the_centre,
    philox_words,
    slerp,
)

VECTORS = Path(os.environ.get("VECTORS_DIR", Path(__file__).parent.parent / "vectors"))
CPU = torch.device("cpu")
SHAPE = (4, 8, 6)

kinds = st.sampled_from(["NV", "CPU", "GPU"])
seeds = st.integers(0, 2**63 - 1)
strengths = st.floats(0, 1)
sides = st.integers(1, 12)
recipes = st.builds(
    NoiseRecipe,
    seed=seeds,
    subseed=seeds,
    subseed_strength=strengths,
    resize_from=st.none() | st.tuples(sides, sides),
    ensd=st.integers(-(2**63), 2**63 - 1),
    kind=kinds,
)


def image(recipe: NoiseRecipe) -> ImageNoise:
    return ImageNoise(recipe, CPU)


def draws(recipe: NoiseRecipe, count: int = 3) -> list[torch.Tensor]:
    noise = image(recipe)
    return [noise.randn(SHAPE) for _ in range(count)]


# The streams


@pytest.mark.parametrize("path", sorted(VECTORS.glob("noise*.json")), ids=lambda path: path.name)
def test_vectors(path: Path) -> None:
    for vector in json.loads(path.read_bytes()):
        seed, first, second = (vector[key] for key in vector)
        source = NvNoise(seed)
        assert torch.allclose(source.randn((2, 3, 5)).flatten(), torch.tensor(first), rtol=0, atol=1e-6)
        assert torch.allclose(source.randn((4,)), torch.tensor(second), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("counter", "key", "answer"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_plain_philox_gives_the_known_answers_of_its_authors(
    counter: tuple[int, int, int, int], key: tuple[int, int], answer: tuple[int, ...]
) -> None:
    assert plain_philox(counter, key) == answer


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 9), st.tuples(*[st.integers(0, 2**32 - 1)] * 2))
def test_philox_is_that_of_plain_integers(draw: int, start: int, key: tuple[int, int]) -> None:
    first, second = philox_words(draw, start, 8, key)
    for place in range(8):
        assert plain_philox((draw, 0, start + place, 0), key)[:2] == (int(first[place]), int(second[place]))


def plain_philox(counter: tuple[int, int, int, int], key: tuple[int, int]) -> tuple[int, ...]:
    words, (key_0, key_1) = counter, key
    for _ in range(10):
        high_0, low_0 = divmod(0xD2511F53 * words[0], 2**32)
        high_1, low_1 = divmod(0xCD9E8D57 * words[2], 2**32)
        words = (high_1 ^ words[1] ^ key_0, low_1, high_0 ^ words[3] ^ key_1, low_0)
        key_0, key_1 = (key_0 + 0x9E3779B9) % 2**32, (key_1 + 0xBB67AE85) % 2**32
    return words


def test_a_large_draw_starts_as_a_small_one() -> None:
    """Number i does not depend on how many are drawn, nor on where the computation is cut."""
    large = NvNoise(11).randn((4, 128, 130)).flatten()
    for count in (1, 16384, 16385, 40000):
        assert torch.equal(NvNoise(11).randn((count,)), large[:count])


@pytest.mark.parametrize("kind", ["NV", "CPU", "GPU"])
def test_noise_is_standard_normal(kind: str) -> None:
    noise = noise_source(kind, 5, CPU).randn((4, 100, 100))
    assert noise.dtype == torch.float32
    assert float(noise.mean()) == pytest.approx(0, abs=0.02)
    assert float(noise.std()) == pytest.approx(1, abs=0.02)
    assert float((noise.abs() < 1).float().mean()) == pytest.approx(0.6827, abs=0.01)


@given(seeds)
def test_cpu_noise_is_that_of_torch(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    source = noise_source("CPU", seed, CPU)
    for shape in ((4, 8, 8), (3,)):
        assert torch.equal(source.randn(shape), torch.randn(shape, generator=generator))


def test_gpu_noise_without_a_card_is_that_of_a_card() -> None:
    assert torch.equal(noise_source("GPU", 3, CPU).randn((9,)), noise_source("NV", 3, CPU).randn((9,)))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a graphics card")
def test_nv_noise_is_that_of_the_card() -> None:
    card = noise_source("GPU", 123456789012, torch.device("cuda"))
    computed = NvNoise(123456789012)
    for shape in ((4, 64, 64), (7,), (4, 96, 64)):
        assert torch.allclose(card.randn(shape).cpu(), computed.randn(shape), rtol=0, atol=1e-4)


def test_the_global_generator_is_left_alone() -> None:
    torch.manual_seed(0)
    before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()  # type: ignore[index]
    for kind in ("NV", "CPU", "GPU"):
        draws(NoiseRecipe(1, 2, 0.5, (3, 3), 4, kind))
    assert torch.equal(torch.get_rng_state(), before)
    assert (np.random.get_state()[1] == numpy_before).all()  # type: ignore[index]


def test_large_seeds_differ() -> None:
    assert not torch.equal(NvNoise(1).randn((9,)), NvNoise(1 + 2**32).randn((9,)))


# A batch


@given(st.lists(recipes, min_size=1, max_size=4), st.data())
def test_place_in_the_batch_does_not_matter(batch: list[NoiseRecipe], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(batch) - 1))
    together = BatchNoise([image(recipe) for recipe in batch], SHAPE, CPU)
    alone = BatchNoise([image(batch[place])], SHAPE, CPU)
    for _ in range(3):
        assert torch.equal(together.next()[place], alone.next()[0])


def test_a_batch_takes_plain_sources_too() -> None:
    batch = BatchNoise([TorchNoise(seed, "cpu") for seed in (1, 2)], SHAPE, CPU)
    first = batch.next()
    assert first.shape == (2, *SHAPE)
    assert torch.equal(first[1], TorchNoise(2, "cpu").randn(SHAPE))


# One image


@given(seeds, kinds)
def test_a_plain_recipe_is_its_source(seed: int, kind: str) -> None:
    source = noise_source(kind, seed, CPU)
    for drawn in draws(NoiseRecipe(seed, kind=kind)):
        assert torch.equal(drawn, source.randn(SHAPE))


@given(recipes)
def test_initial_then_next_is_what_randn_gives(recipe: NoiseRecipe) -> None:
    noise = image(recipe)
    parts = [noise.initial(SHAPE), noise.next(SHAPE), noise.next(SHAPE)]
    assert all(torch.equal(part, drawn) for part, drawn in zip(parts, draws(recipe), strict=True))
    assert all(part.shape == SHAPE and part.dtype == torch.float32 and part.isfinite().all() for part in parts)


@given(recipes)
def test_a_variation_of_no_strength_is_none(recipe: NoiseRecipe) -> None:
    still = draws(replace(recipe, subseed_strength=0.0))
    assert all(
        torch.equal(*pair) for pair in zip(still, draws(replace(recipe, subseed_strength=0, subseed=7)), strict=True)
    )


@given(seeds, seeds, kinds)
def test_a_variation_of_full_strength_is_the_other_seed(seed: int, subseed: int, kind: str) -> None:
    varied = image(NoiseRecipe(seed, subseed, 1.0, kind=kind)).initial((4, 16, 16))
    other = image(NoiseRecipe(subseed, kind=kind)).initial((4, 16, 16))
    assert torch.allclose(varied, other, atol=1e-5)


def test_a_variation_changes_the_first_draw_only() -> None:
    plain, varied = draws(NoiseRecipe(3)), draws(NoiseRecipe(3, 4, 0.3))
    assert not torch.allclose(plain[0], varied[0], atol=0.1)
    assert all(torch.equal(*pair) for pair in zip(plain[1:], varied[1:], strict=True))


def test_a_variation_grows_with_its_strength_and_stays_normal() -> None:
    shape = (4, 64, 64)
    start = image(NoiseRecipe(3)).initial(shape)
    last = 0.0
    for strength in (0.1, 0.3, 0.5, 0.7, 0.9):
        varied = image(NoiseRecipe(3, 4, strength)).initial(shape)
        distance = float((varied - start).norm())
        assert distance > last
        assert float(varied.std()) == pytest.approx(1, abs=0.03)
        last = distance


# Another size


@given(recipes)
def test_the_same_size_is_no_resize(recipe: NoiseRecipe) -> None:
    same = replace(recipe, resize_from=(SHAPE[2], SHAPE[1]))
    free = replace(recipe, resize_from=None)
    assert all(torch.equal(*pair) for pair in zip(draws(same), draws(free), strict=True))


def test_a_larger_picture_has_the_smaller_noise_in_its_middle() -> None:
    small = image(NoiseRecipe(5)).initial((4, 8, 6))
    fresh = image(NoiseRecipe(5)).initial((4, 12, 12))
    resized = image(NoiseRecipe(5, resize_from=(6, 8))).initial((4, 12, 12))
    assert torch.equal(resized[:, 2:10, 3:9], small)
    resized[:, 2:10, 3:9] = fresh[:, 2:10, 3:9]
    assert torch.equal(resized, fresh)


def test_a_smaller_picture_is_the_middle_of_the_larger_noise() -> None:
    large = image(NoiseRecipe(5)).initial((4, 12, 12))
    assert torch.equal(image(NoiseRecipe(5, resize_from=(12, 12))).initial((4, 8, 6)), large[:, 2:10, 3:9])


def test_width_and_height_are_resized_apart() -> None:
    """Wider and lower at once: the full height of the target is filled from the source's middle rows."""
    source = image(NoiseRecipe(5)).initial((4, 12, 6))
    resized = image(NoiseRecipe(5, resize_from=(6, 12))).initial((4, 8, 10))
    assert torch.equal(resized[:, :, 2:8], source[:, 2:10, :])


def test_an_odd_difference_leaves_a_column() -> None:
    onto = torch.zeros(1, 3)
    assert pasted_in_the_centre(torch.arange(1.0, 5).reshape(1, 4), onto).tolist() == [[2, 3, 0]]
    assert pasted_in_the_centre(torch.arange(1.0, 3).reshape(1, 2), onto).tolist() == [[1, 2, 0]]


def test_a_resize_is_varied_at_the_old_size() -> None:
    small = image(NoiseRecipe(5, 6, 0.4)).initial((4, 8, 6))
    assert torch.equal(image(NoiseRecipe(5, 6, 0.4, (6, 8))).initial((4, 12, 12))[:, 2:10, 3:9], small)


def test_noise_after_a_resized_draw_goes_on_in_the_own_stream() -> None:
    plain, resized = draws(NoiseRecipe(5)), draws(NoiseRecipe(5, resize_from=(3, 3)))
    assert not torch.equal(plain[0], resized[0])
    assert all(torch.equal(*pair) for pair in zip(plain[1:], resized[1:], strict=True))


# ENSD


@given(recipes.filter(lambda recipe: recipe.ensd != 0))
def test_ensd_changes_all_noise_after_the_first(recipe: NoiseRecipe) -> None:
    first, *later = draws(recipe)
    assert torch.equal(first, draws(replace(recipe, ensd=0))[0])
    source = noise_source(recipe.kind, recipe.seed + recipe.ensd, CPU)
    assert all(torch.equal(drawn, source.randn(SHAPE)) for drawn in later)


# Slerp

tensors = st.integers(0, 10**6).map(lambda seed: TorchNoise(seed, "cpu").randn((3, 9, 5)).double())


@given(tensors, tensors, strengths)
def test_slerp_turns_by_its_share_of_the_angle(low: torch.Tensor, high: torch.Tensor, strength: float) -> None:
    low, high = (noise / noise.norm(dim=1, keepdim=True) for noise in (low, high))
    if (low * high).sum(1).mean() > 0.9995:
        return
    turned = slerp(strength, low, high)
    assert torch.allclose(turned.norm(dim=1), torch.ones(3, 5, dtype=torch.float64))
    whole = (low * high).sum(1).acos()
    assert torch.allclose((turned * low).sum(1), (whole * strength).cos())
    assert torch.allclose((turned * high).sum(1), (whole * (1 - strength)).cos())


@given(tensors, tensors, strengths)
def test_slerp_goes_both_ways(low: torch.Tensor, high: torch.Tensor, strength: float) -> None:
    if torch.equal(low, high):
        return
    assert torch.allclose(slerp(strength, low, high), slerp(1 - strength, high, low))
    assert torch.allclose(slerp(0, low, high), low)
    assert torch.allclose(slerp(1, low, high), high)


def test_slerp_turns_every_column_by_itself() -> None:
    low, high = (TorchNoise(seed, "cpu").randn((3, 9, 5)) for seed in (1, 2))
    changed = high.clone()
    changed[1, :, 2] *= -0.3
    difference = (slerp(0.4, low, high) != slerp(0.4, low, changed)).any(dim=1)
    assert difference.nonzero().tolist() == [[1, 2]]


def test_nearly_parallel_noise_is_mixed_the_other_way_round() -> None:
    low = TorchNoise(1, "cpu").randn((3, 9, 5))
    high = low * 1.01
    assert torch.allclose(slerp(0.2, low, high), 0.2 * low + 0.8 * high)


def test_a_single_parallel_column_is_a_number() -> None:
    low, high = (TorchNoise(seed, "cpu").randn((3, 9, 5)) for seed in (1, 2))
    high[0, :, 0] = 2 * low[0, :, 0]
    assert torch.allclose(slerp(0.25, low, high)[0, :, 0], 1.25 * low[0, :, 0])
    assert slerp(0.25, low[:, :1], high[:, :1]).isfinite().all()
