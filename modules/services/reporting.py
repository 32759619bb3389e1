"""Turns what a running task tells into events of its job."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

from modules.schema.events import JobEvent, Preview, Progress, Stage
from modules.services.preview_making import PreviewMaker

if TYPE_CHECKING:
    from modules.diffusion.previews import StepPreview
    from modules.pipeline.watcher import Watcher


class Reporter:
    """A pipeline Watcher that sends events, and passes what people ask of the job on to the task.

    Previews are sent by a thread of their own, which ends with the context manager.
    """

    def __init__(
        self,
        job_id: str,
        send: Callable[[JobEvent], object],
        check: Callable[[], None],
        *,
        preview_every: int | None,
        watched: Callable[[], bool],
    ) -> None:
        """`preview_every` so many steps, None for never, and only while `watched` says that somebody looks."""
        self._job_id = job_id
        self._send = send
        self._check = check
        self._preview_every = preview_every
        self._watched = watched
        self._previews = PreviewMaker(self._send_preview)
        self._sampling_since = time.monotonic()
        self._done = 0
        self._done_before = 0

    def check(self) -> None:
        """Stop the job if somebody wants that."""
        self._check()

    def stage(self, text: str) -> None:
        """Tell that the job does something without steps."""
        self._check()
        self._send(Stage(job_id=self._job_id, text=text))
        self._sampling_since = time.monotonic()
        self._done_before = self._done

    def step(self, done: int, total: int, preview: StepPreview) -> None:
        """Tell that one more step is over, and hand it over for a preview."""
        self._check()
        now = time.monotonic()
        self._done = done
        timed = max(1, done - self._done_before)  # those since the last stage, whose own time is not a step's
        seconds_left = (now - self._sampling_since) / timed * (total - done)
        self._send(Progress(job_id=self._job_id, step=done, steps=total, seconds_left=seconds_left))
        every = self._preview_every
        if every is not None and done % every == 0 and self._watched():
            self._previews.offer(preview, done)

    def _send_preview(self, jpeg: bytes, step: int) -> None:
        self._send(Preview(job_id=self._job_id, jpeg=jpeg, step=step))

    def close(self) -> None:
        """No preview is sent after this."""
        self._previews.close()

    def __enter__(self) -> Reporter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class PlannedWatcher:
    """A Watcher for several requests in a row: their steps are told as one count."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._cells = 1
        self._steps: int | None = None
        self._cells_done = -1
        self._steps_done = 0
        self._steps_of_cell = 0

    def plan(self, cells: int, steps: int | None) -> None:
        """So many requests will follow, and so many steps in all if that is known."""
        self._cells, self._steps = cells, steps

    def next_cell(self, steps: int) -> None:
        """The next request begins; `steps` is its share of those that were planned."""
        self._cells_done += 1
        self._steps_done += self._steps_of_cell
        self._steps_of_cell = steps

    def check(self) -> None:
        """See Watcher."""
        self._watcher.check()

    def stage(self, text: str) -> None:
        """See Watcher."""
        self._watcher.stage(text)

    def step(self, done: int, total: int, preview: StepPreview) -> None:
        """See Watcher; requests whose steps were not told count as many as the present one."""
        if self._steps is None:
            done, total = self._cells_done * total + done, max(self._cells, self._cells_done + 1) * total
        else:
            done = max(1, self._steps_done + self._steps_of_cell * done // total)
            total = max(self._steps, done)
        self._watcher.step(done, total, preview)
