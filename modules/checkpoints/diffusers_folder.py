"""Loads a checkpoint in diffusers' folder format, without any network access."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.utils import logging as diffusers_logging
from safetensors import SafetensorError
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer
from transformers.utils import logging as transformers_logging

from modules.checkpoints.clip_tokenizer import clip_tokenizer
from modules.checkpoints.identification import Identity, identify, read_json
from modules.checkpoints.loaded import LoadedModel
from modules.checkpoints.prompt_tokenizer import PromptTokenizer
from modules.checkpoints.registry import Checkpoint
from modules.checkpoints.text_encoder import TextEncoder
from modules.diffusion.attention import AttentionKind, set_attention
from modules.diffusion.memory import ran_out_of_memory
from modules.diffusion.noise_levels import NoiseLevels
from modules.errors import BrokenModel, OutOfMemory, UnsupportedModel

_OPEN_CLIP_PADDING = "!"
_ONE_AT_A_TIME = threading.Lock()
"""The libraries change torch for the whole process while they build a network; two would collide."""


def load_folder(
    checkpoint: Checkpoint, *, device: torch.device, dtype: torch.dtype, attention: AttentionKind
) -> LoadedModel:
    """Read every part onto the device. Raises UnsupportedModel, BrokenModel, OutOfMemory."""
    _silence_libraries()
    with _told_in_words(checkpoint.name, checkpoint.path), _ONE_AT_A_TIME:
        return _load(checkpoint, device, dtype, attention)


def read_tokenizer(folder: Path) -> PromptTokenizer:
    """The tokenizer that people's tokens are counted with. Raises UnsupportedModel, BrokenModel."""
    with _told_in_words(folder.name, folder):
        return _tokenizer(folder, identify(folder, folder.name), place=0)


@contextmanager
def _told_in_words(name: str, folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, MemoryError, SafetensorError) as error:
        if ran_out_of_memory(error):
            remedy = "Choose a smaller one, close other programs, or start with --use-cpu."
            raise OutOfMemory(f"Model {name!r} does not fit into the memory of the device. {remedy}") from error
        raise BrokenModel(
            f"Model {name!r} cannot be loaded: {_first_line(error)} "
            f"A file in {folder} is damaged or missing: copy the folder there again."
        ) from error


def _tokenizer(folder: Path, identity: Identity, place: int) -> PromptTokenizer:
    """The folder's own, or CLIP's, which every Stable Diffusion was trained with, where it has none."""
    suffix = identity.encoders[place]
    own = folder / f"tokenizer{suffix}"
    if own.is_dir():
        return PromptTokenizer(CLIPTokenizer.from_pretrained(own, local_files_only=True))
    reads_open_clip = identity.family == "sd2" or bool(suffix)
    return PromptTokenizer(clip_tokenizer(padding=_OPEN_CLIP_PADDING) if reads_open_clip else clip_tokenizer())


def _load(checkpoint: Checkpoint, device: torch.device, dtype: torch.dtype, attention: AttentionKind) -> LoadedModel:
    folder = checkpoint.path
    identity = identify(folder, checkpoint.name)
    levels = _levels(checkpoint, read_json(folder / "scheduler" / "scheduler_config.json"))
    unet = _part(UNet2DConditionModel, folder / "unet", dtype, device)
    upcast = read_json(folder / "vae" / "config.json").get("force_upcast", True)
    model = LoadedModel(
        name=checkpoint.name,
        hash=_hash(folder),
        family=identity.family,
        device=device,
        text_encoders=tuple(
            _text_encoder(folder, identity, place, dtype, device) for place in range(len(identity.encoders))
        ),
        unet=unet,
        vae=_part(AutoencoderKL, folder / "vae", torch.float32 if upcast else dtype, device),
        levels=levels,
        prediction_type=identity.prediction_type,
        zeroes_empty_prompt=identity.zeroes_empty_prompt,
    )
    _check_that_parts_fit(model)
    set_attention(unet, attention)
    return model


def _text_encoder(
    folder: Path, identity: Identity, place: int, dtype: torch.dtype, device: torch.device
) -> TextEncoder:
    suffix = identity.encoders[place]
    network = _part(
        CLIPTextModelWithProjection if suffix else CLIPTextModel, folder / f"text_encoder{suffix}", dtype, device
    )
    tokenizer = _tokenizer(folder, identity, place)
    if tokenizer.size > network.config.vocab_size:
        raise ValueError(f"The tokenizer has {tokenizer.size} tokens, the text encoder {network.config.vocab_size}.")
    return TextEncoder(network, tokenizer)


def _check_that_parts_fit(model: LoadedModel) -> None:
    """Raises ValueError where the network takes other numbers than the text encoders and the sizes give.

    Raises UnsupportedModel for a network with other channels than those of the known kinds.
    """
    told, takes = model.blank_conditioning(1, 64, 64), model.unet.config
    if told.states.shape[-1] != takes.cross_attention_dim:
        raise ValueError(
            f"The text encoders give {told.states.shape[-1]} numbers per token, the network takes "
            f"{takes.cross_attention_dim}."
        )
    added, taken = 0, takes.projection_class_embeddings_input_dim or 0
    if told.pooled is not None and told.time_ids is not None:
        added = told.pooled.shape[-1] + told.time_ids.shape[-1] * (takes.addition_time_embed_dim or 0)
    if added != taken:
        raise ValueError(f"Text and sizes make {added} added numbers, the network takes {taken}.")


def _part(network: Any, folder: Path, dtype: torch.dtype, device: torch.device) -> Any:
    """One network in evaluation mode; half-precision variants are taken where there is nothing else."""
    only_half = not list(folder.glob("*model.safetensors")) and list(folder.glob("*model.fp16.safetensors"))
    loaded = network.from_pretrained(
        folder, torch_dtype=dtype, local_files_only=True, use_safetensors=True, variant="fp16" if only_half else None
    )
    return loaded.to(device).eval().requires_grad_(False)


def _levels(checkpoint: Checkpoint, schedule: dict[str, Any]) -> NoiseLevels:
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


def _hash(folder: Path) -> str:
    """First ten hex digits of a sha256 over names and contents of all weight files."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.safetensors")):
        digest.update(path.relative_to(folder).as_posix().encode())
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()[:10]


def _first_line(error: BaseException) -> str:
    line = (str(error).strip().split("\n") or [""])[0][:200]
    return line if line.endswith(".") else line + "."


def _silence_libraries() -> None:
    """Progress bars of the libraries would run across the server's own messages."""
    diffusers_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()
