"""Loads a checkpoint in diffusers' folder format, without any network access."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from modules.checkpoints.assembly import (
    CheckpointParts,
    clip_s_tokenizer,
    told_in_words,
)
from modules.checkpoints.identification import Identity, identify, read_json
from modules.checkpoints.mapped_weights import MappedWeights
from modules.checkpoints.network_part import NetworkPart
from modules.checkpoints.part_weights import clip_weights, vae_weights
from modules.checkpoints.prompt_tokenizer import PromptTokenizer
from modules.checkpoints.registry import Checkpoint
from modules.diffusion.noise_levels import NoiseLevels
from modules.errors import BrokenModel, UnsupportedModel

_HALF = ".fp16"
_SHARD = re.compile(r"-\d{5}-of-\d{5}")
_NETWORK, _TEXT_ENCODER = "diffusion_pytorch_model", "model"
"""What files of weights are called, without suffix."""


def folder_parts(checkpoint: Checkpoint) -> CheckpointParts:
    """The parts of a folder, before their numbers are read.

    Raises UnsupportedModel, BrokenModel, and OSError, ValueError, TypeError or KeyError for damaged files.
    """
    folder = checkpoint.path
    identity = identify(folder, checkpoint.name)
    levels = folder_levels(checkpoint)
    unet_files = _files(folder / "unet", _NETWORK)
    return CheckpointParts(
        family=identity.family,
        prediction_type=identity.prediction_type,
        levels=levels,
        unet=NetworkPart(
            "U-Net", UNet2DConditionModel, read_json(folder / "unet" / "config.json"), _tensors(unet_files), unet_files
        ),
        vae=folder_vae(folder / "vae"),
        text_encoders=tuple(
            (_text_encoder(folder / f"text_encoder{suffix}", projected=bool(suffix)), _tokenizer(folder, identity, at))
            for at, suffix in enumerate(identity.encoders)
        ),
        zeroes_empty_prompt=identity.zeroes_empty_prompt,
    )


def folder_vae(folder: Path) -> NetworkPart:
    """The VAE in a folder of its own. Raises what `folder_parts` raises."""
    files = _files(folder, _NETWORK)
    weights = vae_weights(_tensors(files))
    return NetworkPart("VAE", AutoencoderKL, read_json(folder / "config.json"), weights, files)


def read_tokenizer(path: Path) -> PromptTokenizer:
    """The tokenizer that people's tokens are counted with. Raises UnsupportedModel, BrokenModel."""
    if not path.is_dir():
        return clip_s_tokenizer()
    with folder_told_in_words(path.name, path):
        return _tokenizer(path, identify(path, path.name), place=0)


@contextmanager
def folder_told_in_words(name: str, folder: Path) -> Iterator[None]:
    """Raises BrokenModel for whatever is wrong with a folder, OutOfMemory."""
    remedy = f"A file in {folder} is damaged or missing: copy the folder there again."
    with told_in_words(name, remedy):
        try:
            yield
        except BrokenModel as error:
            raise ValueError(str(error)) from error


def _text_encoder(folder: Path, *, projected: bool) -> NetworkPart:
    files = _files(folder, _TEXT_ENCODER)
    configuration = CLIPTextConfig.from_pretrained(folder, local_files_only=True)
    kind = CLIPTextModelWithProjection if projected else CLIPTextModel
    return NetworkPart(
        "second text encoder" if projected else "text encoder",
        kind,
        configuration,
        clip_weights(_tensors(files)),
        files,
    )


def _tokenizer(folder: Path, identity: Identity, place: int) -> PromptTokenizer:
    """The folder's own, or CLIP's, which every Stable Diffusion was trained with, where it has none."""
    suffix = identity.encoders[place]
    own = folder / f"tokenizer{suffix}"
    if own.is_dir():
        return PromptTokenizer(CLIPTokenizer.from_pretrained(own, local_files_only=True))
    return clip_s_tokenizer(open_clip=identity.family == "sd2" or bool(suffix))


def _files(folder: Path, stem: str) -> tuple[MappedWeights, ...]:
    """One file or its shards; half-precision variants are taken where there is nothing else."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.glob(f"{stem}*.safetensors")):
        found.setdefault(_SHARD.sub("", path.stem), []).append(path)
    for name in (stem, stem + _HALF):
        if name in found:
            whole = [path for path in found[name] if not _SHARD.search(path.stem)]
            return tuple(MappedWeights(path) for path in whole or found[name])
    if pickles := sorted(folder.glob(f"{stem}*.bin")):
        raise UnsupportedModel(
            f"{pickles[0]} is a pickle, a format that can run programs when it is loaded. "
            f'Convert it to safetensors with: python launch.py convert "{pickles[0]}"'
        )
    raise FileNotFoundError(f"There is no {stem}.safetensors in {folder}.")


def _tensors(files: tuple[MappedWeights, ...]) -> dict[str, torch.Tensor]:
    return {name: file[name] for file in files for name in file}


def folder_levels(checkpoint: Checkpoint) -> NoiseLevels:
    """The noise levels that the model in a folder was trained on. Raises what `folder_parts` raises."""
    schedule = read_json(checkpoint.path / "scheduler" / "scheduler_config.json")
    kind = schedule.get("beta_schedule")  # missing for models of other kinds of noise, such as EDM's
    if kind != "scaled_linear":
        named = "no beta schedule" if kind is None else f"the beta schedule {kind!r}"
        raise UnsupportedModel(f"Model {checkpoint.name!r} has {named}; scaled_linear is supported.")
    levels = NoiseLevels.scaled_linear(
        float(schedule.get("beta_start", 0.00085)),
        float(schedule.get("beta_end", 0.012)),
        int(schedule.get("num_train_timesteps", 1000)),
    )
    return levels.with_zero_terminal_snr() if schedule.get("rescale_betas_zero_snr") else levels
