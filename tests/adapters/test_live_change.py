"""Changes of outputs against changes of weights."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn

from modules.adapters.change_reading import ModuleChange, Scaling, module_change
from modules.adapters.changes import Difference, LowRank, Rescaling
from modules.adapters.live_change import LiveChange, can_be_merged
from modules.diffusion.seamless import seamless
from modules.errors import UnsupportedModel
from tests.adapters.networks import random

KINDS: dict[str, tuple[nn.Module, Tensor]] = {
    "linear": (nn.Linear(6, 4), random(2, 5, 6)),
    "linear without bias": (nn.Linear(6, 4, bias=False), random(2, 5, 6)),
    "convolution": (nn.Conv2d(6, 4, 3, padding=1), random(2, 6, 5, 7)),
    "strided convolution": (nn.Conv2d(6, 4, 3, stride=2, padding=1), random(2, 6, 5, 7)),
    "layer norm": (nn.LayerNorm(6), random(2, 5, 6)),
    "group norm": (nn.GroupNorm(2, 6), random(2, 6, 5, 7)),
}


def weight_of(module: nn.Module) -> Tensor:
    weight: Tensor = module.weight  # type: ignore[assignment]
    return weight


def change_of(module: nn.Module, *, low_rank: bool) -> ModuleChange:
    weight = weight_of(module)
    bias = None if getattr(module, "bias", None) is None else Difference(random(len(weight), seed=4))
    if not low_rank:
        return ModuleChange((Difference(random(*weight.shape)),), bias)
    return ModuleChange((LowRank(random(len(weight), 2), random(2, *weight.shape[1:]), 0.5),), bias)


def merged(module: nn.Module, change: ModuleChange, multiplier: float) -> nn.Module:
    result = deepcopy(module)
    with torch.no_grad():
        for one in change.weight:
            one.add_to(weight_of(result), weight_of(module), multiplier)
        if change.bias is not None:
            change.bias.add_to(result.bias, module.bias, multiplier)  # type: ignore[arg-type]
    return result


CASES = [(kind, False) for kind in KINDS] + [(kind, True) for kind in KINDS if "norm" not in kind]


@pytest.mark.parametrize(("kind", "low_rank"), CASES)
@pytest.mark.parametrize("wraps", [False, True])
def test_a_hook_gives_what_a_merged_weight_gives(kind: str, low_rank: bool, wraps: bool) -> None:
    module, x = KINDS[kind]
    module = deepcopy(module).requires_grad_(False)
    change = change_of(module, low_rank=low_rank)
    other = merged(module, change, -0.7)
    handle = module.register_forward_hook(LiveChange(module, [(change, -0.7)]))
    with seamless(module, other, x=wraps, y=wraps):
        torch.testing.assert_close(module(x), other(x), rtol=1e-5, atol=1e-5)
    handle.remove()


def test_a_bias_alone_is_added() -> None:
    for kind, x in KINDS.values():
        if getattr(kind, "bias", None) is not None:
            module = deepcopy(kind).requires_grad_(False)
            change = ModuleChange((), Difference(random(len(weight_of(module)))))
            other = merged(module, change, 2.0)
            module.register_forward_hook(LiveChange(module, [(change, 2.0)]))
            torch.testing.assert_close(module(x), other(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_factors_of_outputs_are_those_of_a_merged_weight_and_bias(kind: str) -> None:
    module, x = KINDS[kind]
    module = deepcopy(module).requires_grad_(False)
    if getattr(module, "bias", None) is not None:
        nn.init.normal_(module.bias)  # type: ignore[arg-type]
    change, _ = module_change("x", {"ia3_l": random(len(weight_of(module)), 1)}, Scaling())
    if getattr(module, "bias", None) is None:
        change = ModuleChange(change.weight)
    other = merged(module, change, 0.6)
    module.register_forward_hook(LiveChange(module, [(change, 0.6)]))
    torch.testing.assert_close(module(x), other(x), rtol=1e-5, atol=1e-5)


def test_what_weights_can_be_merged_with_is_told_by_their_type() -> None:
    module = nn.Linear(4, 4).requires_grad_(False)
    assert can_be_merged(module) and can_be_merged(module.to(torch.bfloat16))
    assert not can_be_merged(module.to(torch.float8_e4m3fn))
    assert not can_be_merged(module.to("meta"))


def test_a_change_that_needs_an_unreadable_weight_is_refused_in_words() -> None:
    module = nn.Linear(4, 4, device="meta")
    with pytest.raises(UnsupportedModel, match="cannot be read back"):
        LiveChange(module, [(ModuleChange((Rescaling(random(4), False),)), 1.0)])


def test_a_difference_needs_no_weight_that_can_be_read() -> None:
    module, difference, x = nn.Linear(4, 4, device="meta"), random(4, 4), random(2, 4, seed=3)
    hook = LiveChange(module, [(ModuleChange((Difference(difference),), Difference(difference[0])), 2.0)])
    expected = 2 * (x @ difference.T + difference[0])
    torch.testing.assert_close(hook(module, (x,), torch.zeros(2, 4)), expected)
