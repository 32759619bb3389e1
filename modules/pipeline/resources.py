"""What a task is given besides its request, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from PIL import Image

from modules.checkpoints.loaded import LoadedModel
from modules.hooks.sampling_registry import BroughtSampling
from modules.pipeline.first_pass_memory import FirstPassMemory
from modules.pipeline.networks import JobNetworks
from modules.pipeline.pass_hooks import PaintingHooks, Participants
from modules.pipeline.run_recording import Recorder
from modules.pipeline.text_cache import TextCache
from modules.pipeline.watcher import PartWatcher

SideKind = Literal["before-highres-fix", "before-color-correction", "mask", "mask-composite"]
"""What a task can give besides a picture; it ends the name of the side picture's file."""


class Upscale(Protocol):
    """Pixels (height, width, 3) made larger by an image upscaler, uint8."""

    def __call__(self, name: str, pixels: np.ndarray, width: int, height: int) -> np.ndarray:
        """The picture at exactly that size, its shape kept by cutting off evenly. Raises ModelNotFound."""


@dataclass(frozen=True)
class Resources:
    """Everything that a task needs and does not make."""

    model: Callable[[str], LoadedModel]
    """The checkpoint of that name, loaded if need be. Raises ModelNotFound, UnsupportedModel, BrokenModel."""
    texts: TextCache
    watcher: PartWatcher
    picture: Callable[[str], Image.Image]
    """The stored input picture of that id, RGB or RGBA. Raises NotFound."""
    upscale: Upscale
    first_passes: FirstPassMemory = field(default_factory=FirstPassMemory)
    """What requests that differ in their second pass alone share."""
    preview_method: str = "TAESD"
    """How previews are made; `LoadedModel.preview_by` knows the words."""
    networks: JobNetworks = field(default_factory=JobNetworks)
    """What prompts may name; without one given they may name nothing."""
    recorder: Recorder | None = None
    """Who wants to know how the pictures come to be; None: nobody, and nothing is recorded."""
    hooks: PaintingHooks | None = None
    """What extensions do in passes; None: nothing."""
    participants: Participants = field(default_factory=Participants)
    """Where it is noted which of them changed something."""
    sampling: BroughtSampling = field(default_factory=BroughtSampling)
    """The samplers and schedules that there are; without any given those of the program."""
    sides: frozenset[SideKind] = frozenset()
    """What is wanted besides the pictures."""


@dataclass(frozen=True)
class SidePicture:
    """What belongs to a picture; `pixels` is (height, width, 3) or with alpha (height, width, 4), uint8."""

    kind: SideKind
    pixels: np.ndarray


@dataclass(frozen=True)
class PaintedPicture:
    """Picture `index` of a request; `pixels` is (height, width, 3), uint8."""

    index: int
    pixels: np.ndarray
    unfinished: str = ""
    """How far it is, such as "step 5 of 20", where it was stopped before its end."""
    sides: tuple[SidePicture, ...] = ()
