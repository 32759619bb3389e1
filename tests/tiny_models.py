"""Tiny models with random weights, in the folder format of the real ones."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from modules.config.paths import ROOT

DEMO_MODEL = ROOT / "models" / "Stable-diffusion" / "atelier-demo"


INPAINTING_CHANNELS, PIX2PIX_CHANNELS = 9, 8
"""What the networks of such models take: latents and what stands beside them."""

_TASKS = {4: "", INPAINTING_CHANNELS: "Inpaint", PIX2PIX_CHANNELS: "InstructPix2Pix"}
_CLIP_TOKENS = 49408
_MARKS = ("<|startoftext|>", "<|endoftext|>")
_WIDTH_2, _PROJECTION, _SIZE_WIDTH = 24, 16, 8
"""Of SDXL's second text encoder, of its answer for a whole text, and of each number about the size."""


def write_tiny_model(
    folder: Path,
    *,
    seed: int = 0,
    prediction_type: str = "epsilon",
    own_tokenizer: bool = True,
    in_channels: int = 4,
) -> Path:
    """Write a Stable Diffusion 1.x folder of a few hundred kilobytes, with the demo model's tokenizer.

    Without `own_tokenizer` it has none, and an embedding for every token of CLIP's. `in_channels` makes it an
    inpainting or an InstructPix2Pix model.
    """
    torch.manual_seed(seed)
    _write_unet(folder, in_channels=in_channels, cross_attention_dim=32)
    _write_vae(folder, force_upcast=False)
    _write_text_encoder(folder / "text_encoder", own_tokenizer, width=32)
    if own_tokenizer:
        shutil.copytree(DEMO_MODEL / "tokenizer", folder / "tokenizer")
    _write_schedule(folder, prediction_type=prediction_type)
    _write_index(folder, f"StableDiffusion{_TASKS[in_channels]}Pipeline")
    return folder


def write_tiny_sd2(
    folder: Path,
    *,
    seed: int = 0,
    prediction_type: str = "v_prediction",
    own_tokenizer: bool = True,
    in_channels: int = 4,
    zero_snr: bool = False,
) -> Path:
    """Write a Stable Diffusion 2 folder: a wider text encoder of OpenCLIP's kind, whose chunks are filled with 0."""
    torch.manual_seed(seed)
    _write_unet(folder, in_channels=in_channels, cross_attention_dim=48, use_linear_projection=True)
    _write_vae(folder, force_upcast=False)
    _write_text_encoder(folder / "text_encoder", own_tokenizer, width=48, hidden_act="gelu")
    if own_tokenizer:
        _write_tokenizer_that_fills_with_0(folder / "tokenizer")
    _write_schedule(folder, prediction_type=prediction_type, rescale_betas_zero_snr=zero_snr)
    _write_index(folder, f"StableDiffusion{_TASKS[in_channels]}Pipeline")
    return folder


def write_tiny_sdxl(
    folder: Path,
    *,
    seed: int = 0,
    own_tokenizer: bool = True,
    in_channels: int = 4,
    force_zeros: bool = True,
) -> Path:
    """Write a Stable Diffusion XL folder: two text encoders, one vector for the whole text, and sizes."""
    torch.manual_seed(seed)
    _write_xl_unet(folder, in_channels=in_channels, cross_attention_dim=32 + _WIDTH_2, numbers=6)
    _write_vae(folder, force_upcast=True, scaling_factor=0.13025)
    _write_text_encoder(folder / "text_encoder", own_tokenizer, width=32)
    _write_second_text_encoder(folder, own_tokenizer)
    if own_tokenizer:
        shutil.copytree(DEMO_MODEL / "tokenizer", folder / "tokenizer")
    _write_schedule(folder)
    _write_index(
        folder, f"StableDiffusionXL{_TASKS[in_channels]}Pipeline", {"force_zeros_for_empty_prompt": force_zeros}
    )
    return folder


def write_tiny_refiner(folder: Path, *, seed: int = 0) -> Path:
    """Write a folder of SDXL's refiner: the second text encoder alone, and an aesthetic score among the sizes."""
    torch.manual_seed(seed)
    _write_xl_unet(folder, in_channels=4, cross_attention_dim=_WIDTH_2, numbers=5)
    _write_vae(folder, force_upcast=True, scaling_factor=0.13025)
    _write_second_text_encoder(folder, own_tokenizer=True)
    _write_schedule(folder)
    absent = {"text_encoder": [None, None], "tokenizer": [None, None]}
    decisions = {"force_zeros_for_empty_prompt": False, "requires_aesthetics_score": True}
    _write_index(folder, "StableDiffusionXLImg2ImgPipeline", {**absent, **decisions})
    return folder


def _write_xl_unet(folder: Path, *, in_channels: int, cross_attention_dim: int, numbers: int) -> None:
    _write_unet(
        folder,
        in_channels=in_channels,
        cross_attention_dim=cross_attention_dim,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=_SIZE_WIDTH,
        projection_class_embeddings_input_dim=_PROJECTION + numbers * _SIZE_WIDTH,
    )


def _write_unet(folder: Path, **shape: Any) -> None:
    UNet2DConditionModel(
        block_out_channels=(16, 32),
        layers_per_block=1,
        norm_num_groups=8,
        attention_head_dim=2,
        sample_size=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        **shape,
    ).save_pretrained(folder / "unet")


def _write_vae(folder: Path, **options: Any) -> None:
    AutoencoderKL(
        block_out_channels=(8, 8, 16, 16),
        norm_num_groups=4,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        sample_size=64,
        **options,
    ).save_pretrained(folder / "vae")


def _write_second_text_encoder(folder: Path, own_tokenizer: bool) -> None:
    _write_text_encoder(
        folder / "text_encoder_2", own_tokenizer, width=_WIDTH_2, projection=_PROJECTION, hidden_act="gelu"
    )
    if own_tokenizer:
        _write_tokenizer_that_fills_with_0(folder / "tokenizer_2")


def _write_text_encoder(
    folder: Path, own_tokenizer: bool, *, width: int, projection: int | None = None, hidden_act: str = "quick_gelu"
) -> None:
    """With `projection` it answers with a vector for the whole text."""
    vocabulary = json.loads((DEMO_MODEL / "tokenizer" / "vocab.json").read_bytes())
    start, end = (vocabulary[mark] for mark in _MARKS) if own_tokenizer else (_CLIP_TOKENS - 2, _CLIP_TOKENS - 1)
    configuration = CLIPTextConfig(
        vocab_size=len(vocabulary) if own_tokenizer else _CLIP_TOKENS,
        hidden_size=width,
        intermediate_size=64,
        num_hidden_layers=3,
        num_attention_heads=2,
        projection_dim=projection or width,
        hidden_act=hidden_act,
        bos_token_id=start,
        eos_token_id=end,
    )
    network = CLIPTextModel if projection is None else CLIPTextModelWithProjection
    network(configuration).save_pretrained(folder)


def _write_tokenizer_that_fills_with_0(folder: Path) -> None:
    shutil.copytree(DEMO_MODEL / "tokenizer", folder)
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_bytes()), "pad_token": "!"}))


def _write_schedule(folder: Path, **options: Any) -> None:
    (folder / "scheduler").mkdir()
    schedule = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}
    (folder / "scheduler" / "scheduler_config.json").write_text(
        json.dumps({**schedule, "num_train_timesteps": 1000, "prediction_type": "epsilon", **options})
    )


def _write_index(folder: Path, kind: str, more: Mapping[str, Any] | None = None) -> None:
    (folder / "model_index.json").write_text(json.dumps({"_class_name": kind, **(more or {})}))
