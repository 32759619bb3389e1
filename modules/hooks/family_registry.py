"""The families of checkpoints of all plugins, each of whose names is there once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import get_args

from modules.hooks.extension_code import fault_of, in_time
from modules.hooks.model_families import KnownFamily, ModelFamily
from modules.hooks.plain_names import plain_name
from modules.hooks.plugins import Plugins

_SECONDS = 5.0


@dataclass(frozen=True, eq=False)
class BroughtFamily:
    """A family, and whose it is."""

    plugin: str
    version: str
    """The plugin's; "" where it says none."""
    family: ModelFamily


class FamilyRegistry:
    """Families in the order in which the plugins were registered."""

    def __init__(self, plugins: Plugins, taken: Collection[str] = ()) -> None:
        """A plugin that brings a name which is `taken`, or another plugin's, in any case, is left out."""
        self._plugins = plugins
        self._families: dict[str, BroughtFamily] = {}
        names = set(map(plain_name, taken))
        for plugin, answer in list(plugins.answers("register_model_families")):
            try:
                found = _checked(answer, names | self._families.keys())
            except ValueError as error:
                plugins.leave_out(plugin, str(error))
            else:
                version = plugins.version(plugin)
                self._families |= {name: BroughtFamily(plugin, version, row) for name, row in found.items()}

    def find(self, shapes: Mapping[str, tuple[int, ...]], metadata: Mapping[str, str]) -> BroughtFamily | None:
        """The first family that recognises a file; None where none does. A plugin that fails is left out."""
        for brought in self._families.values():
            if brought.plugin not in self._plugins.names:
                continue
            ask = partial(brought.family.recognises, dict(shapes), dict(metadata))
            try:
                if in_time(ask, _SECONDS):
                    return brought
            except Exception as error:  # noqa: BLE001  others wrote it
                problem = f"the model family {brought.family.name!r} failed ({fault_of(error)})"
                self._plugins.leave_out(brought.plugin, problem)
        return None

    def __len__(self) -> int:
        """How many there are."""
        return len(self._families)


def _checked(answer: object, known: Collection[str]) -> dict[str, ModelFamily]:
    if not isinstance(answer, (list, tuple)):
        raise ValueError(f"register_model_families returned {type(answer).__name__} instead of a list")
    rows: dict[str, ModelFamily] = {}
    for row in answer:
        name = getattr(row, "name", None)
        if not isinstance(row, ModelFamily) or not isinstance(name, str) or not name.strip():
            kind = type(row).__name__
            raise ValueError(f"register_model_families returned {kind}, which is no ModelFamily with a name")
        if getattr(row, "like", None) not in get_args(KnownFamily):
            raise ValueError(f"the model family {name!r} is like none of {', '.join(get_args(KnownFamily))}")
        if row.prediction_type not in ("epsilon", "v_prediction") or not isinstance(row.zero_terminal_snr, bool):
            raise ValueError(f"the model family {name!r} says nothing that can be used of what it predicts")
        if plain_name(name) in known or plain_name(name) in rows:
            raise ValueError(f"there is a model family {name!r} already")
        rows[plain_name(name)] = row
    return rows
