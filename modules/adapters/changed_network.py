"""A network whose weights are changed for a while, and what they were before."""

from __future__ import annotations

import weakref
from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from modules.adapters.change_reading import ModuleChange
from modules.adapters.live_change import LiveChange, can_be_merged

_PARAMETERS = ("weight", "bias")


@dataclass(frozen=True, eq=False)
class Wanted:
    """What one module is to have: changes with their multipliers, and a key that is equal for equal ones."""

    key: Hashable
    changes: tuple[tuple[ModuleChange, float], ...]


class ChangedNetwork:
    """The changes of one network, for all sessions that use it: the one that was set last decides.

    Originals of what is changed are kept on the processor.
    """

    def __init__(self, network: nn.Module) -> None:
        self._network = weakref.ref(network)
        self._wishes: dict[object, Mapping[str, Wanted]] = {}  # by session, the latest last
        self._current: dict[str, Wanted] = {}
        self._originals: dict[str, dict[str, Tensor]] = {}
        self._hooks: dict[str, torch.utils.hooks.RemovableHandle] = {}

    def set(self, session: object, wanted: Mapping[str, Wanted]) -> None:
        """Have what a session wants, by paths of modules; modules that have it already are left alone."""
        self._wishes.pop(session, None)
        self._wishes[session] = wanted
        self._refresh()

    def drop(self, session: object) -> None:
        """End what a session wants: what the one before it wants comes back, or the network as it was."""
        if session in self._wishes:
            del self._wishes[session]
            self._refresh()

    @property
    def is_changed(self) -> bool:
        """Whether anything in it is not as it was loaded."""
        return bool(self._current)

    def _refresh(self) -> None:
        network = self._network()
        if network is None:
            return
        wanted = next(reversed(self._wishes.values()), {})
        # In inference mode weights that were loaded within it may be written to as well.
        with torch.inference_mode():
            for path in [*self._current, *(path for path in wanted if path not in self._current)]:
                now, next_ = self._current.get(path), wanted.get(path)
                if (now and now.key) != (next_ and next_.key):
                    self._change(path, network.get_submodule(path), next_)

    def _change(self, path: str, module: nn.Module, wanted: Wanted | None) -> None:
        """Bring one module to what is wanted; what fails on the way leaves it as it was before the call."""
        if can_be_merged(module):
            self._merge(path, module, () if wanted is None else wanted.changes)
        else:
            hook = None if wanted is None else LiveChange(module, wanted.changes)
            if path in self._hooks:
                self._hooks.pop(path).remove()
            if hook is not None:
                self._hooks[path] = module.register_forward_hook(hook)
        if wanted is None:
            del self._current[path]
        else:
            self._current[path] = wanted

    def _merge(self, path: str, module: nn.Module, changes: tuple[tuple[ModuleChange, float], ...]) -> None:
        originals = self._originals.setdefault(path, {})
        merged = {}
        for name in _PARAMETERS:
            touched = any(change.weight if name == "weight" else change.bias is not None for change, _ in changes)
            if touched:
                parameter: Tensor = getattr(module, name)
                if name not in originals:
                    originals[name] = parameter.detach().to("cpu", copy=True)
                merged[name] = _sum(originals[name].to(parameter.device), name, changes)
        for name in list(originals):
            getattr(module, name).copy_(merged[name] if name in merged else originals[name])
            if name not in merged:
                del originals[name]
        if not originals:
            del self._originals[path]


_NETWORKS: weakref.WeakKeyDictionary[nn.Module, ChangedNetwork] = weakref.WeakKeyDictionary()
"""Models share networks, so what is changed is known by network, not by model."""


def changed_network(network: nn.Module) -> ChangedNetwork:
    """The changes of a network; the same object for the same network."""
    return _NETWORKS.setdefault(network, ChangedNetwork(network))


def _sum(original: Tensor, name: str, changes: tuple[tuple[ModuleChange, float], ...]) -> Tensor:
    """The original and all changes, added up in float32 at least; rounding is for whoever writes it back."""
    wide = torch.promote_types(original.dtype, torch.float32)
    before = original.to(wide)
    total = before.clone(memory_format=torch.contiguous_format)
    for change, multiplier in changes:
        biases = () if change.bias is None else (change.bias,)
        for one in biases if name == "bias" else change.weight:
            one.on(total.device).add_to(total, before, multiplier)
    return total
