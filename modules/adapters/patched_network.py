"""A network that others' code may change for a while, and what it was before, whatever that code does afterwards."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor, nn

_OF_NUMBERS = ("_modules", "_parameters", "_buffers")
_WHOLE_NUMBERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
_Attributes = dict[str, tuple[Any, dict[Any, Any] | None]]
"""The attributes of a module by name, and what the dictionaries among them (weights, submodules, hooks) hold."""


class PatchedNetwork:
    """Made before a patch goes in, told when it is in, and asked to put back what it replaced.

    What came into the network since the patch was in, such as the hooks of a LoRA, stays.
    """

    def __init__(self, network: nn.Module) -> None:
        """Reads every weight once."""
        self._network = network
        self._before = _attributes(network)
        self._classes = {module: type(module) for module in self._before}
        self._sums = _sums(network)
        self._after: dict[nn.Module, _Attributes] = {}

    def is_in(self) -> None:
        """The patch is in: what differs now was replaced by it."""
        self._after = {module: _attributes_of(module) for module in self._before}

    @property
    def exchanges_numbers(self) -> bool:
        """Whether the patch has put other modules or other weights into the network."""
        return any(
            _differ(self._before[module][name][1], self._after[module].get(name, (None, None))[1])
            for module in self._before
            for name in _OF_NUMBERS
        )

    def put_back(self) -> bool:
        """Put back what was replaced. False where the numbers of the weights are not what they were: then somebody
        wrote into them, and the network is of no use any more."""
        device = next((parameter.device for parameter in self._network.parameters()), None)
        for module, before in self._before.items():
            if type(module) is not self._classes[module]:
                module.__class__ = self._classes[module]
            _put_back(module, before, self._after.get(module) or _attributes_of(module), device)
        return _sums(self._network) == self._sums


def _attributes(network: nn.Module) -> dict[nn.Module, _Attributes]:
    return {module: _attributes_of(module) for module in network.modules()}


def _attributes_of(module: nn.Module) -> _Attributes:
    plain = (dict, OrderedDict)
    return {name: (value, dict(value) if type(value) in plain else None) for name, value in vars(module).items()}


def _differ(one: dict[Any, Any] | None, other: dict[Any, Any] | None) -> bool:
    if one is None or other is None:
        return one is not other
    return list(one) != list(other) or any(other[key] is not value for key, value in one.items())


def _put_back(module: nn.Module, before: _Attributes, after: _Attributes, device: torch.device | None) -> None:
    now = vars(module)
    for name in after.keys() - before.keys():
        now.pop(name, None)
    for name, (value, held) in before.items():
        was, had = after.get(name, (None, None))
        if was is not value or name not in after:
            now[name] = value
        if held is not None and _differ(held, had):
            _put_back_entries(value, held, had or {}, device)


def _put_back_entries(
    live: dict[Any, Any], before: dict[Any, Any], after: dict[Any, Any], device: torch.device | None
) -> None:
    """Those that the patch replaced, in their order; others are as they are now."""
    now = dict(live)
    live.clear()
    for key, value in before.items():
        if key not in after or after[key] is not value:
            live[key] = _moved(value, device)
        elif key in now:
            live[key] = now[key]
    live.update({key: value for key, value in now.items() if key not in before and key not in after})


def _moved(value: Any, device: torch.device | None) -> Any:
    """What was out of the network while that may have moved, beside the rest of it."""
    if isinstance(value, nn.Module) and device is not None:
        return value.to(device)
    if isinstance(value, Tensor) and device is not None and value.device != device and not value.is_meta:
        value.data = value.data.to(device)
    return value


def _sums(network: nn.Module) -> dict[str, tuple[int, int]]:
    """Cheap to compute, and others after any arithmetic on the weights."""
    tensors = dict((*network.named_parameters(), *network.named_buffers()))
    with torch.inference_mode():
        return {name: _sums_of(tensor) for name, tensor in tensors.items() if not tensor.is_meta}


def _sums_of(tensor: Tensor) -> tuple[int, int]:
    """Over the bits as whole numbers, and over the products of neighbours.

    What is added to positive numbers and to negative ones may cancel out in the first, but not in both.
    """
    bits = tensor.detach().flatten().view(_WHOLE_NUMBERS[tensor.element_size()])
    products = bits * bits.roll(1)
    return int(bits.sum(dtype=torch.int64)), int(products.sum(dtype=torch.int64))
