"""An adapter file in memory: what it changes in the modules it names, and the embeddings it brings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from modules.adapters.brought_changes import BroughtChange
from modules.adapters.change_reading import ModuleChange, Scaling, module_change
from modules.adapters.key_names import split_name
from modules.adapters.peft_settings import PeftSettings
from modules.adapters.textual_inversion import Embedding, embedding_of, split_bundled_name
from modules.checkpoints.identification import Family
from modules.checkpoints.mapped_weights import MappedWeights
from modules.checkpoints.weights_identity import identify_weights
from modules.errors import BrokenModel, UnsupportedModel
from modules.hooks.adapter_registry import AdapterRegistry, BroughtKind

_BUNDLED = "bundle_emb."


@dataclass(frozen=True, eq=False)
class Adapter:
    """A file of the LoRA family. Its tensors are in memory, in the file's types, on the processor."""

    name: str
    """The file's, without its suffix."""
    path: Path
    key: Hashable
    """Path, size and time of the last change: the same key, the same numbers."""
    made_for: str
    """What it is, in words, such as "LoRA for Stable Diffusion 1"."""
    family: Family | None
    changes: Mapping[str, ModuleChange]
    """By the names that the file gives to modules."""
    embeddings: tuple[Embedding, ...] = ()
    unknown: tuple[str, ...] = field(default=())
    """Names of tensors that belong to no kind of adapter known here."""

    @property
    def plugins(self) -> frozenset[str]:
        """The extensions whose code computes changes of it."""
        changes = (one for change in self.changes.values() for one in change.weight)
        return frozenset(one.brought.plugin for one in changes if isinstance(one, BroughtChange))


def read_adapter(path: Path, brought: AdapterRegistry | None = None) -> Adapter:
    """Read an adapter of any kind into memory; `brought` knows those of extensions.

    Raises UnsupportedModel for a pickle and for a file that is no adapter, BrokenModel for a damaged one, OSError.
    """
    state = path.stat()
    with MappedWeights(path) as weights:
        identity = identify_weights(weights.header)
        modules, bundled, unknown = _sorted_by_module(weights)
        of_extensions = _taken_by_extensions(modules, unknown, weights, brought)
        scaling = Scaling.told_by(weights.header.metadata)
        settings = PeftSettings.told_by(weights.header.metadata)
    changes = {
        module: ModuleChange((BroughtChange(kind, module, tensors, weights.header.metadata),))
        for module, (kind, tensors) in of_extensions.items()
    }
    for module, tensors in modules.items():
        try:
            by_part = {part: tensor for part, (_, tensor) in tensors.items()}
            change, left = module_change(module, by_part, scaling, settings)
        except (ValueError, IndexError, RuntimeError, ArithmeticError) as error:
            raise BrokenModel(
                f"{path.name} cannot be used: the shapes of its tensors for {module[:80]!r} contradict each other, or "
                "their rank or alpha is no number to compute with. Download it again."
            ) from error
        unknown += [tensors[part][0] for part in left]
        if change.weight or change.bias is not None:
            changes[module] = change
    embeddings = tuple(embedding_of(name, tensors, path.name) for name, tensors in bundled.items())
    if not changes and not embeddings:
        reason = identity.unsupported or f"it is {identity.title}, and nothing in it changes a model"
        raise UnsupportedModel(f"{path.name} cannot be used as a LoRA: {reason.rstrip('.')}. Choose another file.")
    key = (str(path), state.st_size, state.st_mtime_ns)
    titles = {kind.kind.name: None for kind, _ in of_extensions.values()}
    title = ", ".join(titles) or identity.title
    return Adapter(path.stem, path, key, title, identity.family, changes, embeddings, tuple(unknown))


_Modules = dict[str, dict[str, tuple[str, Tensor]]]


def _sorted_by_module(weights: MappedWeights) -> tuple[_Modules, dict[str, dict[str, Tensor]], list[str]]:
    """Copies of all tensors with their names, by module and part; those of embeddings; names of no known form."""
    modules: _Modules = defaultdict(dict)
    bundled: dict[str, dict[str, Tensor]] = defaultdict(dict)
    unknown = []
    for name in weights:
        if name.startswith(_BUNDLED):
            embedding, part = split_bundled_name(name.removeprefix(_BUNDLED))
            bundled[embedding][part] = weights[name].clone()
            continue
        place = split_name(name)
        if place is None or place[1] in modules[place[0]]:
            unknown.append(name)
        else:
            modules[place[0]][place[1]] = (name, weights[name].clone())
    return modules, bundled, unknown


def _taken_by_extensions(
    modules: _Modules, unknown: list[str], weights: MappedWeights, brought: AdapterRegistry | None
) -> dict[str, tuple[BroughtKind, dict[str, Tensor]]]:
    """Takes the modules out that are of kinds of extensions, with copies of their tensors by what follows their names.

    A suffix of theirs counts where it is longer than the one that is known here. What another kind has for the same
    module stays.
    """
    found: dict[str, tuple[BroughtKind, dict[str, Tensor]]] = {}
    if brought is None:
        return found
    for name in (one for one in weights if not one.startswith(_BUNDLED)):
        known, theirs = split_name(name), brought.find(name)
        if theirs is None or (known is not None and len(known[0]) <= len(theirs[1])):
            continue
        kind, module = theirs
        if found.setdefault(module, (kind, {}))[0] is not kind:
            continue
        found[module][1][name.removeprefix(f"{module}.")] = weights[name].clone()
        if name in unknown:
            unknown.remove(name)
        elif known is not None:
            del modules[known[0]][known[1]]
    for module, (_, tensors) in found.items():
        for name, tensor in modules.pop(module, {}).values():
            tensors[name.removeprefix(f"{module}.")] = tensor
    return found
