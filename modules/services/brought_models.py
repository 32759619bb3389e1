"""What extensions make of model files that nothing here can use."""

from __future__ import annotations

from modules.adapters.key_names import is_known_suffix
from modules.checkpoints.model_files import FolderKind, Recognition
from modules.checkpoints.weights_header import WeightsHeader
from modules.checkpoints.weights_identity import WeightsIdentity
from modules.checkpoints.weights_kinds import FAMILY_TITLES
from modules.hooks import Plugins
from modules.hooks.adapter_registry import AdapterRegistry
from modules.hooks.family_registry import BroughtFamily, FamilyRegistry


class BroughtModels:
    """The kinds of adapters and the families of checkpoints of all plugins at work."""

    def __init__(self, plugins: Plugins) -> None:
        """A plugin that brings what the program, or another plugin, has is left out."""
        self.adapters = AdapterRegistry(plugins, is_known_suffix)
        self._families = FamilyRegistry(plugins, tuple(FAMILY_TITLES.values()))

    @property
    def recognition(self) -> Recognition | None:
        """What tells what files are; None where no plugin brings anything."""
        return self._identity_of if len(self.adapters) or len(self._families) else None

    def family_of(self, header: WeightsHeader) -> BroughtFamily | None:
        """The family of a checkpoint file, by its header."""
        shapes = {name: tuple(info.shape) for name, info in header.tensors.items()}
        return self._families.find(shapes, header.metadata)

    def _identity_of(self, kind: FolderKind, header: WeightsHeader) -> WeightsIdentity | None:
        if kind == "lora":
            found = filter(None, map(self.adapters.find, header.tensors))
            names = dict.fromkeys(brought.kind.name for brought, _ in found)
            return WeightsIdentity("lora", ", ".join(names), layout="extension") if names else None
        if kind != "checkpoint" or (brought := self.family_of(header)) is None:
            return None
        family = brought.family
        return WeightsIdentity(
            "checkpoint",
            f"{family.name} checkpoint",
            family.like,
            family.prediction_type,
            family.zero_terminal_snr,
            layout="extension",
        )
