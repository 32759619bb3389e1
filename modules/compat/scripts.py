"""A1111's `modules.scripts`: the class that its extensions derive their scripts from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modules.compat.surroundings import A1111Module

ALWAYS_VISIBLE = object()
"""What `show` returns for a script that is part of the form instead of one in the list."""


class A1111Script:
    """What a script of A1111's may say and do; what it leaves out does nothing."""

    filename = ""
    section: str | None = None
    alwayson = False
    is_txt2img = False
    is_img2img = False
    create_group = True
    infotext_fields: Any = None
    paste_field_names: Any = None

    def title(self) -> str:
        """Its name in lists."""
        raise NotImplementedError

    def show(self, is_img2img: bool) -> Any:
        """Whether it is in the list of a tab, or ALWAYS_VISIBLE."""
        return True

    def ui(self, is_img2img: bool) -> Any:
        """Its components, in the order in which it is given their values."""
        return []

    def run(self, p: Any, *args: Any) -> Any:
        """Paint in the place of the plain request."""
        return None

    def describe(self) -> str:
        """What it is for."""
        return ""

    def elem_id(self, item_id: str) -> str:
        """A name for a component that no other script uses."""
        tab = "img2img" if self.is_img2img else "txt2img"
        words = "".join(one if one.isalnum() else "_" for one in self.title().lower())
        return f"script_{tab}_{words}_{item_id}"


@dataclass
class PostprocessImageArgs:
    """What `postprocess_image` may change."""

    image: Any
    index: int = 0


def scripts_module(folder: Path, script_class: type[A1111Script], base: Callable[[], str]) -> A1111Module:
    """The module, for one extension; `script_class` is its own base class, by which its scripts are known."""
    return A1111Module(
        "modules.scripts",
        {
            "Script": script_class,
            "AlwaysVisible": ALWAYS_VISIBLE,
            "PostprocessImageArgs": PostprocessImageArgs,
            "basedir": base,
        },
    )
