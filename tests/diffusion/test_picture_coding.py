"""A VAE within the memory there is: when tiles are taken, that they hardly show, and what they need."""

from __future__ import annotations

import copy
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL
from PIL import Image

from modules.config.paths import ROOT
from modules.diffusion import picture_coding
from modules.diffusion.picture_coding import decoded, encoded, free_memory, in_float32, pixels_per_latent
from modules.diffusion.seamless import seamless
from tests.tiny_models import DEMO_MODEL

_PLENTY, _LITTLE = 1 << 50, 1


@pytest.fixture(scope="module")
def vae() -> Any:
    torch.manual_seed(0)
    return AutoencoderKL(
        block_out_channels=(8, 8, 16, 16),
        norm_num_groups=4,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
    ).eval()


@pytest.fixture(scope="module")
def demo_vae() -> Any:
    return AutoencoderKL.from_pretrained(DEMO_MODEL / "vae", local_files_only=True).eval()


def memory(numbers: int) -> Callable[[torch.device], int]:
    return lambda device: numbers


def latents(height: int, width: int, batch: int = 1) -> torch.Tensor:
    return torch.randn((batch, 4, height, width), generator=torch.Generator().manual_seed(0))


def decode(vae: Any, given: torch.Tensor, **options: Any) -> torch.Tensor:
    return torch.cat(list(decoded(vae, given, **options)))


@torch.inference_mode()
def test_where_there_is_room_it_is_the_vae(vae: Any) -> None:
    told: list[str] = []
    given = latents(6, 10, batch=2)
    assert torch.equal(decode(vae, given, free=memory(_PLENTY), tell=told.append)[1:], vae.decode(given[1:]).sample)
    pictures = torch.rand(2, 3, 48, 80) * 2 - 1
    means = encoded(vae, pictures, free=memory(_PLENTY), tell=told.append)
    assert torch.equal(means[1:], vae.encode(pictures[1:]).latent_dist.mean)
    assert means.shape == (2, 4, 6, 10)
    assert not told


@torch.inference_mode()
def test_where_there_is_little_it_goes_in_tiles_and_says_so(vae: Any) -> None:
    told: list[str] = []
    given = latents(34, 66)
    assert decode(vae, given, free=memory(_LITTLE), tell=told.append).shape == (1, 3, 272, 528)
    assert encoded(vae, torch.zeros(1, 3, 272, 528), free=memory(_LITTLE), tell=told.append).shape == (1, 4, 34, 66)
    assert (
        told
        == ["The VAE goes through 528 x 272 in tiles of 256 pixels: there is too little memory to do it at once."] * 2
    )
    # 6 maps of 8 channels at 512 x 512, in float32.
    decode(vae, latents(66, 66), free=memory(6 * 8 * 512 * 512 * 4), tell=told.append)
    assert "tiles of 512 pixels" in told[-1]
    assert vae.use_tiling is False
    assert pixels_per_latent(vae) == 8


@torch.inference_mode()
def test_a_small_picture_is_never_cut(vae: Any) -> None:
    told: list[str] = []
    given = latents(32, 20)
    assert torch.equal(decode(vae, given, free=memory(_LITTLE), tell=told.append), vae.decode(given).sample)
    assert not told


@torch.inference_mode()
def test_after_memory_ran_out_it_is_tried_in_tiles_once(vae: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    calls: list[int] = []
    whole = vae.decoder.forward

    def cramped(sample: torch.Tensor, *rest: Any) -> Any:
        calls.append(sample.shape[-1])
        if sample.shape[-1] > most:
            raise torch.OutOfMemoryError("no room")
        return whole(sample, *rest)

    monkeypatch.setattr(vae.decoder, "forward", cramped)
    most = 64
    assert decode(vae, latents(8, 66), free=memory(_PLENTY), tell=told.append).shape == (1, 3, 64, 528)
    assert told == ["The VAE goes through 528 x 64 in tiles of 256 pixels: memory ran out."]
    assert calls[0] == 66
    most, calls[:] = 4, []
    with pytest.raises(torch.OutOfMemoryError):
        decode(vae, latents(8, 66), free=memory(_PLENTY))
    assert calls == [66, 32]
    assert vae.use_tiling is False


@torch.inference_mode()
def test_tiles_hardly_show(demo_vae: Any) -> None:
    """Mean difference in levels of 255, and no more error against the picture than a few decibels."""
    small = Image.open(ROOT / "models" / "Stable-diffusion" / "atelier-demo.png").convert("RGB")
    pixels = np.asarray(small.resize((640, 640), Image.Resampling.LANCZOS), dtype=np.float32)
    picture = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None] / 127.5 - 1
    means = encoded(demo_vae, picture, free=memory(_PLENTY))
    tiled_means = encoded(demo_vae, picture, free=memory(6 * 32 * 512 * 512 * 4))
    whole = decode(demo_vae, means, free=memory(_PLENTY))
    tiles = decode(demo_vae, means, free=memory(6 * 32 * 512 * 512 * 4))
    assert not torch.equal(whole, tiles)
    assert float((whole - tiles).abs().mean()) * 127.5 < 4
    assert float((tiled_means - means).std() / means.std()) < 0.15


@pytest.mark.parametrize("wrapped", [True, False])
@torch.inference_mode()
def test_tiles_of_a_seamless_picture_meet_at_its_sides(
    vae: Any, wrapped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are no further from the whole there than elsewhere, which takes what lies at the opposite side."""
    if not wrapped:
        monkeypatch.setattr(picture_coding, "_WRAPPED", 0)
    given = latents(34, 66)
    with seamless(vae, x=True, y=False):
        error = (decode(vae, given, free=memory(_LITTLE)) - decode(vae, given, free=memory(_PLENTY))).abs()
    sides = float(torch.cat([error[..., -16:], error[..., :16]], dim=-1).mean())
    assert (sides < 1.3 * float(error[..., 16:-16].mean())) == wrapped


@pytest.fixture
def narrow_vae(vae: Any) -> Any:
    """A VAE in float16 whose first maps, of the second of `two_latents`, leave its range; later norms shrink them."""
    narrow = copy.deepcopy(vae)
    with torch.no_grad():
        narrow.encoder.conv_in.weight.mul_(8e4)
        narrow.decoder.conv_in.weight.mul_(8e4)
    return narrow.half()


def two_latents() -> torch.Tensor:
    given = latents(4, 6, batch=2)
    return torch.cat([given[:1] * 1e-3, given[1:] * 4])


@torch.inference_mode()
def test_numbers_out_of_range_go_again_in_float32_picture_by_picture(narrow_vae: Any) -> None:
    told: list[str] = []
    weights = [weight.data_ptr() for weight in narrow_vae.parameters()]
    made = decode(narrow_vae, two_latents(), tell=told.append)
    assert told == ["The VAE's numbers left the range of float16: the picture goes through it again in float32."]
    assert torch.isfinite(made).all()
    assert not torch.isfinite(narrow_vae.decode(two_latents()[1:].half()).sample).all()
    assert torch.equal(made[:1], narrow_vae.decode(two_latents()[:1].half()).sample.float())

    # It is the same VAE afterwards, in the same memory, and a picture does not depend on those before it.
    assert narrow_vae.dtype == torch.float16
    assert [weight.data_ptr() for weight in narrow_vae.parameters()] == weights
    assert torch.equal(decode(narrow_vae, two_latents()[:1]), made[:1])
    assert torch.equal(decode(narrow_vae, two_latents()[1:]), made[1:])
    wide = copy.deepcopy(narrow_vae).float()
    assert torch.equal(made[1:], decode(wide, two_latents()[1:]))


@torch.inference_mode()
def test_encoding_out_of_range_goes_again_too(narrow_vae: Any) -> None:
    told: list[str] = []
    pictures = torch.rand((1, 3, 16, 16), generator=torch.Generator().manual_seed(0)) * 2 - 1
    means = encoded(narrow_vae, pictures, tell=told.append)
    assert torch.isfinite(means).all()
    assert len(told) == 1
    assert torch.equal(means, encoded(copy.deepcopy(narrow_vae).float(), pictures))


@torch.inference_mode()
def test_latents_that_are_no_numbers_are_not_tried_again(narrow_vae: Any) -> None:
    told: list[str] = []
    made = decode(narrow_vae, torch.full((1, 4, 4, 4), torch.nan), tell=told.append)
    assert not torch.isfinite(made).all()
    assert not told


def test_weights_are_put_back_where_the_second_try_fails(narrow_vae: Any) -> None:
    weights = [weight.data_ptr() for weight in narrow_vae.parameters()]
    with pytest.raises(ZeroDivisionError), in_float32(narrow_vae):
        assert narrow_vae.dtype == torch.float32
        raise ZeroDivisionError
    assert [weight.data_ptr() for weight in narrow_vae.parameters()] == weights


def test_a_processor_has_a_bound() -> None:
    assert 0 < free_memory(torch.device("cpu")) <= 8 << 30


_PEAK = """
import sys, threading, time
import psutil, torch
from diffusers import AutoencoderKL
from modules.diffusion.picture_coding import decoded
torch.manual_seed(0)
vae = AutoencoderKL(block_out_channels=(4, 4, 4, 4), norm_num_groups=2, mid_block_add_attention=False,
                    down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4).eval()
here = psutil.Process()
with torch.inference_mode():
    vae.decode(torch.zeros(1, 4, 8, 8))
    before, peak, done = here.memory_info().rss, [0], threading.Event()
    def watch():
        while not done.wait(0.005):
            peak[0] = max(peak[0], here.memory_info().rss)
    watcher = threading.Thread(target=watch)
    watcher.start()
    (picture,) = decoded(vae, torch.zeros(1, 4, 512, 512), free=lambda device: 1 << 30)
    done.set()
    watcher.join()
assert picture.shape == (1, 3, 4096, 4096)
print((peak[0] - before) >> 20)
"""


@pytest.mark.slow
def test_decoding_4096_squared_stays_within_bounds() -> None:
    """The picture alone is 192 MiB in float32, and tiles overlap; at once this VAE needs twice as much."""
    done = subprocess.run([sys.executable, "-c", _PEAK], cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 1000
