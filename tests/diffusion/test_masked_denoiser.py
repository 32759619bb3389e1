"""Inpainting in latents: outside of the mask the original, inside the denoiser's, for every sampler."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from modules.diffusion.img2img_start import img2img_steps, noised, tail
from modules.diffusion.latent_fills import filled_with_noise, filled_with_nothing
from modules.diffusion.masked_denoiser import MaskBlend, MaskedDenoiser, straight_blend
from modules.diffusion.names import BUILT_IN_NAMES
from modules.diffusion.noise_levels import NoiseLevels
from modules.diffusion.samplers import SAMPLERS, SamplerOptions
from modules.diffusion.schedules import sigmas_for
from modules.diffusion.soft_inpainting import SoftInpainting
from tests.diffusion.mixture import NumberedNoise, mixture_denoiser

SD1 = NoiseLevels.scaled_linear(0.00085, 0.012, 1000)
_SHAPE = (2, 4, 3, 5)


def latents(seed: int, shape: tuple[int, ...] = _SHAPE) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def half_mask(images: int = 1) -> torch.Tensor:
    """0 in the left two columns, 1 in the right three."""
    mask = torch.zeros((images, 1, 3, 5), dtype=torch.float64)
    mask[..., 2:] = 1
    return mask


class WithNegative:
    """A denoiser that has a negative's picture, as guided ones have."""

    def __init__(self) -> None:
        self.last_negative: torch.Tensor | None = None

    def __call__(self, x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        self.last_negative = mixture_denoiser(x, sigma) - 0.1
        return mixture_denoiser(x, sigma)


def test_a_mask_of_zeros_is_the_original_and_of_ones_the_denoised() -> None:
    x, sigma, original = latents(1) * 3, torch.full((2,), 3.0), latents(2)
    seen = mixture_denoiser(x, sigma)
    for mask, expected in ((torch.zeros(1, 1, 3, 5), original), (torch.ones(1, 1, 3, 5), seen)):
        for blend in (straight_blend, SoftInpainting()):
            assert torch.equal(MaskedDenoiser(mixture_denoiser, original, mask, blend)(x, sigma), expected)


def test_each_image_may_have_its_own_mask() -> None:
    x, sigma, original = latents(1), torch.full((2,), 0.5), latents(2)
    mask = torch.cat([torch.zeros(1, 1, 3, 5), torch.ones(1, 1, 3, 5)])
    seen = MaskedDenoiser(mixture_denoiser, original, mask)(x, sigma)
    assert torch.equal(seen[0], original[0])
    assert torch.equal(seen[1], mixture_denoiser(x, sigma)[1])


@pytest.mark.parametrize("shape", [(1, 1, 3, 4), (1, 4, 3, 5)])
def test_a_mask_of_another_size_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        MaskedDenoiser(mixture_denoiser, latents(2), torch.zeros(shape))


def test_the_negative_is_masked_too() -> None:
    x, sigma, original = latents(1), torch.full((2,), 0.5), latents(2)
    inner = WithNegative()
    masked = MaskedDenoiser(inner, original, half_mask())
    assert masked.last_negative is None
    masked(x, sigma)
    assert masked.last_negative is not None
    assert inner.last_negative is not None
    assert torch.equal(masked.last_negative[..., :2], original[..., :2])
    assert torch.equal(masked.last_negative[..., 2:], inner.last_negative[..., 2:])
    plain = MaskedDenoiser(mixture_denoiser, original, half_mask())
    plain(x, sigma)
    assert plain.last_negative is None


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("blend", [straight_blend, SoftInpainting(0.5, 2.0)], ids=["straight", "soft"])
def test_every_sampler_leaves_what_is_not_masked(name: str, blend: MaskBlend) -> None:
    """And paints the rest as if the original were not there, since the mixture's cells know nothing of one another.

    DPM adaptive chooses its steps by the whole picture, so that there the rest may differ.
    """
    original, noise = latents(2), latents(3)
    schedule = BUILT_IN_NAMES.find_sampler(name).automatic
    plan = img2img_steps(20, 0.8)
    sigmas = tail(sigmas_for(schedule, plan.schedule, SD1), plan, schedule=schedule, levels=SD1)
    recipe = SAMPLERS[name]

    def painted(masked: bool) -> torch.Tensor:
        inner = WithNegative()
        x = recipe.run(
            MaskedDenoiser(inner, original, half_mask(), blend) if masked else inner,
            noised(original, noise, float(sigmas[0])),
            sigmas,
            noise=NumberedNoise(_SHAPE),
            callback=lambda report: None,
            options=SamplerOptions(),
        )
        return recipe.finished_latents(x, float(sigmas[-1]))

    result, free = painted(True), painted(False)
    last = max(float(sigmas[-1]), SD1.sigma_min if name in ("DPM fast", "DPM adaptive") else 0.0)
    assert (result - original)[..., :2].abs().max() <= 6 * last + 1e-12
    assert (result - original)[..., 2:].abs().max() > 0.5
    if name != "DPM adaptive":
        assert torch.allclose(result[..., 2:], free[..., 2:], atol=1e-9)


SOFT = st.builds(
    SoftInpainting,
    schedule_bias=st.floats(0.1, 8),
    preservation_strength=st.floats(0, 8),
    transition_contrast_boost=st.floats(1, 32),
    mask_influence=st.floats(0, 8),
    difference_threshold=st.floats(0, 8),
    difference_contrast=st.floats(0, 8),
)
SIGMAS = st.floats(0.03, 14.6)


@given(soft=SOFT, sigma=SIGMAS)
def test_the_share_rises_with_the_mask(soft: SoftInpainting, sigma: float) -> None:
    mask = torch.linspace(0, 1, 33, dtype=torch.float64).reshape(1, 1, 1, 33)
    share = soft.share(mask, torch.tensor([sigma]))[0, 0, 0]
    assert share[0] == 0
    assert share[-1] == 1
    assert (share[1:] >= share[:-1]).all()


@given(soft=SOFT, sigma=SIGMAS, mask=st.floats(0.01, 0.99))
def test_more_preservation_leaves_more_of_the_original(soft: SoftInpainting, sigma: float, mask: float) -> None:
    shares = [
        float(
            SoftInpainting(soft.schedule_bias, strength).share(
                torch.full((1, 1, 1, 1), mask, dtype=torch.float64), torch.tensor([sigma], dtype=torch.float64)
            )
        )
        for strength in (0.0, 0.5, 2.0)
    ]
    assert shares[0] == 1
    assert shares == sorted(shares, reverse=True)


@given(soft=SOFT, sigma=SIGMAS)
def test_a_hard_mask_is_a_straight_blend(soft: SoftInpainting, sigma: float) -> None:
    told = torch.full((2,), sigma, dtype=torch.float64)
    arguments = (latents(1), latents(2), half_mask(), told)
    assert torch.equal(soft(*arguments), straight_blend(*arguments))


def test_the_usual_share_is_the_mask_and_bias_shifts_it_in_time() -> None:
    mask = torch.full((1, 1, 1, 1), 0.4, dtype=torch.float64)
    early, late = torch.tensor([14.0], dtype=torch.float64), torch.tensor([0.05], dtype=torch.float64)
    assert float(SoftInpainting().share(mask, early)) == pytest.approx(0.4)
    assert float(SoftInpainting().share(mask, late)) == pytest.approx(0.4)
    assert SoftInpainting(2.0).share(mask, early) < 0.4 < SoftInpainting(2.0).share(mask, late)
    assert SoftInpainting(0.5).share(mask, early) > 0.4 > SoftInpainting(0.5).share(mask, late)


@pytest.mark.parametrize("bias", [0.5, 1.0, 3.0])
def test_bias_does_not_change_how_much_is_preserved_in_all(bias: float) -> None:
    """The mean exponent over the run's time t, of which sigma is tan(pi t / 2)."""
    time = (torch.arange(20000, dtype=torch.float64) + 0.5) / 20000
    sigma = (time * torch.pi / 2).tan()
    mask = torch.full((1, 1, 1, 1), 0.5, dtype=torch.float64)
    exponents = SoftInpainting(bias, 0.7).share(mask, sigma).log() / mask.log()
    assert float(exponents.mean()) == pytest.approx(1.4, rel=0.01)


@given(boost=st.floats(1, 32), share=st.floats(0.01, 0.99))
def test_blended_latents_keep_their_length(boost: float, share: float) -> None:
    soft = SoftInpainting(transition_contrast_boost=boost)
    one, other = latents(1), latents(2)
    mask = torch.full((1, 1, 3, 5), share, dtype=torch.float64)
    blended = soft(one, other, mask, torch.ones(2))
    lengths = torch.stack([one.norm(dim=1), other.norm(dim=1)])
    assert (blended.norm(dim=1) >= lengths.amin(dim=0) - 1e-9).all()
    assert (blended.norm(dim=1) <= lengths.amax(dim=0) + 1e-9).all()
    mean = torch.lerp(lengths[0], lengths[1], mask[:, 0])
    assert (blended.norm(dim=1) >= mean - 1e-9).all()
    straight = straight_blend(one, other, mask, torch.ones(2))
    assert torch.allclose(torch.cosine_similarity(blended, straight), torch.ones(2, 3, 5, dtype=torch.float64))
    assert (straight.norm(dim=1) <= mean + 1e-9).all()


@given(soft=SOFT)
def test_the_overlay_is_a_share_and_nothing_outside_of_the_mask(soft: SoftInpainting) -> None:
    overlay = soft.overlay(latents(1), latents(2), half_mask(2))
    assert overlay.shape == (2, 1, 3, 5)
    assert ((overlay >= 0) & (overlay <= 1)).all()
    assert not overlay[..., :2].any()


def test_the_overlay_follows_the_change() -> None:
    """Half at the threshold, nothing where nothing changed, all where all did; the mask may lower the threshold."""
    original, mask = torch.zeros(1, 4, 9, 9, dtype=torch.float64), torch.full((1, 1, 9, 9), 0.75, dtype=torch.float64)
    change = {
        size: float(SoftInpainting().overlay(original, original + size, mask)[0, 0, 4, 4]) for size in (0, 0.5, 9)
    }
    assert change[0] < 1e-6
    assert change[0.5] == pytest.approx(0.5)
    assert change[9] > 0.999
    influenced = SoftInpainting(mask_influence=1.0).overlay(original, original + 0.125, mask)
    assert influenced[0, 0, 4, 4] == pytest.approx(0.5)
    soft, sharp = (
        SoftInpainting(difference_contrast=contrast).overlay(original, original + 0.6, mask)[0, 0, 4, 4]
        for contrast in (1.0, 8.0)
    )
    assert 0.5 < soft < sharp


def test_no_power_overflows_in_single_precision() -> None:
    soft = SoftInpainting(transition_contrast_boost=32, difference_contrast=8, difference_threshold=0)
    one, other, mask = (latents(1) * 50).float(), (latents(2) * 50).float(), torch.full((1, 1, 3, 5), 0.5)
    assert soft(one, other, mask, torch.tensor([0.03, 14.0])).isfinite().all()
    assert soft.overlay(one, other, mask).isfinite().all()


def test_fills() -> None:
    original, noise, mask = latents(1), latents(2), half_mask()
    filled, emptied = filled_with_noise(original, mask, noise), filled_with_nothing(original, mask)
    assert torch.equal(filled[..., :2], original[..., :2])
    assert torch.equal(filled[..., 2:], noise[..., 2:])
    assert torch.equal(emptied[..., :2], original[..., :2])
    assert not emptied[..., 2:].any()
