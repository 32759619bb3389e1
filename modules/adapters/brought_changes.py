"""Changes of weights that an extension computes."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from modules.adapters.changes import WeightChange
from modules.diffusion.memory import ran_out_of_memory
from modules.errors import PluginFailed
from modules.hooks.adapter_kinds import AdapterContext
from modules.hooks.adapter_registry import BroughtKind
from modules.hooks.blaming import blaming


@dataclass(frozen=True, eq=False)
class BroughtChange(WeightChange):
    """What the tensors of one module add to its weight, as an extension has it.

    Raises PluginFailed, which names the extension, where its code fails or gives what is no such change.
    """

    brought: BroughtKind
    module: str
    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str]

    def on(self, device: torch.device | str) -> BroughtChange:
        return replace(self, tensors={suffix: _moved(tensor, device) for suffix, tensor in self.tensors.items()})

    def of_weight(self, weight: Tensor) -> Tensor:
        return self._asked(weight) if weight.is_meta else self._change(weight, 1.0)

    def add_to(self, total: Tensor, weight: Tensor, multiplier: float) -> None:
        total.add_(self._change(weight, multiplier))

    def _asked(self, weight: Tensor) -> Tensor:
        """Its place in a weight without numbers. Raises ValueError where it fits no such weight."""
        shapes = {suffix: tuple(tensor.shape) for suffix, tensor in self.tensors.items()}
        with self._blaming():
            fits = self.brought.kind.fits(tuple(weight.shape), shapes)
        if not fits:
            raise ValueError(f"{self.brought.kind.name} does not fit {tuple(weight.shape)}.")
        return torch.empty_like(weight)

    def _change(self, weight: Tensor, multiplier: float) -> Tensor:
        # Copies: whoever writes into the originals would change the model, or the next picture.
        context = AdapterContext(
            weight=weight.clone(),
            tensors={suffix: tensor.clone() for suffix, tensor in self.tensors.items()},
            multiplier=multiplier,
            module=self.module,
            metadata=dict(self.metadata),
        )
        with self._blaming():
            change = self.brought.kind.change(context)
        if not isinstance(change, Tensor):
            raise self._failed(f"it gave {type(change).__name__} in the place of a tensor")
        if change.shape != weight.shape:
            raise self._failed(f"it gave a tensor of {tuple(change.shape)} in the place of {tuple(weight.shape)}")
        return change.to(weight)

    def _blaming(self) -> AbstractContextManager[None]:
        return blaming(lambda error: self._failed(f"{type(error).__name__}: {error}"), ran_out_of_memory)

    def _failed(self, problem: str) -> PluginFailed:
        return PluginFailed(
            f"Adapters of the kind {self.brought.kind.name!r} of the extension {self.brought.plugin} failed "
            f"({problem}). Leave them out, or tell whoever wrote it."
        )


def _moved(tensor: Tensor, device: torch.device | str) -> Tensor:
    """Numbers in float32; what counts or chooses stays whole."""
    return tensor.to(device, torch.float32) if tensor.is_floating_point() else tensor.to(device)
