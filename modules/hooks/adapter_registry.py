"""The kinds of adapter files of all plugins, each of whose suffixes is there once."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from modules.hooks.adapter_kinds import AdapterKind
from modules.hooks.plugins import Plugins

_MOST_WORDS = 3
_SUFFIX = re.compile(rf"\w+(\.\w+){{0,{_MOST_WORDS - 1}}}", re.ASCII)


@dataclass(frozen=True, eq=False)
class BroughtKind:
    """A kind, and whose it is."""

    plugin: str
    kind: AdapterKind


class AdapterRegistry:
    """Kinds of adapters by the suffixes of their tensors."""

    def __init__(self, plugins: Plugins, is_taken: Callable[[str], bool] = lambda suffix: False) -> None:
        """A plugin that brings a suffix which `is_taken`, or another plugin's, is left out."""
        self._plugins = plugins
        self._by_suffix: dict[str, BroughtKind] = {}
        for plugin, answer in list(plugins.answers("register_adapters")):
            try:
                self._by_suffix |= self._checked(plugin, answer, is_taken)
            except ValueError as error:
                plugins.leave_out(plugin, str(error))

    def find(self, tensor: str) -> tuple[BroughtKind, str] | None:
        """The kind that a tensor is of, by its name, and the name of its module; None where nobody knows it."""
        words = tensor.split(".")
        for count in range(min(_MOST_WORDS, len(words) - 1), 0, -1):
            brought = self._by_suffix.get(".".join(words[-count:]))
            module = ".".join(words[:-count])
            if brought is not None and module and brought.plugin in self._plugins.names:
                return brought, module
        return None

    def __len__(self) -> int:
        """How many suffixes are known."""
        return len(self._by_suffix)

    def _checked(self, plugin: str, answer: object, is_taken: Callable[[str], bool]) -> dict[str, BroughtKind]:
        if not isinstance(answer, (list, tuple)):
            raise ValueError(f"register_adapters returned {type(answer).__name__} instead of a list")
        found: dict[str, BroughtKind] = {}
        for kind in answer:
            name, suffixes = getattr(kind, "name", None), getattr(kind, "suffixes", None)
            if not isinstance(kind, AdapterKind) or not isinstance(name, str) or not name.strip():
                raise ValueError(
                    f"register_adapters returned {type(kind).__name__}, which is no AdapterKind with a name"
                )
            if not isinstance(suffixes, (list, tuple)) or not suffixes:
                raise ValueError(f"the kind of adapters {name!r} has no suffixes")
            brought = BroughtKind(plugin, kind)
            for suffix in suffixes:
                if not isinstance(suffix, str) or not _SUFFIX.fullmatch(suffix):
                    raise ValueError(f"{suffix!r} is no suffix: use one to three words with dots between")
                if is_taken(suffix) or suffix in self._by_suffix or suffix in found:
                    raise ValueError(f"there is a kind of adapters with the suffix {suffix!r} already")
                found[suffix] = brought
        return found
