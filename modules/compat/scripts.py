"""A1111's `modules.scripts`: the class that its extensions derive their scripts from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modules.compat.surroundings import A1111Module

ALWAYS_VISIBLE = object()
"""What `show` returns for a script that is part of the form instead of one in the list."""


@dataclass
class PostprocessImageArgs:
    """What `postprocess_image` may change."""

    image: Any
    index: int = 0


@dataclass
class PostprocessBatchListArgs:
    """What `postprocess_batch_list` may change: tensors, each (3, height, width), from 0 to 1."""

    images: list[Any]


_NOT_HERE = (
    *("after_extra_networks_activate", "process_before_every_sampling", "before_hr", "on_mask_blend", "post_sample"),
    *("postprocess_maskoverlay", "postprocess_image_after_composite"),
    *("before_component", "after_component", "on_before_component", "on_after_component"),
)
"""Moments of A1111's that this program does not call scripts at."""


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

    def setup(self, p: Any, *args: Any) -> None:
        """Before anything else is done for a request."""

    def before_process(self, p: Any, *args: Any) -> None:
        """Before `process`."""

    def process(self, p: Any, *args: Any) -> None:
        """Before a request is painted."""

    def before_process_batch(self, p: Any, *args: Any, **batch: Any) -> None:
        """Before a batch is painted; `prompts` may be changed in place."""

    def process_batch(self, p: Any, *args: Any, **batch: Any) -> None:
        """Behind `before_process_batch`."""

    def postprocess_batch(self, p: Any, *args: Any, **batch: Any) -> None:
        """With the finished pictures of a batch: `images` is (batch, 3, height, width), from 0 to 1."""

    def postprocess_batch_list(self, p: Any, pp: PostprocessBatchListArgs, *args: Any, **batch: Any) -> None:
        """With the same as a list."""

    def postprocess(self, p: Any, processed: Any, *args: Any) -> None:
        """With everything that was painted."""

    def postprocess_image(self, p: Any, pp: PostprocessImageArgs, *args: Any) -> None:
        """Of an always-visible script: with each finished picture."""

    def describe(self) -> str:
        """What it is for."""
        return ""

    @classmethod
    def does(cls, moment: str) -> bool:
        """Whether it has something of its own to do at that moment."""
        return getattr(cls, moment, None) is not getattr(A1111Script, moment, None)

    @classmethod
    def missing(cls) -> list[str]:
        """The moments that it wants to be called at, and that are not here."""
        return [moment for moment in _NOT_HERE if hasattr(cls, moment)]

    def elem_id(self, item_id: str) -> str:
        """A name for a component that no other script uses."""
        tab = "img2img" if self.is_img2img else "txt2img"
        words = "".join(one if one.isalnum() else "_" for one in self.title().lower())
        return f"script_{tab}_{words}_{item_id}"


def scripts_module(folder: Path, script_class: type[A1111Script], base: Callable[[], str]) -> A1111Module:
    """The module, for one extension; `script_class` is its own base class, by which its scripts are known."""
    return A1111Module(
        "modules.scripts",
        {
            "Script": script_class,
            "AlwaysVisible": ALWAYS_VISIBLE,
            "PostprocessImageArgs": PostprocessImageArgs,
            "PostprocessBatchListArgs": PostprocessBatchListArgs,
            "basedir": base,
        },
    )
