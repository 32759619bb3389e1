"""Turns what a running task tells into events of its job."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from modules.imaging.encoding import encode_preview
from modules.schema.events import JobEvent, Preview, Progress, Stage

if TYPE_CHECKING:
    import torch

    from modules.pipeline.watcher import Watcher

_SECONDS_BETWEEN_PREVIEWS = 0.2


class Reporter:
    """A pipeline Watcher that sends events, and passes an interrupt on to the task."""

    def __init__(
        self,
        job_id: str,
        send: Callable[[JobEvent], None],
        check_interrupt: Callable[[], None],
        *,
        preview_every: int | None,
    ) -> None:
        self._job_id = job_id
        self._send = send
        self._check_interrupt = check_interrupt
        self._preview_every = preview_every
        self._sampling_since = time.monotonic()
        self._done = 0
        self._done_before = 0
        self._last_preview = float("-inf")

    def check(self) -> None:
        """Stop the job if somebody wants that."""
        self._check_interrupt()

    def stage(self, text: str) -> None:
        """Tell that the job does something without steps."""
        self._check_interrupt()
        self._send(Stage(job_id=self._job_id, text=text))
        self._sampling_since = time.monotonic()
        self._done_before = self._done

    def step(self, done: int, total: int, preview: Callable[[], torch.Tensor]) -> None:
        """Tell that one more step is over, with a preview if one is due."""
        self._check_interrupt()
        now = time.monotonic()
        self._done = done
        timed = max(1, done - self._done_before)  # those since the last stage, whose own time is not a step's
        seconds_left = (now - self._sampling_since) / timed * (total - done)
        self._send(Progress(job_id=self._job_id, step=done, steps=total, seconds_left=seconds_left))
        if self._preview_is_due(done, now):
            self._last_preview = now
            jpeg = encode_preview(preview().numpy(), scale=8)
            self._send(Preview(job_id=self._job_id, jpeg=jpeg, step=done))

    def _preview_is_due(self, done: int, now: float) -> bool:
        every = self._preview_every
        return every is not None and done % every == 0 and now - self._last_preview >= _SECONDS_BETWEEN_PREVIEWS


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

    def step(self, done: int, total: int, preview: Callable[[], torch.Tensor]) -> None:
        """See Watcher; requests whose steps were not told count as many as the present one."""
        if self._steps is None:
            done, total = self._cells_done * total + done, max(self._cells, self._cells_done + 1) * total
        else:
            done = max(1, self._steps_done + self._steps_of_cell * done // total)
            total = max(self._steps, done)
        self._watcher.step(done, total, preview)
