"""Latents at another size."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from modules.diffusion.latent_resizing import LATENT_INTERPOLATIONS, resized_latents
from modules.diffusion.names import LATENT_UPSCALE_MODES


def latents(height: int = 6, width: int = 8) -> torch.Tensor:
    return torch.randn((2, 4, height, width), generator=torch.Generator().manual_seed(0))


def test_names_are_a1111_s_and_each_has_its_interpolation() -> None:
    assert LATENT_INTERPOLATIONS == {
        "Latent": ("bilinear", False),
        "Latent (antialiased)": ("bilinear", True),
        "Latent (bicubic)": ("bicubic", False),
        "Latent (bicubic antialiased)": ("bicubic", True),
        "Latent (nearest)": ("nearest", False),
        "Latent (nearest-exact)": ("nearest-exact", False),
    }
    assert tuple(LATENT_INTERPOLATIONS) == LATENT_UPSCALE_MODES


@given(mode=st.sampled_from(LATENT_UPSCALE_MODES), height=st.integers(1, 20), width=st.integers(1, 20))
def test_any_size_is_reached_and_an_even_field_stays_even(mode: str, height: int, width: int) -> None:
    assert resized_latents(latents(), mode, height, width).shape == (2, 4, height, width)
    even = resized_latents(torch.full((1, 4, 6, 8), 0.7), mode, height, width)
    assert torch.allclose(even, torch.full_like(even, 0.7), atol=1e-5)


@pytest.mark.parametrize("mode", LATENT_UPSCALE_MODES)
def test_the_same_size_is_the_same_latents(mode: str) -> None:
    given_ = latents()
    assert resized_latents(given_, mode, 6, 8) is given_


def test_modes_differ_where_they_should() -> None:
    """Enlarged, antialiasing is nothing; made smaller, every mode but the two nearest ones has its own result."""
    larger, smaller = (
        {mode: resized_latents(latents(), mode, *size) for mode in LATENT_UPSCALE_MODES} for size in ((12, 16), (3, 4))
    )
    assert torch.allclose(larger["Latent"], larger["Latent (antialiased)"], atol=1e-5)
    assert torch.equal(larger["Latent (nearest)"], larger["Latent (nearest-exact)"])
    assert torch.equal(larger["Latent (nearest)"][..., ::2, ::2], latents())
    results = list(smaller.values())
    for place, one in enumerate(results):
        assert not any(torch.allclose(one, other, atol=1e-3) for other in results[:place])
