"""Tiny models with random weights, in the folder format of the real ones."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from modules.config.paths import ROOT

DEMO_MODEL = ROOT / "models" / "Stable-diffusion" / "atelier-demo"


def write_tiny_model(
    folder: Path, *, seed: int = 0, prediction_type: str = "epsilon", own_tokenizer: bool = True
) -> Path:
    """Write a Stable Diffusion 1.x folder of a few hundred kilobytes, with the demo model's tokenizer.

    Without `own_tokenizer` it has none, and an embedding for every token of CLIP's.
    """
    torch.manual_seed(seed)
    vocabulary = len(json.loads((DEMO_MODEL / "tokenizer" / "vocab.json").read_bytes())) if own_tokenizer else 49408
    UNet2DConditionModel(
        block_out_channels=(16, 32),
        layers_per_block=1,
        norm_num_groups=8,
        cross_attention_dim=32,
        attention_head_dim=2,
        sample_size=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    ).save_pretrained(folder / "unet")
    AutoencoderKL(
        block_out_channels=(8, 8, 16, 16),
        norm_num_groups=4,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        sample_size=64,
        force_upcast=False,
    ).save_pretrained(folder / "vae")
    CLIPTextModel(
        CLIPTextConfig(
            vocab_size=vocabulary,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=3,
            num_attention_heads=2,
            projection_dim=32,
        )
    ).save_pretrained(folder / "text_encoder")
    if own_tokenizer:
        shutil.copytree(DEMO_MODEL / "tokenizer", folder / "tokenizer")
    (folder / "scheduler").mkdir()
    schedule = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}
    (folder / "scheduler" / "scheduler_config.json").write_text(
        json.dumps({**schedule, "num_train_timesteps": 1000, "prediction_type": prediction_type})
    )
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "StableDiffusionPipeline"}))
    return folder
