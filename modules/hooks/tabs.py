"""Tabs of extensions' own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

TabAudience = Literal["owner", "user"]
"""Owners of the server; everybody who is logged in. Where nobody logs in, whoever sits before the page is the owner."""
MOST_LETTERS = 40


@dataclass(frozen=True, kw_only=True)
class TabContext:
    """What a tab is told that is laid out."""

    folder: Path
    """Where the extension may keep files of its own. It is there, and stays when the extension is removed."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What the extension's own settings are, by their names, whenever it looks."""


@dataclass(frozen=True, kw_only=True)
class Tab:
    """A tab. `build` is called once, while the page is laid out, within a gradio.Tab."""

    title: str
    """Like no other tab's, and at most 40 letters."""
    build: Callable[[TabContext], None]
    """Lays out gradio's components and binds their events, as within any gradio.Blocks. It has 20 seconds."""
    audience: TabAudience = "owner"
    """Whom its events answer. Everybody who may open the page sees what is laid out."""
