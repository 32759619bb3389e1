"""Channels beside x: the mask at latent size, and the picture without what lies below it."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from modules.diffusion.input_channels import blank_inpainting_channels, inpainting_channels, pix2pix_channels


def encode(pictures: torch.Tensor) -> torch.Tensor:
    """Four channels that are means over 8 x 8 pixels."""
    small = functional.avg_pool2d(pictures, 8)
    return torch.cat([small, small.mean(dim=1, keepdim=True)], dim=1)


def pictures(batch: int = 2) -> torch.Tensor:
    return torch.rand((batch, 3, 16, 24), generator=torch.Generator().manual_seed(0)) * 2 - 1


def left_masked() -> torch.Tensor:
    mask = torch.zeros(1, 1, 16, 24)
    mask[..., :8] = 1
    return mask


def test_the_model_sees_the_mask_and_grey_below_it() -> None:
    given_ = pictures()
    channels = inpainting_channels(encode, given_, left_masked())
    assert channels.shape == (2, 5, 2, 3)
    assert torch.equal(channels[:, 0], torch.tensor([[1.0, 0, 0], [1, 0, 0]]).expand(2, 2, 3))
    assert not channels[:, 1:, :, 0].any()
    assert torch.equal(channels[:, 1:, :, 1:], encode(given_)[..., 1:])


@given(weight=st.floats(0, 1))
def test_the_weight_says_how_much_is_hidden(weight: float) -> None:
    channels = inpainting_channels(encode, pictures(), left_masked(), mask_weight=weight)
    assert torch.allclose(channels[:, 1:, :, 0], encode(pictures())[..., 0] * (1 - weight), atol=1e-6)
    assert channels[:, 0, :, 0].eq(1).all()


def test_each_picture_may_have_its_own_mask() -> None:
    masks = torch.cat([left_masked(), torch.zeros(1, 1, 16, 24)])
    channels = inpainting_channels(encode, pictures(), masks)
    assert channels[0, 0].sum() == 2
    assert torch.equal(channels[1, 1:], encode(pictures())[1])


def test_without_a_picture_all_is_masked_and_grey() -> None:
    channels = blank_inpainting_channels(encode, 16, 24, torch.device("cpu"))
    assert channels.shape == (1, 5, 2, 3)
    assert channels[:, 0].eq(1).all()
    assert not channels[:, 1:].any()


def test_pix2pix_sees_the_picture() -> None:
    assert torch.equal(pix2pix_channels(encode, pictures()), encode(pictures()))
