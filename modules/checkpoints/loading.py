"""Brings a checkpoint into memory, whatever the form of its files: the one way in."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from modules.checkpoints.assembly import ONE_AT_A_TIME, Placement, assemble, build_vae, told_in_words
from modules.checkpoints.diffusers_folder import folder_levels, folder_parts, folder_told_in_words, folder_vae
from modules.checkpoints.given_parts import FileReader, given_parts, given_vae
from modules.checkpoints.identification import Family, Prediction, identify
from modules.checkpoints.loaded import LoadedModel
from modules.checkpoints.mapped_weights import MappedWeights
from modules.checkpoints.network_part import NetworkPart, SharedParts
from modules.checkpoints.prediction_type import likely_prediction
from modules.checkpoints.registry import Checkpoint
from modules.checkpoints.single_file import file_levels, file_parts, vae_part
from modules.checkpoints.weights_header import read_header
from modules.checkpoints.weights_identity import WeightsIdentity, identify_weights
from modules.diffusion.attention import AttentionKind
from modules.diffusion.noise_levels import NoiseLevels
from modules.errors import UnsupportedModel


def load_checkpoint(
    checkpoint: Checkpoint,
    *,
    device: torch.device,
    dtype: torch.dtype,
    attention: AttentionKind,
    vae_dtype: torch.dtype | None = None,
    text_dtype: torch.dtype | None = None,
    vae: Path | None = None,
    shared: SharedParts | None = None,
    reader: FileReader | None = None,
) -> LoadedModel:
    """Read every part of a file or a folder onto the device.

    `vae_dtype`: None is float32 for VAEs that ask for it, else as the rest; `text_dtype`: None is as the network.
    `vae` is what `load_vae` takes, and stands for the checkpoint's own. Models that are loaded with the same `shared`
    hold equal VAEs and text encoders once. `reader` knows the names in a file that are not known here. Raises
    UnsupportedModel, BrokenModel, OutOfMemory, and what the reader raises.
    """
    placement = Placement(device, dtype, attention, vae_dtype, text_dtype)
    path = checkpoint.path
    with _told(checkpoint.name, path, reader), ONE_AT_A_TIME:
        if path.is_dir():
            parts = folder_parts(checkpoint)
            if vae is not None:
                parts = replace(parts, vae=_vae_part(vae, parts.family))
        else:
            identity = _identity(checkpoint)
            chosen = None if vae is None or identity.family is None else _vae_part(vae, identity.family)
            parts = (
                file_parts(path, identity, chosen) if reader is None else given_parts(path, identity, reader, chosen)
            )
        return assemble(checkpoint, parts, placement, shared)


def load_vae(
    path: Path,
    *,
    family: Family,
    device: torch.device,
    dtype: torch.dtype,
    shared: SharedParts | None = None,
    reader: FileReader | None = None,
) -> Any:
    """An AutoencoderKL for models of a family, from a file of its own, a checkpoint, or a diffusers folder.

    `reader` knows the names in a checkpoint that are not known here. Raises UnsupportedModel, BrokenModel, OutOfMemory.
    """
    with _told(path.name, path, reader), ONE_AT_A_TIME:
        part = _vae_part(path, family) if reader is None else given_vae(path, family, reader)
        return build_vae(part, device, dtype, dtype, shared)


@dataclass(frozen=True)
class NoiseFacts:
    """What schedules depend on of a checkpoint."""

    family: Family | None
    prediction_type: Prediction
    levels: NoiseLevels


def read_noise_facts(checkpoint: Checkpoint) -> NoiseFacts:
    """The same as the loaded model has them, of configurations and header alone.

    Of a Stable Diffusion 2 in a file the prediction may be a guess: see `prediction_type`. Raises UnsupportedModel,
    BrokenModel.
    """
    path = checkpoint.path
    if path.is_dir():
        with folder_told_in_words(checkpoint.name, path):
            kind = identify(path, checkpoint.name)
            return NoiseFacts(kind.family, kind.prediction_type, folder_levels(checkpoint))
    with _file_told_in_words(checkpoint.name, path):
        identity = _identity(checkpoint)
        return NoiseFacts(identity.family, likely_prediction(identity, checkpoint.name), file_levels(identity))


def _vae_part(path: Path, family: Family) -> NetworkPart:
    if path.is_dir():
        return folder_vae(path)
    found = vae_part(MappedWeights(path), family)
    if found is None:
        raise UnsupportedModel(f"{path.name} has no VAE inside. Choose a file from models/VAE.")
    return found


def _identity(checkpoint: Checkpoint) -> WeightsIdentity:
    """What the registry knows of a file; of one that it was not asked for, what its header tells."""
    known = checkpoint.identity
    if known.kind == "checkpoint" and known.family is None and not known.unsupported:
        return identify_weights(read_header(checkpoint.path))
    return known


def _told(name: str, path: Path, reader: FileReader | None) -> AbstractContextManager[None]:
    if reader is not None:
        return told_in_words(name, f"It is read by {reader.name}: tell whoever wrote that.")
    return folder_told_in_words(name, path) if path.is_dir() else _file_told_in_words(name, path)


def _file_told_in_words(name: str, path: Path) -> AbstractContextManager[None]:
    return told_in_words(name, f"{path.name} is damaged or of a kind that is not known: download it again.")
