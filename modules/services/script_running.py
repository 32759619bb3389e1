"""Runs a script: what it asks for is painted, or found among the pictures that an earlier run of its job saved."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from modules.errors import Interrupted
from modules.gallery.inputs import InputPictures
from modules.hooks import Available, PaintedResult, sides_of
from modules.schema.requests import AnyResolved, Resolved
from modules.services.finished_picture import FinishedPicture
from modules.services.job_parts import JobParts
from modules.services.job_pictures import JobPictures
from modules.services.job_watching import JobWatcher
from modules.services.resolving import RequestResolver

if TYPE_CHECKING:
    from modules.pipeline.watcher import PartWatcher

    Paint = Callable[[Any, PartWatcher, frozenset[int]], Iterator[FinishedPicture]]


class ScriptRun:
    """A hooks.ScriptContext for one run of a script's job.

    Every picture has the number that it was asked for under, counted over the whole run: a deterministic script gives
    each the same number when it is run again.
    """

    def __init__(
        self,
        base: Resolved,
        available: Available,
        *,
        resolver: RequestResolver,
        inputs: InputPictures,
        pictures: JobPictures,
        parts: JobParts,
        watcher: JobWatcher,
        paint: Paint,
        describe: Callable[[Resolved, Mapping[str, str]], str],
        folder: Path,
        grids: Path,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        """`settings` are those of the extension's own."""
        self.available = available
        self.settings: Mapping[str, Any] = settings or {}
        self.fault: BaseException | None = None
        """What went wrong in painting itself, for which no script is to blame."""
        self.is_interrupted = False
        """Whether it put together what there was when somebody stopped it."""
        self._base = base
        self._resolver = resolver
        self._inputs = inputs
        self._pictures = pictures
        self._parts = parts
        self._watcher = watcher
        self._paint = paint
        self._describe = describe
        self._folder = folder
        self._grids = grids
        self._next = 0
        self._has_painted = False
        self._decisions = parts.decisions()
        self._decided = 0

    def changed(self, request: AnyResolved, fields: Mapping[str, Any]) -> AnyResolved:
        """See hooks.Drafting."""
        self._watcher.check()
        if self._decided < len(self._decisions):
            changed = type(request).of(json.loads(self._decisions[self._decided]))
        else:
            changed = self._resolver.changed(request, fields)
            self._parts.decide(changed.model_dump_json())
        self._decided += 1
        return changed

    def input_size(self, picture_id: str) -> tuple[int, int]:
        """See hooks.Drafting."""
        return self._inputs.size(picture_id)

    def paint(self, request: Resolved, *, shown: bool = True) -> list[PaintedResult]:
        """See hooks.ScriptContext."""
        first, count = self._next, request.picture_count
        self._next += count
        store = self._pictures if shown else self._parts
        finished = store.finished(first, count)
        made = {index: store.saved(first + index) for index in finished}
        self._watcher.next_request(first, count, request.steps * count)
        for picture in self._painted(request, finished):
            if shown:
                saved = self._pictures.save(first + picture.index, picture, self._folder, request=request)
                picture = replace(saved, pixels=saved.pixels[..., :3])  # what a run after a crash would read
            else:
                self._parts.save(first + picture.index, picture)
            made[picture.index] = picture
        self._has_painted = self._has_painted or bool(made)
        return [self._result(request, index, made.get(index)) for index in range(count)]

    def _result(self, request: Resolved, index: int, picture: FinishedPicture | None) -> PaintedResult:
        if picture is not None:
            return PaintedResult(picture.pixels, picture.infotext, index)
        width, height = sides_of(request, self._inputs.size)
        return PaintedResult(np.full((height, width, 3), 255, np.uint8), "", index, is_skipped=True)

    @contextmanager
    def until_interrupted(self) -> Iterator[None]:
        """See hooks.ScriptContext."""
        try:
            yield
        except Interrupted:
            if not self._has_painted or not self._watcher.winds_up():
                raise
            self.is_interrupted = True

    def _painted(self, request: Resolved, finished: frozenset[int]) -> Iterator[FinishedPicture]:
        try:
            yield from self._paint(request, self._watcher, finished)
        except Exception as error:
            self.fault = error
            raise

    def save_grid(self, pixels: np.ndarray, parameters: Mapping[str, str], *, request: Resolved | None = None) -> None:
        """See hooks.ScriptContext."""
        number = self._next
        self._next += 1
        if number in self._pictures.finished():
            return
        base = request or self._base
        infotext = self._describe(base, parameters)
        grid = FinishedPicture(number, pixels, infotext, base.seed_of(0))
        self._pictures.save(number, grid, self._grids, request=base, is_grid=True)

    def keep(self, pixels: np.ndarray) -> str:
        """See hooks.ScriptContext."""
        return self._inputs.add(Image.fromarray(pixels))

    def input_pixels(self, picture_id: str) -> np.ndarray:
        """See hooks.ScriptContext."""
        return np.asarray(self._inputs.get(picture_id).convert("RGB"))

    def check(self) -> None:
        """See hooks.ScriptContext."""
        self._watcher.check()

    def stage(self, text: str) -> None:
        """See hooks.ScriptContext."""
        self._watcher.stage(text)

    def plan(self, cells: int, steps: int | None = None) -> None:
        """See hooks.ScriptContext."""
        self._watcher.plan(cells, steps)
