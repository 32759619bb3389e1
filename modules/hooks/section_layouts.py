"""What a section is told that lays itself out in the forms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modules.schema.requests import Task


@dataclass(frozen=True, kw_only=True)
class SectionLayout:
    """A section that is laid out, once for each tab that has it."""

    task: Task
    """Whose form it is in."""
    place: str
    """What the ids of elements begin with, so that each is there once: `f"{context.place}-preview"`."""
    component: Callable[[str], Any]
    """Lays out the program's own control of an argument, given its name, where it is called, and returns it. Of a
    `Picture` it returns what holds the picture's id."""
    bind: Callable[[str, Any], Any]
    """Makes a component of yours the control of an argument, given its name, and returns it. It then holds the
    argument's usual value, and a list holds what the argument offers."""
    folder: Path
    """Where the extension may keep files of its own. It is there, and stays when the extension is removed."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What the extension's own settings are, by their names, whenever it looks."""
