"""The PartWatcher of a whole job: obeys what people ask of the job, and knows which of its pictures they skipped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from modules.errors import Skipped
from modules.jobs.job_control import JobControl
from modules.services.job_parts import JobParts
from modules.services.reporting import PlannedWatcher

if TYPE_CHECKING:
    from modules.diffusion.previews import StepPreview


class JobWatcher:
    """A PartWatcher of the pipeline for all requests of a job, whose pictures are numbered over the whole job.

    It tells `listener` how far they are, and keeps with the `parts` of the job what was skipped, so that a job that is
    run again does not make it either.
    """

    def __init__(
        self, listener: PlannedWatcher, control: JobControl, parts: JobParts, *, keep_unfinished: bool = False
    ) -> None:
        self._listener = listener
        self._control = control
        self._parts = parts
        self._keep_unfinished = keep_unfinished
        self._several_requests = False
        self._first = 0
        self._count = 1

    def plan(self, requests: int, steps: int | None) -> None:
        """So many requests will follow, and so many steps in all if that is known; by default one."""
        self._several_requests = requests > 1
        self._listener.plan(requests, steps)

    def next_request(self, first: int, count: int, steps: int) -> None:
        """A request of `count` pictures begins, the first of which has number `first`; `steps` are those of all."""
        self._first, self._count = first, count
        self._listener.next_cell(steps)

    def check(self) -> None:
        """See Watcher."""
        self._listener.check()

    def stage(self, text: str) -> None:
        """See Watcher."""
        self._listener.stage(text)

    def step(self, done: int, total: int, preview: StepPreview) -> None:
        """See Watcher."""
        self._listener.step(done, total, preview)

    @contextmanager
    def part(self, indices: Sequence[int]) -> Iterator[None]:
        """See PartWatcher; an interrupt after the current part comes at its end, unless the job has no other."""
        try:
            with self._control.part(only=not self._several_requests and len(indices) == self._count):
                yield
        except Skipped:
            self._parts.leave_out(self._first + index for index in indices)

    def left_out(self) -> frozenset[int]:
        """See PartWatcher."""
        return self._parts.left_out(self._first, self._count)

    def keeps_unfinished(self) -> bool:
        """See PartWatcher."""
        return self._keep_unfinished and self._control.settle()

    def winds_up(self) -> bool:
        """Whether an interrupted job may still put together what it has; then nothing stops that."""
        return self._control.settle()
