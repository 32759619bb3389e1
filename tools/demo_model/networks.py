"""The networks, all of them diffusers' and transformers' classes: their sizes, fresh or grown from earlier weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDPMScheduler, DPMSolverMultistepScheduler, UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from modules.checkpoints.device import device_facts
from tools.demo_model.tokenizer import MAX_TOKENS

TEXT_WIDTH = 192
TEXT_LAYERS = 4
UNET_WIDTHS = (96, 128, 160)
VAE_WIDTHS = (32, 64, 128, 128)
LATENT_CHANNELS = 4
DOWNSCALE = 8
SCALING_FACTOR = 0.18215
TRAIN_TIMESTEPS = 1000


def new_vae(widths: tuple[int, ...] = VAE_WIDTHS) -> AutoencoderKL:
    """An untrained autoencoder: factor 8, four latent channels."""
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=widths,
        layers_per_block=1,
        norm_num_groups=8,
        latent_channels=LATENT_CHANNELS,
        mid_block_add_attention=False,
        sample_size=256,
        scaling_factor=SCALING_FACTOR,
    )


def start_as_chain(vae: AutoencoderKL) -> None:
    """Silence the residual branches and let every other convolution pass its input on.

    Started at random, GroupNorm drowns the colour and training stays at 15 dB for a long time.
    """
    for name, module in vae.named_modules():
        if not isinstance(module, nn.Conv2d):
            continue
        if name.endswith("conv2"):
            nn.init.zeros_(module.weight)
            _zero_bias(module)
        elif name.endswith(("conv_shortcut", "samplers.0.conv")):
            _pass_through(module, average="downsamplers" in name)
    for conv in (vae.encoder.conv_in, vae.decoder.conv_in):
        nn.init.normal_(conv.weight, std=0.02)
        spread = 0.45 * (3 / conv.in_channels) ** 0.5
        with torch.no_grad():
            conv.weight[:, :, 1, 1].normal_(0, spread)
        nn.init.normal_(conv.bias, std=0.5)
    with torch.no_grad():
        vae.quant_conv.bias[LATENT_CHANNELS:].fill_(-5)
        vae.quant_conv.weight[LATENT_CHANNELS:].mul_(0.1)


def new_unet(
    widths: tuple[int, ...] = UNET_WIDTHS, layers: int = 1, heads: int = 4, text_width: int = TEXT_WIDTH
) -> UNet2DConditionModel:
    """An untrained noise predictor whose residual branches start silent."""
    unet = UNet2DConditionModel(
        sample_size=32,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        block_out_channels=widths,
        layers_per_block=layers,
        norm_num_groups=16,
        down_block_types=("DownBlock2D", *("CrossAttnDownBlock2D",) * (len(widths) - 1)),
        up_block_types=(*("CrossAttnUpBlock2D",) * (len(widths) - 1), "UpBlock2D"),
        cross_attention_dim=text_width,
        attention_head_dim=heads,  # diffusers reads this as the number of heads
    )
    for name, module in unet.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear) and name.endswith(("conv2", "proj_out", "conv_out")):
            nn.init.zeros_(module.weight)
            _zero_bias(module)
        elif isinstance(module, nn.Conv2d) and name.endswith("samplers.0.conv"):
            _pass_through(module, average="downsamplers" in name)
    return unet


def new_text_encoder(tokenizer: CLIPTokenizer, layers: int = TEXT_LAYERS, width: int = TEXT_WIDTH) -> CLIPTextModel:
    """An untrained CLIP text encoder for the tokenizer."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=width,
            intermediate_size=4 * width,
            num_hidden_layers=layers,
            num_attention_heads=width // 32,
            max_position_embeddings=MAX_TOKENS,
            projection_dim=width,
            hidden_act="quick_gelu",
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def grown_text_encoder(
    folder: Path, tokenizer: CLIPTokenizer, synonyms: Mapping[str, str], layers: int
) -> CLIPTextModel:
    """A saved text encoder with layers added, up to so many, and with embeddings for the tokenizer's new tokens.

    It says at first what it said before: new layers pass their input on. A synonym starts near its word.
    """
    old = CLIPTextConfig.from_pretrained(folder).num_hidden_layers
    encoder: CLIPTextModel = CLIPTextModel.from_pretrained(
        folder, dtype=torch.float32, num_hidden_layers=max(old, layers)
    )
    for layer in encoder.encoder.layers[old:]:
        for last in (layer.self_attn.out_proj, layer.mlp.fc2):
            nn.init.zeros_(last.weight)
            _zero_bias(last)
    _add_embeddings(encoder, tokenizer, synonyms)
    return encoder


def _add_embeddings(encoder: CLIPTextModel, tokenizer: CLIPTokenizer, synonyms: Mapping[str, str]) -> None:
    old: Tensor = encoder.get_input_embeddings().weight.detach()
    if len(tokenizer) == len(old):
        return
    generator = torch.Generator().manual_seed(0)
    added = torch.randn(len(tokenizer) - len(old), old.shape[1], generator=generator) * float(old.std())
    table = torch.cat([old, added])
    ids: dict[str, int] = tokenizer.get_vocab()
    for word, meaning in synonyms.items():
        new, known = ids.get(f"{word}</w>"), ids.get(f"{meaning}</w>")
        if new is not None and known is not None and new >= len(old):
            table[new] = table[known] + 0.3 * (table[new])
    encoder.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    with torch.no_grad():
        encoder.get_input_embeddings().weight.copy_(table)


def noise_schedule() -> DDPMScheduler:
    """Stable Diffusion's betas, predicting v."""
    return DDPMScheduler(**_BETAS)


def picture_scheduler() -> DPMSolverMultistepScheduler:
    """DPM++ 2M Karras over the same betas."""
    return DPMSolverMultistepScheduler(**_BETAS, steps_offset=1, use_karras_sigmas=True)


_BETAS = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": TRAIN_TIMESTEPS,
    "prediction_type": "v_prediction",
}


def device_of_choice() -> torch.device:
    """CUDA where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def mixed_precision(device: torch.device) -> torch.autocast:
    """Multiplication in bfloat16 where the device has it in hardware."""
    return torch.autocast(device.type, torch.bfloat16, enabled=bool(device_facts(device).bfloat16))


def _zero_bias(module: nn.Conv2d | nn.Linear) -> None:
    if module.bias is not None:
        nn.init.zeros_(module.bias)


def _pass_through(module: nn.Conv2d, *, average: bool) -> None:
    nn.init.normal_(module.weight, std=0.01)
    _zero_bias(module)
    outputs, inputs, side, _ = module.weight.shape
    with torch.no_grad():
        for channel in range(outputs):
            if average:
                module.weight[channel, channel % inputs, :2, :2] += 0.25
            else:
                module.weight[channel, channel % inputs, side // 2, side // 2] += 1
