"""What hooks of the server are told: one named object each, whose fields may become more and never fewer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from modules.schema.requests import Resolved


@dataclass(frozen=True, kw_only=True)
class ProcessContext:
    """A process that begins or ends."""

    process: Literal["server", "worker"]
    """The server, which answers pages and programs, or a process that runs the models of one device."""
    folder: Path
    """Where the extension may keep files of its own. It is there, and stays when the extension is removed."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What the extension's own settings are, by their names, whenever it looks."""


@dataclass(frozen=True, kw_only=True)
class MetadataContext:
    """A picture file that no reader of the program understands."""

    texts: Mapping[str, str]
    """What it says, by keys. Of a PNG those of its text chunks; of other formats `parameters` (the comment in their
    EXIF data), `prompt`, `workflow` and `xmp`, as far as they are there."""
    width: int
    """In pixels."""
    height: int
    """In pixels."""


@dataclass(frozen=True, kw_only=True)
class SavingContext:
    """A picture that is finished and has no file yet."""

    pixels: np.ndarray
    """(height, width, 3), or with alpha (height, width, 4), uint8; a copy, which may be written into."""
    infotext: str
    """How it was made; "" where nothing is known of that."""
    request: Resolved | None
    """What made it, or of a grid what made the pictures in it; None in Extras."""
    number: int
    """Its number in the job, from 0."""
    job_id: str
    """The job that it belongs to."""
    user: str
    """Who asked for it; "" where nobody logs in."""
    is_grid: bool
    """Whether it was put together of others."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What the extension's own settings are, by their names, whenever it looks."""


@dataclass(frozen=True, kw_only=True)
class SavingChange:
    """What `before_saving` changes of a picture; what is not named stays."""

    pixels: np.ndarray | None = None
    """(height, width, 3 or 4) uint8, of any size."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Further parameters of the infotext. Their keys are written behind the extension's name: `tide` of the extension
    `sea` is `sea tide`, so that they are nobody else's. A picture without an infotext gets none."""


@dataclass(frozen=True, kw_only=True)
class SavedContext:
    """A picture that is on the disk and in the gallery."""

    path: Path
    """Its file."""
    picture_id: int
    """By which the gallery and the API know it."""
    infotext: str
    """How it was made; "" where nothing is known of that."""
    request: Resolved | None
    """What made it, or of a grid what made the pictures in it; None in Extras."""
    number: int
    """Its number in the job, from 0."""
    job_id: str
    """The job that it belongs to."""
    user: str
    """Who asked for it; "" where nobody logs in."""
    is_grid: bool
    """Whether it was put together of others."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What the extension's own settings are, by their names, whenever it looks."""
