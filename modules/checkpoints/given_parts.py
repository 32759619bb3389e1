"""The parts of a checkpoint file whose names an extension knows, for families that are not known here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from modules.checkpoints.assembly import CheckpointParts, clip_s_tokenizer
from modules.checkpoints.configurations import text_configuration, unet_configuration, vae_configuration
from modules.checkpoints.identification import Family
from modules.checkpoints.mapped_weights import MappedWeights
from modules.checkpoints.network_part import NetworkPart
from modules.checkpoints.part_weights import clip_weights
from modules.checkpoints.prompt_tokenizer import PromptTokenizer
from modules.checkpoints.single_file import file_levels, without_vae
from modules.checkpoints.weights_identity import WeightsIdentity


class GivenNetwork(Protocol):
    """A network as somebody else names it; `kind` and `configuration` None are what the family has."""

    @property
    def weights(self) -> Mapping[str, torch.Tensor]: ...
    @property
    def kind(self) -> Any: ...
    @property
    def configuration(self) -> Any: ...


class GivenParts(Protocol):
    """All networks of a file; `vae` is None where it has none."""

    @property
    def network(self) -> GivenNetwork: ...
    @property
    def vae(self) -> GivenNetwork | None: ...
    @property
    def text_encoders(self) -> Sequence[GivenNetwork]: ...


@dataclass(frozen=True)
class FileReader:
    """Who knows the names in a file."""

    name: str
    """With the version: another one may read the same file otherwise."""
    read: Callable[[MappedWeights], GivenParts]


def given_parts(
    path: Path, identity: WeightsIdentity, reader: FileReader, vae: NetworkPart | None = None
) -> CheckpointParts:
    """The parts of a checkpoint file, before their numbers are read; with a VAE that is to stand for its own.

    Raises what the reader raises, UnsupportedModel for a file without a VAE, ValueError for other text encoders than
    the family has, and KeyError with the name of a tensor that is missing.
    """
    family = identity.family
    assert family is not None
    file = MappedWeights(path)
    given = reader.read(file)
    expected = 2 if family == "sdxl" else 1
    if len(given.text_encoders) != expected:
        raise ValueError(f"{reader.name} gives {len(given.text_encoders)} text encoders, {expected} are expected.")
    network = given.network
    told = unet_configuration(network.weights, family) if network.configuration is None else network.configuration
    return CheckpointParts(
        family=family,
        prediction_type=identity.prediction_type,
        levels=file_levels(identity),
        unet=_part("network", reader, file, network, UNet2DConditionModel, told),
        vae=vae or _vae(path, file, given, family, reader),
        text_encoders=tuple(
            _text_encoder(encoder, family, place, reader, file) for place, encoder in enumerate(given.text_encoders)
        ),
        zeroes_empty_prompt=family == "sdxl",
    )


def given_vae(path: Path, family: Family, reader: FileReader) -> NetworkPart:
    """The VAE of a checkpoint file. Raises as `given_parts` does."""
    file = MappedWeights(path)
    return _vae(path, file, reader.read(file), family, reader)


def _vae(path: Path, file: MappedWeights, given: GivenParts, family: Family, reader: FileReader) -> NetworkPart:
    vae = given.vae
    if vae is None:
        raise without_vae(path)
    told = vae_configuration(vae.weights, family) if vae.configuration is None else vae.configuration
    return _part("VAE", reader, file, vae, AutoencoderKL, told)


def _text_encoder(
    given: GivenNetwork, family: Family, place: int, reader: FileReader, file: MappedWeights
) -> tuple[NetworkPart, PromptTokenizer]:
    is_second = family == "sdxl-refiner" or place == 1
    open_clip = is_second or family == "sd2"
    weights = clip_weights(given.weights)
    told = given.configuration
    if told is None:
        told = text_configuration(weights, open_clip=open_clip, without_last=False)
    kind: Any = given.kind or (CLIPTextModelWithProjection if is_second else CLIPTextModel)
    name = _name("second text encoder" if is_second else "text encoder", reader)
    return NetworkPart(name, kind, told, weights, (file,)), clip_s_tokenizer(open_clip=open_clip)


def _part(
    name: str, reader: FileReader, file: MappedWeights, given: GivenNetwork, usual: Any, told: Any
) -> NetworkPart:
    return NetworkPart(_name(name, reader), given.kind or usual, told, given.weights, (file,))


def _name(name: str, reader: FileReader) -> str:
    """For people, and for what is remembered of a part of a file, which another reader may read otherwise."""
    return f"{name} as {reader.name} reads it"
