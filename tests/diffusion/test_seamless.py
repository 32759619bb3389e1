"""Seamless networks: what is rolled goes in, what is rolled comes out; afterwards nothing has changed."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel

from modules.diffusion.seamless import seamless, seamless_axes


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
def unet() -> Any:
    torch.manual_seed(0)
    return UNet2DConditionModel(
        block_out_channels=(16, 32),
        layers_per_block=1,
        norm_num_groups=8,
        cross_attention_dim=32,
        attention_head_dim=2,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    ).eval()


def random(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def denoise(unet: Any, x: torch.Tensor) -> torch.Tensor:
    answer: torch.Tensor = unet(x, torch.tensor([300.0]), encoder_hidden_states=random(1, 77, 32)).sample
    return answer


# Of every network: what it makes of a picture, the picture, and its step in cells of input and of output.
NETWORKS = {
    "unet": (denoise, (1, 4, 12, 16), 2, 2),
    "decoder": (lambda vae, x: vae.decode(x).sample, (1, 4, 6, 8), 1, 8),
    "encoder": (lambda vae, x: vae.encode(x).latent_dist.mean, (1, 3, 64, 96), 8, 1),
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(("x", "y"), [(True, False), (False, True), (True, True)])
@torch.inference_mode()
def test_a_rolled_input_gives_the_rolled_output(name: str, x: bool, y: bool, vae: Any, unet: Any) -> None:
    run, shape, step, out = NETWORKS[name]
    network, given = unet if name == "unet" else vae, random(*shape)
    for dim, on, steps in ((-1, x, 3), (-2, y, 1)):
        with seamless(network, x=x, y=y):
            straight, rolled = run(network, given), run(network, given.roll(step * steps, dim))
        difference = float((straight.roll(out * steps, dim) - rolled).abs().max() / straight.abs().max())
        assert difference < 1e-4 if on else difference > 1e-3


@torch.inference_mode()
def test_networks_are_restored_to_the_bit(vae: Any, unet: Any) -> None:
    attributes = [{key: id(value) for key, value in vars(module).items()} for module in vae.modules()]
    before = (vae.decode(random(1, 4, 6, 8)).sample, denoise(unet, random(1, 4, 12, 16)))
    with pytest.raises(KeyError), seamless(vae, unet):
        assert not torch.equal(vae.decode(random(1, 4, 6, 8)).sample, before[0])
        raise KeyError
    assert [{key: id(value) for key, value in vars(module).items()} for module in vae.modules()] == attributes
    assert torch.equal(vae.decode(random(1, 4, 6, 8)).sample, before[0])
    assert torch.equal(denoise(unet, random(1, 4, 12, 16)), before[1])


def test_it_says_which_axes_and_may_be_nested(vae: Any) -> None:
    assert seamless_axes(vae) == (False, False)
    with seamless(vae, x=True, y=False):
        assert seamless_axes(vae) == (True, False)
        with seamless(vae):
            assert seamless_axes(vae) == (True, True)
        with seamless(vae, x=False, y=False):
            assert seamless_axes(vae) == (True, False)
        assert seamless_axes(vae) == (True, False)
    assert seamless_axes(vae) == (False, False)
    assert seamless_axes(torch.nn.Linear(1, 1)) == (False, False)
