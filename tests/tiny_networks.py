"""Tiny LoRAs and embeddings with random weights, in the formats of the real ones."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file

from modules.checkpoints.loaded import LoadedModel

_RANK = 2


def write_lora(path: Path, model: LoadedModel, *, seed: int = 0, texts: bool = True, strength: float = 0.3) -> Path:
    """A LoRA of kohya's key names for the attention of a model's network and its text encoders."""
    generator = torch.Generator().manual_seed(seed)
    weights: dict[str, torch.Tensor] = {}

    def add(prefix: str, network: torch.nn.Module) -> None:
        for name, layer in network.named_modules():
            if name.rsplit(".", 1)[-1] not in ("to_q", "to_v", "q_proj", "v_proj"):
                continue
            rows, columns = layer.weight.shape
            key = prefix + name.replace(".", "_")
            down = torch.randn(_RANK, columns, generator=generator) * strength
            up = torch.randn(rows, _RANK, generator=generator) * strength
            weights.update({f"{key}.lora_down.weight": down, f"{key}.lora_up.weight": up})
            weights[f"{key}.alpha"] = torch.tensor(float(_RANK))

    add("lora_unet_", model.unet)
    if texts:
        several = len(model.text_encoders) > 1
        for place, encoder in enumerate(model.text_encoders, start=1):
            add(f"lora_te{place}_text_model_" if several else "lora_te_text_model_", encoder.network)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(weights, path)
    return path


def write_embedding(path: Path, model: LoadedModel, *, vectors: int = 2, seed: int = 0, strength: float = 0.5) -> Path:
    """A textual inversion for the text encoders of a model, one as `emb_params`, two as SDXL's pair."""
    generator = torch.Generator().manual_seed(seed)
    rows = [torch.randn(vectors, encoder.width, generator=generator) * strength for encoder in model.text_encoders]
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({"emb_params": rows[0]} if len(rows) == 1 else {"clip_l": rows[0], "clip_g": rows[1]}, path)
    return path
