"""The files of gradio's frontend, and which of them holds the components of a page."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from gradio.routes import BUILD_PATH_LIB

FOLDER = Path(str(BUILD_PATH_LIB))
_TREE = re.compile(r"export\{[^}]*\bas AppTree\b")


@cache
def file_names() -> frozenset[str]:
    """The names of all files; they lie in one folder, and a name stands for one content."""
    return frozenset(entry.name for entry in FOLDER.iterdir() if entry.is_file())


@cache
def tree_file() -> str | None:
    """The script that gives away `AppTree`, the components of a page; None in a gradio that is made otherwise."""
    return next((name for name in _scripts("core") if _TREE.search(_text(name))), None)


def _scripts(beginning: str) -> list[str]:
    return sorted(name for name in file_names() if name.startswith(f"{beginning}-") and name.endswith(".js"))


def _text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")
