"""Changes that are added to what a module gives, for weights that cannot be merged with: 8-bit and quantised ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from modules.adapters.change_reading import ModuleChange
from modules.adapters.changes import Difference, LowRank, WeightChange
from modules.adapters.fitting import weight_shape
from modules.errors import UnsupportedModel

_MERGEABLE = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
_Part = Callable[[nn.Module, Tensor], Tensor]


def can_be_merged(module: nn.Module) -> bool:
    """Whether a change may be written into a module's weight."""
    weight = module.weight
    return isinstance(weight, Tensor) and weight.dtype in _MERGEABLE and not weight.is_meta


class LiveChange:
    """A forward hook: every kind of module here is linear in its weight, so a change gives an output of its own."""

    def __init__(self, module: nn.Module, changes: Sequence[tuple[ModuleChange, float]]) -> None:
        """`changes` come with their multipliers.

        Raises UnsupportedModel for a kind that needs the numbers of a weight that is stored in an unreadable format.
        """
        self._low_rank: list[tuple[LowRank, float]] = []
        dense: list[tuple[WeightChange, float]] = []
        for one, multiplier in ((one, multiplier) for change, multiplier in changes for one in change.weight):
            if isinstance(one, LowRank) and one.mid is None and isinstance(module, (nn.Linear, nn.Conv2d)):
                self._low_rank.append((one, multiplier))
            else:
                dense.append((one, multiplier))
        biases = [(change.bias, multiplier) for change, multiplier in changes if change.bias is not None]
        self._dense = _dense(module.weight, weight_shape(module), dense) if dense else None  # type: ignore[arg-type]
        self._bias = _dense(module.bias, module.bias.shape, biases) if biases else None  # type: ignore[arg-type]
        self._parts: dict[tuple[torch.device, torch.dtype], list[_Part]] = {}

    def __call__(self, module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor:
        """The module's output with what the changes add, in its type."""
        place = (output.device, output.dtype)
        if place not in self._parts:
            self._parts = {place: self._on(module, *place)}
        x: Tensor = inputs[0]
        x = x.to(output.dtype)
        for part in self._parts[place]:
            output = output + part(module, x)
        return output

    def _on(self, module: nn.Module, device: torch.device, dtype: torch.dtype) -> list[_Part]:
        parts: list[_Part] = []
        for change, multiplier in self._low_rank:
            own = change.on(device)
            rank = own.down.shape[0]
            down = own.down_matrix().reshape(rank, *weight_shape(module)[1:])
            up = own.up.reshape(len(own.up), rank, *[1] * (down.dim() - 2)) * (change.scale * multiplier)
            parts.append(_low_rank_part(down.to(dtype), up.to(dtype)))
        if self._dense is not None or self._bias is not None:
            weight = None if self._dense is None else self._dense.to(device, dtype)
            bias = None if self._bias is None else self._bias.to(device, dtype)
            parts.append(_dense_part(weight, bias))
        return parts


def _dense(weight: Tensor, shape: torch.Size, changes: Sequence[tuple[WeightChange, float]]) -> Tensor:
    """What changes add to a weight, or to a bias, that is of that shape as it computes."""
    can_be_read = weight.dtype.is_floating_point and not weight.is_meta and weight.shape == shape
    if not can_be_read and not all(isinstance(change, Difference) for change, _ in changes):
        raise UnsupportedModel(
            "This LoRA needs the model's own weights, which are stored in a format that cannot be read back. "
            "Load the model in full precision, or leave the LoRA out."
        )
    original = weight.detach().float() if can_be_read else torch.zeros(shape)
    total = torch.zeros(shape, device=original.device)
    for change, multiplier in changes:
        change.on(total.device).add_to(total, original, multiplier)
    return total


def _low_rank_part(down: Tensor, up: Tensor) -> _Part:
    def part(module: nn.Module, x: Tensor) -> Tensor:
        if isinstance(module, nn.Conv2d):
            return functional.conv2d(_convolved(module, x, down, None), up)
        return functional.linear(functional.linear(x, down), up)

    return part


def _dense_part(weight: Tensor | None, bias: Tensor | None) -> _Part:
    def part(module: nn.Module, x: Tensor) -> Tensor:
        if isinstance(module, nn.LayerNorm):
            return _normalised(functional.layer_norm(x, module.normalized_shape, None, None, module.eps), weight, bias)
        if isinstance(module, nn.GroupNorm):
            normal = functional.group_norm(x, module.num_groups, None, None, module.eps)
            sides = (-1, *[1] * (x.dim() - 2))
            return _normalised(normal, *(None if one is None else one.reshape(sides) for one in (weight, bias)))
        full = torch.zeros(weight_shape(module), dtype=x.dtype, device=x.device) if weight is None else weight
        if isinstance(module, nn.Conv2d):
            return _convolved(module, x, full, bias)
        return functional.linear(x, full, bias)

    return part


def _convolved(module: nn.Conv2d, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """As the module itself does it, with its padding, which may be changed to go on at the opposite side."""
    result: Tensor = module._conv_forward(x, weight, bias)
    return result


def _normalised(normal: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    changed = torch.zeros_like(normal) if weight is None else normal * weight
    return changed if bias is None else changed + bias
