"""What a file of weights is, told from its header alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from modules.checkpoints.identification import Family, Prediction

WeightsKind = Literal[
    "checkpoint", "vae", "tiny-vae", "lora", "embedding", "hypernetwork", "upscaler", "controlnet", "part", "unknown"
]
"""`part` is a network or a text encoder by itself, out of a checkpoint; `unknown` nothing that is known here."""

Layout = Literal["ldm", "diffusers"]


@dataclass(frozen=True)
class WeightsIdentity:
    """What a file holds. Of a LoRA, an embedding or a ControlNet `family` is the one it was made for."""

    kind: WeightsKind
    title: str
    """In words, for people: "Stable Diffusion XL checkpoint", "LoRA for Stable Diffusion 1"."""
    family: Family | None = None
    """None where it is not known, or not one that can be run."""
    prediction_type: Prediction | None = None
    zero_terminal_snr: bool = False
    task: Literal["plain", "inpainting", "pix2pix"] = "plain"
    precision: str = ""
    """The header's name of the type that most of its numbers have, such as F16."""
    layout: Layout = "ldm"
    """Whose names its tensors have."""
    unsupported: str = ""
    """Why it cannot be used, as a sentence; empty where it can."""
