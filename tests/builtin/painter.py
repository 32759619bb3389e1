"""A painter for scripts: pictures are computed from the request, stored by number, and never painted twice."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from modules.errors import ModelNotFound
from modules.hooks import (
    Available,
    Interrupted,
    InvalidRequest,
    PaintedResult,
    Resolved,
    Script,
    Section,
    read_arguments,
    with_changes,
)
from modules.schema.requests import ResolvedImg2Img, ResolvedTxt2Img

FIELDS: dict[str, Any] = {
    "prompt": "a red house",
    "negative_prompt": "night",
    "steps": 20,
    "sampler_name": "Euler",
    "scheduler": "Uniform",
    "cfg_scale": 7,
    "seed": 100,
    "subseed": 50,
    "width": 64,
    "height": 64,
    "batch_count": 1,
    "batch_size": 1,
    "rng": "NV",
    "model": "house",
}
INPUT, OTHER_INPUT = "a" * 32, "b" * 32
INPUT_SIZES = {INPUT: (640, 480), OTHER_INPUT: (320, 1000)}
STYLES = {"film": "grainy", "ink, blue": "drawn"}
NAMES: dict[str, Any] = {
    "samplers": ("Euler", "Heun", "DPM++ 2M"),
    "schedules": ("Automatic", "Uniform", "Karras"),
    "models": ("house", "sub/garden", "sea"),
    "upscalers": ("None", "Lanczos"),
    "hires_upscalers": ("Latent", "None", "Lanczos"),
    "styles": tuple(STYLES),
}


def words(**fields: Any) -> ResolvedTxt2Img:
    """A txt2img request."""
    return ResolvedTxt2Img.of({**FIELDS, **fields})


def picture(**fields: Any) -> ResolvedImg2Img:
    """An img2img request."""
    return ResolvedImg2Img.of({**FIELDS, "init_images": (INPUT,), **fields})


class Painter:
    """A ScriptContext. `stored` is what survives a crash; `painted` are the requests that had to be painted."""

    def __init__(
        self,
        base: Resolved,
        stored: dict[int, list[PaintedResult]] | None = None,
        stop_at: int | None = None,
        skipped: Collection[int] = (),
        winds_up: bool = False,
        sections: tuple[Section, ...] = (),
    ) -> None:
        """It is stopped at request number `stop_at`, and with `winds_up` may put together what it has; requests of the
        numbers `skipped` are left out."""
        self.base = base
        self.stored = {} if stored is None else stored
        self.painted: list[Any] = []
        self.asked: list[Resolved] = []
        self.shown: list[bool] = []
        self.grids: list[tuple[np.ndarray, dict[str, str], Resolved]] = []
        self.kept: dict[str, np.ndarray] = {}
        self.planned: tuple[int, int | None] | None = None
        self.is_interrupted = False
        self.settings: dict[str, Any] = {}
        self._sections = sections
        self._skipped = skipped
        self._winds_up = winds_up
        self._stop_at = stop_at

    @property
    def available(self) -> Available:
        return Available(task=self.base.task, sections=self._sections, **NAMES)

    def changed(self, request: Resolved, fields: Mapping[str, Any]) -> Resolved:
        draft = with_changes(request, fields)
        if draft.model not in NAMES["models"]:
            raise ModelNotFound(f"There is no model {draft.model!r}.")
        if draft.sampler_name not in NAMES["samplers"]:
            raise InvalidRequest("Sampler", draft.sampler_name, "is not known", "Nearest: Euler.")
        for style in draft.styles:
            if style not in STYLES:
                raise InvalidRequest("Styles", style, "is not known", "Nearest: film.")
        styled = ", ".join([draft.prompt, *(STYLES[style] for style in draft.styles)])
        return draft.model_copy(update={"prompt": styled, "template": draft.prompt} if draft.styles else {})

    def input_size(self, picture_id: str) -> tuple[int, int]:
        return INPUT_SIZES[picture_id]

    def paint(self, request: Resolved, *, shown: bool = True) -> list[PaintedResult]:
        number = len(self.asked)
        if number == self._stop_at:
            raise Interrupted
        self.asked.append(request)
        self.shown.append(shown)
        if number in self._skipped:
            white = np.full((request.height, request.width, 3), 255, dtype=np.uint8)
            return [PaintedResult(white, "", index, is_skipped=True) for index in range(request.picture_count)]
        if number not in self.stored:
            self.painted.append(request)
            self.stored[number] = [
                PaintedResult(_pixels(request, index), f"picture {index}", index)
                for index in range(request.picture_count)
            ]
        return self.stored[number]

    @contextmanager
    def until_interrupted(self) -> Iterator[None]:
        try:
            yield
        except Interrupted:
            if not (self._winds_up and self.painted):
                raise
            self.is_interrupted = True

    def save_grid(self, pixels: np.ndarray, parameters: Mapping[str, str], *, request: Resolved | None = None) -> None:
        self.grids.append((pixels, dict(parameters), request or self.base))

    def keep(self, pixels: np.ndarray) -> str:
        name = hashlib.sha256(pixels.tobytes()).hexdigest()[:32]
        self.kept[name] = pixels
        return name

    def input_pixels(self, picture_id: str) -> np.ndarray:
        if picture_id in self.kept:
            return self.kept[picture_id]
        width, height = INPUT_SIZES[picture_id]
        return np.full((height, width, 3), 100, dtype=np.uint8)

    def check(self) -> None:
        if self._stop_at is not None and len(self.asked) > self._stop_at and not self.is_interrupted:
            raise Interrupted

    def stage(self, text: str) -> None:
        assert text

    def plan(self, cells: int, steps: int | None = None) -> None:
        self.planned = (cells, steps)


def colour_of(request: Resolved, index: int = 0) -> tuple[int, int, int]:
    """The colour of a request's picture: another for every other request."""
    text = f"{index} {request.model_dump_json()}"
    red, green, blue = hashlib.sha256(text.encode()).digest()[:3]
    return red, green, blue


def _pixels(request: Resolved, index: int) -> np.ndarray:
    return np.full((request.height, request.width, 3), colour_of(request, index), dtype=np.uint8)


def run(
    script: Script, base: Resolved, painter: Painter | None = None, drawn: tuple[str, ...] = (), **given: Any
) -> Painter:
    """Run a script as the engine does: arguments read, checked, run; the painter knows the rest."""
    painter = painter or Painter(base)
    arguments = read_arguments(script.arguments, given, painter.available, drawn=drawn)
    script.check(base, arguments, painter)
    script.run(base, arguments, painter)
    return painter
