"""Makes a model of the parts of a checkpoint, whatever the form of its files."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import torch
from diffusers.utils import logging as diffusers_logging
from safetensors import SafetensorError
from transformers.utils import logging as transformers_logging

from modules.checkpoints.clip_tokenizer import clip_tokenizer
from modules.checkpoints.identification import Family, Prediction
from modules.checkpoints.loaded import LoadedModel
from modules.checkpoints.network_part import NetworkPart, SharedParts
from modules.checkpoints.prompt_tokenizer import PromptTokenizer
from modules.checkpoints.registry import Checkpoint
from modules.checkpoints.text_encoder import TextEncoder
from modules.diffusion.attention import AttentionKind, set_attention
from modules.diffusion.memory import ran_out_of_memory
from modules.diffusion.noise_levels import NoiseLevels
from modules.errors import BrokenModel, OutOfMemory

ONE_AT_A_TIME = threading.Lock()
"""The libraries change torch for the whole process while they build a network; two would collide."""
_TOKENS, _LAST_TIMESTEP = 77, 999
_ALIKE = 0.5
"""Cosine between noise and answer: near 1 where noise is predicted, near 0.07 where v is."""


@dataclass(frozen=True)
class Placement:
    """Where a model's parts go and as what."""

    device: torch.device
    dtype: torch.dtype
    attention: AttentionKind
    vae_dtype: torch.dtype | None = None
    """None: float32 where the VAE wants it, else as the rest."""
    text_dtype: torch.dtype | None = None
    """None: as the network."""


@dataclass(frozen=True)
class CheckpointParts:
    """What a checkpoint consists of, before its numbers are read."""

    family: Family
    prediction_type: Prediction | None
    """None: not known; the network is asked."""
    levels: NoiseLevels
    unet: NetworkPart
    vae: NetworkPart
    text_encoders: tuple[tuple[NetworkPart, PromptTokenizer], ...]
    zeroes_empty_prompt: bool


def assemble(checkpoint: Checkpoint, parts: CheckpointParts, to: Placement, shared: SharedParts | None) -> LoadedModel:
    """Read every part onto the device. Raises ValueError for parts that do not fit one another."""
    unet = parts.unet.built(to.device, to.dtype)
    model = LoadedModel(
        name=checkpoint.name,
        fingerprint=_fingerprint(checkpoint),
        family=parts.family,
        device=to.device,
        text_encoders=tuple(_text_encoder(part, tokenizer, to, shared) for part, tokenizer in parts.text_encoders),
        unet=unet,
        vae=build_vae(parts.vae, to.device, to.vae_dtype, to.dtype, shared),
        levels=parts.levels,
        prediction_type=parts.prediction_type or predicted_by(unet),
        zeroes_empty_prompt=parts.zeroes_empty_prompt,
    )
    _check_that_parts_fit(model)
    set_attention(model.unet, to.attention)
    return model


@torch.inference_mode()
def predicted_by(unet: Any) -> Prediction:
    """What a network was trained to predict, from its answer to pure noise: the noise itself, or little of it.

    At the last timestep x is the noise but for a hundredth, and v = sqrt(abar) noise - sqrt(1 - abar) picture (Salimans
    and Ho, "Progressive Distillation" (2022), appendix D), which pure noise tells nothing of.
    """
    parameter = next(unet.parameters())
    noise = torch.randn((1, int(unet.config.in_channels), 32, 32), generator=torch.Generator().manual_seed(0))
    text = torch.zeros((1, _TOKENS, int(unet.config.cross_attention_dim)))
    last = torch.tensor([_LAST_TIMESTEP], device=parameter.device)
    answer = unet(noise.to(parameter), last, encoder_hidden_states=text.to(parameter), return_dict=False)[0]
    alike = torch.nn.functional.cosine_similarity(
        answer.flatten().float().cpu(), noise[:, : answer.shape[1]].flatten(), dim=0
    )
    return "epsilon" if float(alike) > _ALIKE else "v_prediction"


def build_vae(
    part: NetworkPart, device: torch.device, wanted: torch.dtype | None, rest: torch.dtype, shared: SharedParts | None
) -> Any:
    """A VAE in the wanted type; None: float32 where its configuration asks for it, else that of the rest."""
    upcast = not isinstance(part.configuration, dict) or part.configuration.get("force_upcast", True)
    return _built(part, device, wanted or (torch.float32 if upcast else rest), shared)


@contextmanager
def told_in_words(name: str, remedy: str) -> Iterator[None]:
    """Faults of files and libraries become BrokenModel or OutOfMemory, with the first line of what they say."""
    _silence_libraries()
    try:
        yield
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, MemoryError, SafetensorError) as error:
        if ran_out_of_memory(error):
            advice = "Choose a smaller one, close other programs, or start with --use-cpu."
            raise OutOfMemory(f"Model {name!r} does not fit into the memory of the device. {advice}") from error
        raise BrokenModel(f"Model {name!r} cannot be loaded: {_first_line(error)} {remedy}") from error


def clip_s_tokenizer(*, open_clip: bool = False) -> PromptTokenizer:
    """The tokenizer that every Stable Diffusion was trained with; OpenCLIP fills chunks with "!", which is token 0."""
    return PromptTokenizer(clip_tokenizer(padding="!") if open_clip else clip_tokenizer())


def _silence_libraries() -> None:
    """Progress bars of the libraries would run across the server's own messages."""
    diffusers_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()


def _built(part: NetworkPart, device: torch.device, dtype: torch.dtype, shared: SharedParts | None) -> Any:
    return part.built(device, dtype) if shared is None else shared.built(part, device, dtype)


def _text_encoder(
    part: NetworkPart, tokenizer: PromptTokenizer, to: Placement, shared: SharedParts | None
) -> TextEncoder:
    network = _built(part, to.device, to.text_dtype or to.dtype, shared)
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


def _fingerprint(checkpoint: Checkpoint) -> str:
    """Another value means other weights: path, size and time of every file."""
    return sha256(repr((str(checkpoint.path), checkpoint.weights_state)).encode()).hexdigest()[:16]


def _first_line(error: BaseException) -> str:
    said = f"it lacks {error.args[0]}" if isinstance(error, KeyError) and error.args else str(error)
    line = (said.strip().split("\n") or [""])[0][:200]
    return line if line.endswith(".") else line + "."
