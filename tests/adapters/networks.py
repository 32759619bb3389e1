"""Tiny models in memory, and adapter files for them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from modules.adapters.adapter import Adapter, read_adapter
from modules.adapters.module_table import networks_of
from modules.checkpoints.loaded import LoadedModel
from modules.checkpoints.loading import load_checkpoint
from modules.checkpoints.registry import Registry

RANK = 3
ATTENTION = "down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q"
CONVOLUTION = "down_blocks_0_resnets_0_conv1"
ENCODER_LAYER = "text_model_encoder_layers_1_self_attn_q_proj"


def loaded(folder: Path, dtype: torch.dtype = torch.float32) -> LoadedModel:
    checkpoint = Registry([folder]).find(folder.name)
    return load_checkpoint(checkpoint, device=torch.device("cpu"), dtype=dtype, attention="sdp")


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed + sum(shape)))


def lora_for(name: str, weight: Tensor, *, seed: int = 0, size: float = 0.1) -> dict[str, Tensor]:
    """Kohya's tensors of one module."""
    down = random(RANK, *weight.shape[1:], seed=seed)
    up = random(len(weight), RANK, *[1] * (weight.dim() - 2), seed=seed + 1) * size
    return {f"{name}.lora_down.weight": down, f"{name}.lora_up.weight": up, f"{name}.alpha": torch.tensor(1.5)}


def lora_of_everything(model: LoadedModel, *, seed: int = 0) -> dict[str, Tensor]:
    """Kohya's tensors of every linear layer and convolution of the network and the first text encoder."""
    unet, encoder = networks_of(model)[:2]
    tensors: dict[str, Tensor] = {}
    for prefix, network in (("lora_unet_", unet), ("lora_te_text_model_", encoder)):
        for path, module in network.named_modules():
            if isinstance(module, (nn.Linear, nn.Conv2d)):
                tensors |= lora_for(prefix + path.replace(".", "_"), module.weight, seed=seed + len(tensors))
    return tensors


def written(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None) -> Adapter:
    """An adapter file, read back."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path, metadata)
    return read_adapter(path)


def bits(model: LoadedModel) -> dict[str, Tensor]:
    """Copies of all weights that adapters may change."""
    return {
        f"{number}.{name}": parameter.detach().clone()
        for number, network in enumerate(networks_of(model))
        for name, parameter in network.named_parameters()
    }


def differing(model: LoadedModel, before: Mapping[str, Tensor]) -> set[str]:
    """The names of weights that are not, to the bit, what they were."""
    now = bits(model)
    return {
        name
        for name, tensor in before.items()
        if not torch.equal(now[name].view(torch.uint8), tensor.view(torch.uint8))
    }
