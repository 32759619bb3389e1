"""What extensions make of model files that nothing here knows."""

from __future__ import annotations

from modules.adapters.key_names import is_known_suffix
from modules.checkpoints.model_files import FolderKind
from modules.checkpoints.weights_header import WeightsHeader
from modules.checkpoints.weights_identity import WeightsIdentity
from modules.hooks import Plugins
from modules.hooks.adapter_registry import AdapterRegistry


class BroughtModels:
    """The kinds of adapters of all plugins at work."""

    def __init__(self, plugins: Plugins) -> None:
        """A plugin that brings a kind which the program, or another plugin, has is left out."""
        self.adapters = AdapterRegistry(plugins, is_known_suffix)

    def identity_of(self, kind: FolderKind, header: WeightsHeader) -> WeightsIdentity | None:
        """What a file in a folder of that kind is, by its header; None where no plugin knows it."""
        if kind != "lora":
            return None
        found = dict.fromkeys(brought.kind.name for brought, _ in filter(None, map(self.adapters.find, header.tensors)))
        return WeightsIdentity("lora", ", ".join(found), layout="diffusers") if found else None
