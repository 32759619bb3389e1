"""Loads checkpoints and VAEs of one file, in the original layout or in diffusers', without any network access."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from modules.checkpoints.assembly import CheckpointParts, clip_s_tokenizer
from modules.checkpoints.configurations import text_configuration, unet_configuration, vae_configuration
from modules.checkpoints.identification import Family
from modules.checkpoints.mapped_weights import MappedWeights
from modules.checkpoints.network_part import NetworkPart
from modules.checkpoints.part_weights import text_encoder_weights, unet_weights, vae_weights
from modules.checkpoints.prompt_tokenizer import PromptTokenizer
from modules.checkpoints.weights_identity import WeightsIdentity
from modules.checkpoints.weights_kinds import BELONGS
from modules.diffusion.noise_levels import NoiseLevels
from modules.errors import BrokenModel, UnsupportedModel

_LAST_OF_OPEN_CLIP = "encoder.layers.23.layer_norm1.weight"
"""SD 2 reads the layer before the last of OpenCLIP ViT-H's 24; diffusers' files end with that one."""
_BETAS, _TIMESTEPS = (0.00085, 0.012), 1000
"""Of the training of every family (Rombach et al. 2022, appendix; Podell et al. 2023)."""


def file_parts(path: Path, identity: WeightsIdentity, vae: NetworkPart | None = None) -> CheckpointParts:
    """The parts of a checkpoint file, before their numbers are read; with a VAE that is to stand for its own.

    Raises UnsupportedModel for a file of another kind or without a VAE, BrokenModel for one that is damaged, and
    KeyError with the name of a tensor that is missing.
    """
    family = _family(path, identity)
    file = MappedWeights(path)
    unet = unet_weights(file, identity.layout)
    if not unet:
        raise BrokenModel(f"{path.name} has no U-Net, so it is no whole checkpoint. Download the whole one.")
    return CheckpointParts(
        family=family,
        prediction_type=identity.prediction_type,
        levels=file_levels(identity),
        unet=NetworkPart("U-Net", UNet2DConditionModel, unet_configuration(unet, family), unet, (file,)),
        vae=vae or _own_vae(path, file, family),
        text_encoders=_text_encoders(path, file, identity, family),
        zeroes_empty_prompt=family == "sdxl",
    )


def file_levels(identity: WeightsIdentity) -> NoiseLevels:
    """The noise levels that the model in a file was trained on."""
    levels = NoiseLevels.scaled_linear(*_BETAS, _TIMESTEPS)
    return levels.with_zero_terminal_snr() if identity.zero_terminal_snr else levels


def vae_part(file: MappedWeights, family: Family) -> NetworkPart | None:
    """The VAE in a file of its own or in a checkpoint, as the family has it; None where there is none."""
    weights = vae_weights(file)
    if not weights:
        return None
    return NetworkPart("VAE", AutoencoderKL, vae_configuration(weights, family), weights, (file,))


def without_vae(path: Path) -> UnsupportedModel:
    """The refusal of a file that has none, where none was chosen."""
    return UnsupportedModel(
        f"{path.name} has no VAE inside, which some files leave out. Put a VAE for its family into models/VAE, "
        "and choose it for this model."
    )


def _family(path: Path, identity: WeightsIdentity) -> Family:
    """Raises UnsupportedModel for what cannot be run."""
    if identity.kind != "checkpoint":
        place = BELONGS.get(identity.kind)
        remedy = f"It belongs into {place}." if place else "Choose a whole checkpoint."
        raise UnsupportedModel(f"{path.name} is no checkpoint: {identity.title}. {remedy}")
    if identity.unsupported or identity.family is None:
        reason = identity.unsupported or "Its family is not known here."
        raise UnsupportedModel(f"{path.name} cannot be used ({identity.title}). {reason}")
    return identity.family


def _own_vae(path: Path, file: MappedWeights, family: Family) -> NetworkPart:
    found = vae_part(file, family)
    if found is None:
        raise without_vae(path)
    return found


def _text_encoders(
    path: Path, file: MappedWeights, identity: WeightsIdentity, family: Family
) -> tuple[tuple[NetworkPart, PromptTokenizer], ...]:
    """One encoder, or SDXL's two; the refiner's only one is SDXL's second."""
    refiner = family == "sdxl-refiner"
    return tuple(
        _text_encoder(path, file, identity, family, place, is_second=refiner or place == 1)
        for place in range(2 if family == "sdxl" else 1)
    )


def _text_encoder(
    path: Path, file: MappedWeights, identity: WeightsIdentity, family: Family, place: int, *, is_second: bool
) -> tuple[NetworkPart, PromptTokenizer]:
    name = "second text encoder" if is_second else "text encoder"
    weights = text_encoder_weights(file, identity.layout, place)
    if not weights and is_second and place == 0:
        weights = text_encoder_weights(file, identity.layout, 1)  # diffusers' name for the refiner's
    if not weights:
        raise BrokenModel(f"{path.name} lacks its {name}, so it is no whole checkpoint. Download the whole one.")
    open_clip = is_second or family == "sd2"
    without_last = family == "sd2" and _LAST_OF_OPEN_CLIP in weights
    configuration = text_configuration(weights, open_clip=open_clip, without_last=without_last)
    kind: Any = CLIPTextModelWithProjection if is_second else CLIPTextModel
    return NetworkPart(name, kind, configuration, weights, (file,)), clip_s_tokenizer(open_clip=open_clip)
