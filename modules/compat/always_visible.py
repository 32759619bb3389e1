"""A1111's always-visible scripts: each is a section of the forms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from modules.compat.components import Asked
from modules.compat.processing import Processing
from modules.compat.scripts import A1111Script, PostprocessImageArgs
from modules.hooks import PROMPT_FIELDS, Arguments, ChangeContext, ImageContext, Section, Switch, Task

_PROMPTS = {"prompt": "all_prompts", "negative_prompt": "all_negative_prompts"}
_FINAL = Switch(
    name="leave_prompts",
    label="Leave the prompts as they are",
    help="only the finished pictures are worked on, as for a picture whose prompts were changed already",
)
"""Of scripts that change both."""
_BEFORE = ("setup", "before_process", "process")
"""What may change prompts, in A1111's order."""


class AlwaysVisibleScript(Section):
    """One of them. What it does before painting is done once for each picture, so that each is the same alone."""

    def __init__(self, title: str, scripts: Mapping[Task, A1111Script], asked: Mapping[Task, list[Asked]]) -> None:
        self.name = title
        self.tasks = tuple(scripts)
        merged = {one.argument.name: one.argument for rows in asked.values() for one in rows if one.argument}
        self._scripts = scripts
        self._asked = asked
        self._some = next(iter(scripts.values()))
        does_both = self.changes_requests and self.processes_images
        self.arguments = (*merged.values(), *([_FINAL] if does_both else ()))

    @property
    def changes_requests(self) -> bool:
        return any(self._some.does(name) for name in _BEFORE)

    @property
    def processes_images(self) -> bool:
        return self._some.does("postprocess_image")

    def carried_out(self, arguments: Arguments) -> Arguments | None:
        if not self.processes_images:
            return None
        return {**arguments, _FINAL.name: True} if self.changes_requests else arguments

    def change_request(self, context: ChangeContext) -> Mapping[str, str] | None:
        if context.arguments.get(_FINAL.name):
            return None
        script, given = self._of(context)
        p = Processing(context.request)
        for name, row in _PROMPTS.items():
            setattr(p, row, [getattr(p, name)])
        p.all_seeds, p.all_subseeds = [context.seed], [context.request.subseed_of(context.index)]
        for moment in _BEFORE:
            getattr(script, moment)(p, *given)
        for name, row in _PROMPTS.items():
            if getattr(p, name) == getattr(context.request, name):
                setattr(p, name, getattr(p, row)[0])
        changed = p.changes(_refuse_pictures)
        if others := sorted(changed.keys() - set(PROMPT_FIELDS)):
            raise NotImplementedError(f"changing {', '.join(others)} in process is not here: prompts may be changed")
        return changed or None

    def process_image(self, context: ImageContext) -> np.ndarray | None:
        script, given = self._of(context)
        picture = PostprocessImageArgs(Image.fromarray(context.pixels), context.index)
        script.postprocess_image(Processing(context.request), picture, *given)
        mode = "RGBA" if picture.image.mode == "RGBA" else "RGB"
        return np.asarray(picture.image.convert(mode))

    def _of(self, context: ChangeContext | ImageContext) -> tuple[A1111Script, list[Any]]:
        task = context.request.task
        return self._scripts[task], [one.given(context.arguments) for one in self._asked[task]]


def _refuse_pictures(pixels: np.ndarray) -> str:
    raise NotImplementedError("putting a picture into the request in process is not here")
