"""A network that somebody patches: what is put back, what stays, and whether its numbers are what they were."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from modules.adapters.patched_network import PatchedNetwork


def network() -> Any:
    layers = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.BatchNorm1d(4), nn.Linear(4, 2))
    return layers.eval().requires_grad_(False)


def test_modules_are_put_back_in_their_order() -> None:
    layers = network()
    before, result = list(layers), layers(torch.ones(1, 3))
    patched = PatchedNetwork(layers)
    del layers[1]
    layers.insert(0, nn.Linear(3, 3))
    patched.is_in()
    assert patched.exchanges_numbers and patched.put_back()
    assert list(layers) == before and torch.equal(layers(torch.ones(1, 3)), result)


def test_what_came_since_the_patch_was_in_stays() -> None:
    layers = network()
    gone = layers[0].register_forward_hook(lambda module, given, result: result + 100)
    patched = PatchedNetwork(layers)
    layers[0].register_forward_hook(lambda module, given, result: result + 10)
    patched.is_in()
    assert not patched.exchanges_numbers
    gone.remove()
    layers[0].register_forward_hook(lambda module, given, result: result + 1)
    bare = nn.functional.linear(torch.ones(1, 3), layers[0].weight, layers[0].bias)
    assert torch.allclose(layers[0](torch.ones(1, 3)), bare + 11)
    assert patched.put_back()
    assert torch.allclose(layers[0](torch.ones(1, 3)), bare + 1)


@pytest.mark.parametrize(
    "write",
    [
        lambda layers: layers[0].weight.mul_(1.5),
        lambda layers: layers[3].bias.add_(1e-3),
        lambda layers: layers[2].running_mean.fill_(0.5),
        lambda layers: layers[2].num_batches_tracked.add_(1),
    ],
    ids=["weight", "bias", "buffer", "whole number"],
)
@pytest.mark.parametrize("number_format", [torch.float32, torch.float16, torch.bfloat16])
def test_numbers_that_were_written_over_are_noticed(write: Callable[[Any], object], number_format: torch.dtype) -> None:
    layers = network().to(number_format)
    patched = PatchedNetwork(layers)
    write(layers)
    patched.is_in()
    assert not patched.put_back()


def test_a_weight_that_is_replaced_comes_back_itself() -> None:
    layers = network()
    weight = layers[0].weight
    patched = PatchedNetwork(layers)
    layers[0].weight = nn.Parameter(weight * 2, requires_grad=False)
    patched.is_in()
    assert patched.exchanges_numbers
    assert patched.put_back() and layers[0].weight is weight


def test_weights_of_eight_bits_and_views_are_summed_up_too() -> None:
    layers: Any = nn.Sequential(nn.Linear(4, 4), nn.Conv2d(4, 4, 3)).requires_grad_(False)
    layers[0].weight.data = layers[0].weight.data.to(torch.float8_e4m3fn)
    layers[1].weight.data = layers[1].weight.data.to(memory_format=torch.channels_last)
    patched = PatchedNetwork(layers)
    patched.is_in()
    assert patched.put_back()
    patched = PatchedNetwork(layers)
    layers[0].weight.data.view(torch.uint8)[0, 0] += 1
    assert not patched.put_back()
