"""An adapter held against a model: which module each of its changes belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import nn

from modules.adapters.adapter import Adapter
from modules.adapters.change_reading import ModuleChange
from modules.adapters.changes import Rescaling
from modules.adapters.module_table import ModulePlace, ModuleTable, networks_of
from modules.checkpoints.loaded import LoadedModel
from modules.checkpoints.weights_kinds import FAMILY_TITLES
from modules.errors import UnsupportedModel

_DIFFER_BY_TASK = ("conv_in", "conv_out")
"""Modules of the network whose channels inpainting and InstructPix2Pix models have more of."""


@dataclass(frozen=True, eq=False)
class FittedAdapter:
    """What an adapter changes in one model, by module, and the names in its file that belong to nothing there."""

    changes: Mapping[ModulePlace, ModuleChange]
    unplaced: tuple[str, ...]

    @cached_property
    def changes_text(self) -> bool:
        """Whether any text encoder is among what it changes."""
        return any(place.network > 0 for place in self.changes)


def fit(adapter: Adapter, model: LoadedModel, table: ModuleTable | None = None) -> FittedAdapter:
    """Place an adapter's changes in a model; `table` is the model's own, where it was made before.

    Raises UnsupportedModel where it was made for another family: a shape differs, or no module of it is there.
    """
    table = table or ModuleTable(model)
    networks = networks_of(model)
    changes: dict[ModulePlace, ModuleChange] = {}
    unplaced = list(adapter.unknown)
    for name, change in adapter.changes.items():
        place = table.find(name)
        if place is None or place in changes:
            unplaced.append(name)
            continue
        module = networks[place.network].get_submodule(place.path)
        if change.bias is not None and getattr(module, "bias", None) is None:
            if not isinstance(change.bias, Rescaling):  # a factor of nothing is nothing
                unplaced.append(f"{name} (its bias)")
            change = ModuleChange(change.weight)
        if _fits(change, module):
            changes[place] = change
        elif place.path in _DIFFER_BY_TASK:
            unplaced.append(name)
        else:
            raise _made_for_another(adapter, model)
    if adapter.changes and not changes:
        raise _made_for_another(adapter, model)
    return FittedAdapter(changes, tuple(unplaced))


def weight_shape(module: nn.Module) -> torch.Size:
    """The shape of a module's weight as it computes, which quantised weights need not have."""
    if isinstance(module, nn.Linear):
        return torch.Size((module.out_features, module.in_features))
    weight: torch.Tensor = module.weight  # type: ignore[assignment]
    return weight.shape


def _fits(change: ModuleChange, module: nn.Module) -> bool:
    weight = torch.empty(weight_shape(module), device="meta")
    try:
        for one in change.weight:
            one.on("meta").of_weight(weight)
        if change.bias is not None:
            change.bias.on("meta").of_weight(weight.new_empty(len(weight)))
    except (ValueError, RuntimeError, IndexError):
        return False
    return True


def _made_for_another(adapter: Adapter, model: LoadedModel) -> UnsupportedModel:
    own, other = FAMILY_TITLES[model.family], adapter.made_for
    if adapter.family is None or adapter.family == model.family:
        other = f"{other} of other sizes"
    return UnsupportedModel(
        f"{adapter.path.name} cannot be used with the model {model.name!r}: it is a {other}, and the model is {own}. "
        "Leave it out, or choose a model of its kind."
    )
