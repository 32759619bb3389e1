"""Where a network looks: the shares that diffusers computes, from the layers of the middle; no answer changes."""

from __future__ import annotations

import pytest
import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import Attention

from modules.diffusion.attention_maps import AttentionSum, attention_shares, attention_summed, explained_layers

WIDTHS = (8, 8, 16, 16)


def unet(down: tuple[bool, ...], widths: tuple[int, ...] = WIDTHS) -> UNet2DConditionModel:
    """A U-Net with cross-attention at those depths."""
    torch.manual_seed(0)
    depths = widths[: len(down)]
    return UNet2DConditionModel(
        sample_size=16,
        in_channels=4,
        out_channels=4,
        block_out_channels=depths,
        layers_per_block=1,
        norm_num_groups=4,
        attention_head_dim=4,
        cross_attention_dim=12,
        down_block_types=tuple("CrossAttnDownBlock2D" if one else "DownBlock2D" for one in down),
        up_block_types=tuple("CrossAttnUpBlock2D" if one else "UpBlock2D" for one in reversed(down)),
    ).eval()


def hooks(network: UNet2DConditionModel) -> int:
    return sum(len(module._forward_hooks) for module in network.modules())


def blocks(network: UNet2DConditionModel) -> set[str]:
    return {name.split(".attentions")[0] for name in explained_layers(network)}


def test_layers_of_the_middle_resolutions_are_looked_at() -> None:
    assert blocks(unet((True, True, True, False))) == {"down_blocks.1", "down_blocks.2", "up_blocks.1", "up_blocks.2"}
    assert blocks(unet((False, True, True))) == {
        "down_blocks.1",
        "down_blocks.2",
        "mid_block",
        "up_blocks.0",
        "up_blocks.1",
    }
    assert explained_layers(torch.nn.Linear(2, 2)) == []


def test_shares_are_those_of_diffusers() -> None:
    torch.manual_seed(1)
    attn = Attention(query_dim=8, cross_attention_dim=12, heads=2, dim_head=4)
    x, told = torch.randn(3, 10, 8), torch.randn(3, 7, 12)
    with torch.inference_mode():
        query, key = (attn.head_to_batch_dim(one) for one in (attn.to_q(x), attn.to_k(told)))
        wanted = attn.get_attention_scores(query, key).unflatten(0, (3, 2)).mean(1)
        assert torch.allclose(attention_shares(attn.to_q(x), attn.to_k(told), 2), wanted, atol=1e-6)


@pytest.mark.parametrize("sides", [(16, 16), (16, 10), (9, 14)])
def test_answers_stay_the_same_and_maps_are_means_of_layers(sides: tuple[int, int]) -> None:
    network = unet((True, True, True))
    before = hooks(network)
    x, text = torch.randn(2, 4, *sides), torch.randn(2, 7, 12)
    found = AttentionSum((8, 8))

    def answer() -> torch.Tensor:
        with torch.inference_mode():
            answered: torch.Tensor = network(x, 500, encoder_hidden_states=text, return_dict=False)[0]
        return answered

    plain = answer()
    with attention_summed(network, found, sides):
        found.begin((1,))
        assert torch.equal(answer(), plain)
    assert found.layers == len(explained_layers(network)) > 0
    assert list(found.maps) == [1] and found.maps[1].shape == (7, 8, 8)
    total = found.maps[1].sum(0) / found.layers
    assert torch.allclose(total, torch.ones_like(total), atol=1e-5)
    assert hooks(network) == before


def test_rows_that_nobody_wants_cost_nothing() -> None:
    network, found = unet((True, True)), AttentionSum((8, 8))
    with torch.inference_mode(), attention_summed(network, found, (16, 16)):
        network(torch.randn(1, 4, 16, 16), 5, encoder_hidden_states=torch.randn(1, 7, 12))
    assert found.layers == 0 and found.maps == {}
