"""Previews show what the VAE would, roughly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL
from PIL import Image

from modules.config.paths import ROOT
from modules.diffusion.picture_coding import encoded
from modules.diffusion.previews import LatentPreview
from tests.tiny_models import DEMO_MODEL


@pytest.fixture(scope="module")
def demo_vae() -> Any:
    return AutoencoderKL.from_pretrained(DEMO_MODEL / "vae", local_files_only=True).eval()


def test_a_preview_of_a_picture_s_latents_looks_like_it(demo_vae: Any) -> None:
    """In the mean within 24 levels of 255 of the picture, shrunk to one pixel per cell; a wrong one is 60 away."""
    small = Image.open(ROOT / "models" / "Stable-diffusion" / "atelier-demo.png").convert("RGB").resize((256, 256))
    picture = torch.from_numpy(np.asarray(small, dtype=np.float32).copy()).permute(2, 0, 1)[None] / 127.5 - 1
    with torch.inference_mode():
        latents = encoded(demo_vae, picture) * demo_vae.config.scaling_factor
        shown = LatentPreview.fit(demo_vae)(latents)
    side = latents.shape[-1]
    assert (shown.shape, shown.dtype) == ((1, side, side, 3), torch.uint8)
    shrunk = np.asarray(small.resize((side, side), Image.Resampling.BOX)).astype(int)
    assert np.abs(shown[0].numpy() - shrunk).mean() < 24
    assert np.abs(255 - shown[0].numpy() - shrunk).mean() > 48


def test_a_vae_in_bfloat16_gives_nearly_the_same_preview(demo_vae: Any) -> None:
    latents = torch.randn((1, 4, 8, 8), generator=torch.Generator().manual_seed(0))
    wide = LatentPreview.fit(demo_vae)(latents).int()
    try:
        narrow = LatentPreview.fit(demo_vae.to(torch.bfloat16))(latents).int()
    finally:
        demo_vae.to(torch.float32)
    assert float((wide - narrow).abs().float().mean()) < 8
