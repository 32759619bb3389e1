"""Reads checkpoint files of families that extensions bring."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from torch import Tensor

from modules.checkpoints.given_parts import FileReader
from modules.checkpoints.mapped_weights import MappedWeights
from modules.checkpoints.registry import Checkpoint
from modules.checkpoints.weights_header import read_header
from modules.diffusion.memory import ran_out_of_memory
from modules.errors import PluginFailed, UnsupportedModel
from modules.hooks import FamilyContext, FamilyNetwork, FamilyParts
from modules.hooks.blaming import blaming
from modules.hooks.family_registry import BroughtFamily
from modules.services.brought_models import BroughtModels


def reader_of(checkpoint: Checkpoint, brought: BroughtModels) -> FileReader | None:
    """Who reads a checkpoint; None where the program does.

    Raises UnsupportedModel where the extension that knew the file is not at work any more, and what reading a header
    raises.
    """
    if checkpoint.identity.layout != "extension":
        return None
    found = brought.family_of(read_header(checkpoint.path))
    if found is None:
        raise UnsupportedModel(
            f"Model {checkpoint.name!r} is of a family that an extension brought, which is not at work any more. "
            "Start the server anew, or choose another model."
        )
    return FileReader(f"the extension {found.plugin} {found.version}".rstrip(), partial(_parts, found))


def _parts(brought: BroughtFamily, file: MappedWeights) -> FamilyParts:
    """Raises PluginFailed, which names the extension, where its code fails or gives what are no parts."""
    with blaming(lambda error: _failed(brought, f"{type(error).__name__}: {error}"), ran_out_of_memory):
        parts = brought.family.parts(FamilyContext(tensors=file, metadata=dict(file.header.metadata)))
    if not isinstance(parts, FamilyParts):
        raise _failed(brought, f"it gave {type(parts).__name__} in the place of FamilyParts")
    networks = (parts.network, *parts.text_encoders, *(() if parts.vae is None else (parts.vae,)))
    if not all(map(_is_network, networks)):
        raise _failed(brought, "it gave a network that is none")
    return parts


def _is_network(given: object) -> bool:
    if not isinstance(given, FamilyNetwork) or not isinstance(given.weights, Mapping):
        return False
    return all(isinstance(tensor, Tensor) for tensor in given.weights.values())


def _failed(brought: BroughtFamily, problem: str) -> PluginFailed:
    return PluginFailed(
        f"The model family {brought.family.name!r} of the extension {brought.plugin} failed ({problem}). "
        "Choose another model, or tell whoever wrote it."
    )
