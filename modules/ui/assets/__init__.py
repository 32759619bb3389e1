"""Style, scripts and snippets of the page, as files."""

from __future__ import annotations

from pathlib import Path


def asset(name: str) -> str:
    """The text of the file `name` in this folder."""
    return (Path(__file__).parent / name).read_text(encoding="utf-8")
