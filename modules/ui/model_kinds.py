"""The words for kinds and families of model files, and for their sizes."""

from __future__ import annotations

from modules.checkpoints.identification import Family
from modules.config.model_folders import FolderKind

KINDS: dict[FolderKind, str] = {
    "checkpoint": "Checkpoints",
    "lora": "LoRAs",
    "embedding": "Embeddings",
    "vae": "VAEs",
    "upscaler": "Upscalers",
    "controlnet": "ControlNets",
    "hypernetwork": "Hypernetworks",
    "tiny-vae": "Preview decoders",
}
"""What the files of each folder are called."""
RARE: frozenset[FolderKind] = frozenset({"controlnet", "hypernetwork", "tiny-vae"})
"""Kinds that are offered only where there are files of them."""
ONE: dict[FolderKind, str] = {
    "checkpoint": "Checkpoint",
    "lora": "LoRA",
    "embedding": "Embedding",
    "vae": "VAE",
    "upscaler": "Upscaler",
    "controlnet": "ControlNet",
    "hypernetwork": "Hypernetwork",
    "tiny-vae": "Preview decoder",
}
BADGES: dict[Family, str] = {"sd1": "SD 1", "sd2": "SD 2", "sdxl": "SDXL", "sdxl-refiner": "SDXL refiner"}
"""Families as a card has room for them."""


def size_words(size: float) -> str:
    """Bytes as people say them: 12 KB, 335 MB, 6.9 GB."""
    if size < 1e6:
        return f"{max(1, round(size / 1e3)) if size else 0} KB"
    return f"{size / 1e6:,.0f} MB" if size < 1e9 else f"{size / 1e9:,.1f} GB"
