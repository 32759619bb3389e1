"""Loads a checkpoint in diffusers' folder format, without any network access."""

from __future__ import annotations

import hashlib
import json
import threading
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.utils import logging as diffusers_logging
from safetensors import SafetensorError
from transformers import CLIPTextModel, CLIPTokenizer
from transformers.utils import logging as transformers_logging

from modules.checkpoints.clip_tokenizer import clip_tokenizer
from modules.checkpoints.loaded import LoadedModel
from modules.checkpoints.prompt_tokenizer import PromptTokenizer
from modules.checkpoints.registry import Checkpoint
from modules.diffusion.attention import AttentionKind, set_attention
from modules.diffusion.noise_levels import NoiseLevels
from modules.errors import BrokenModel, OutOfMemory, UnsupportedModel

_PREDICTIONS = ("epsilon", "v_prediction")
_ONE_AT_A_TIME = threading.Lock()
"""The libraries change torch for the whole process while they build a network; two would collide."""


def load_folder(
    checkpoint: Checkpoint, *, device: torch.device, dtype: torch.dtype, attention: AttentionKind
) -> LoadedModel:
    """Read every part onto the device. Raises UnsupportedModel, BrokenModel, OutOfMemory."""
    _silence_libraries()
    try:
        with _ONE_AT_A_TIME:
            return _load(checkpoint, device, dtype, attention)
    except torch.OutOfMemoryError as error:
        raise OutOfMemory(
            f"Model {checkpoint.name!r} does not fit into the memory of the device. Choose a smaller one, or start "
            "with --use-cpu."
        ) from error
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, SafetensorError) as error:
        raise BrokenModel(
            f"Model {checkpoint.name!r} cannot be loaded: {_first_line(error)} "
            f"A file in {checkpoint.path} is damaged or missing: copy the folder there again."
        ) from error


def read_tokenizer(folder: Path) -> PromptTokenizer:
    """The folder's own tokenizer; CLIP's, which every Stable Diffusion 1.x was trained with, where it has none."""
    own = folder / "tokenizer"
    if not own.is_dir():
        return PromptTokenizer(clip_tokenizer())
    return PromptTokenizer(CLIPTokenizer.from_pretrained(own, local_files_only=True))


def _load(checkpoint: Checkpoint, device: torch.device, dtype: torch.dtype, attention: AttentionKind) -> LoadedModel:
    folder = checkpoint.path
    kind = _read_json(folder / "model_index.json").get("_class_name")
    if kind != "StableDiffusionPipeline":
        raise UnsupportedModel(
            f"Model {checkpoint.name!r} is of the kind {kind}, which is not supported yet. Choose a Stable Diffusion "
            "1.x folder."
        )
    schedule = _read_json(folder / "scheduler" / "scheduler_config.json")
    unet = _part(UNet2DConditionModel, folder / "unet", dtype, device)
    vae = _part(AutoencoderKL, folder / "vae", dtype, device)
    if vae.config.force_upcast:
        vae = vae.float()
    tokenizer = read_tokenizer(folder)
    text_encoder = _part(CLIPTextModel, folder / "text_encoder", dtype, device)
    if tokenizer.size > text_encoder.config.vocab_size:
        raise ValueError(
            f"The tokenizer has {tokenizer.size} tokens, the text encoder {text_encoder.config.vocab_size}."
        )
    set_attention(unet, attention)
    return LoadedModel(
        name=checkpoint.name,
        hash=_hash(folder),
        device=device,
        tokenizer=tokenizer,
        text_encoder=text_encoder,
        unet=unet,
        vae=vae,
        levels=_levels(checkpoint, schedule),
        prediction_type=_prediction_type(checkpoint, schedule),
    )


def _part(network: Any, folder: Path, dtype: torch.dtype, device: torch.device) -> Any:
    """One network in evaluation mode; half-precision variants are taken where there is nothing else."""
    only_half = not list(folder.glob("*model.safetensors")) and list(folder.glob("*model.fp16.safetensors"))
    loaded = network.from_pretrained(
        folder, torch_dtype=dtype, local_files_only=True, use_safetensors=True, variant="fp16" if only_half else None
    )
    return loaded.to(device).eval().requires_grad_(False)


def _levels(checkpoint: Checkpoint, schedule: dict[str, Any]) -> NoiseLevels:
    kind = schedule.get("beta_schedule", "scaled_linear")
    if kind != "scaled_linear":
        raise UnsupportedModel(f"Model {checkpoint.name!r} has the beta schedule {kind!r}; scaled_linear is supported.")
    return NoiseLevels.scaled_linear(
        float(schedule.get("beta_start", 0.00085)),
        float(schedule.get("beta_end", 0.012)),
        int(schedule.get("num_train_timesteps", 1000)),
    )


def _prediction_type(checkpoint: Checkpoint, schedule: dict[str, Any]) -> Any:
    kind = schedule.get("prediction_type", "epsilon")
    if kind not in _PREDICTIONS:
        raise UnsupportedModel(
            f"Model {checkpoint.name!r} predicts {kind!r}; supported are: {', '.join(_PREDICTIONS)}."
        )
    return kind


def _hash(folder: Path) -> str:
    """First ten hex digits of a sha256 over names and contents of all weight files."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.safetensors")):
        digest.update(path.relative_to(folder).as_posix().encode())
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()[:10]


def _read_json(path: Path) -> dict[str, Any]:
    content = json.loads(path.read_bytes())
    if not isinstance(content, dict):
        raise ValueError(f"{path.name} is no JSON object.")
    return content


def _first_line(error: BaseException) -> str:
    line = (str(error).strip().split("\n") or [""])[0][:200]
    return line if line.endswith(".") else line + "."


def _silence_libraries() -> None:
    """Progress bars of the libraries would run across the server's own messages."""
    diffusers_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()
