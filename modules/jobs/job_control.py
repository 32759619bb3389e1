"""What people ask of one running job: to end, now or after its current part, and to skip that part.

A worker makes one JobControl for each job that it begins and gives it to what runs the job: `run_job(job, control)`.
Any thread may ask (`interrupt`, `skip`, `stop`); the thread that runs the job obeys (`part`, `check`). A job is one
part after another: what is made at once, such as a batch of pictures.

    worker: control.interrupt(how) -> the job raises Interrupted -> control.is_interrupted: "cancelled"
    worker: control.stop()         -> the job raises Interrupted -> not is_interrupted: back into the queue
    worker: control.skip()         -> the job leaves its part out by itself and goes on: nothing to do for the worker

A job that ended without an exception is done, whatever was asked for meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from modules.errors import Interrupted, Skipped

HowToInterrupt = Literal["now", "after_current"]
Wish = Literal["now", "after_current", "skip"]
"""To end so, or to leave a part out."""


class JobControl:
    """The wishes for one job; all but `part` and `check` may be called by any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now = False
        self._after_current = False
        self._stop = False
        self._skip = False
        self._settled = False
        self._in_part = False
        self._only_part = False

    def interrupt(self, how: HowToInterrupt = "now") -> None:
        """End the job for good: within one step, or when its current part is finished.

        Asked twice it ends now, and so does a job of one part, which has nothing to leave out.
        """
        with self._lock:
            self._now = self._now or how == "now" or self._after_current
            self._after_current = True
            self._settled = False

    def skip(self) -> None:
        """Leave the current part out, within one step; where none has begun, the next one."""
        with self._lock:
            self._skip = True

    def stop(self) -> None:
        """End the job within one step, to be run again later: the server stops."""
        with self._lock:
            self._stop = True
            self._settled = False

    @property
    def is_interrupted(self) -> bool:
        """Whether somebody wants the job to end for good, now or soon."""
        return self._after_current

    @property
    def is_stopping(self) -> bool:
        """Whether the job has to make room at once, and will be run again."""
        return self._stop and not self._after_current

    @property
    def is_due(self) -> bool:
        """Whether the job has to end within one step; what does not is hanging."""
        with self._lock:
            return self._ends_now()

    def settle(self) -> bool:
        """Let the job keep what there is, once it was interrupted or skipped; False where it has to make room at once.

        From then on `check` is silent until something else is asked for. No further part begins all the same.
        """
        with self._lock:
            if self._stop:
                return False
            self._settled = True
            self._skip = False
            return True

    @contextmanager
    def part(self, *, only: bool = False) -> Iterator[None]:
        """One part of the job; `only` where it has no other. Raises Interrupted where it is not to begin.

        Whoever catches Skipped around it goes on with the next part. A skip ends with the part that it was meant for.
        """
        with self._lock:
            if self._now or self._stop or self._after_current:
                raise Interrupted
            self._in_part, self._only_part, self._settled = True, only, False
        try:
            yield
        finally:
            with self._lock:
                self._in_part = self._skip = False

    def check(self) -> None:
        """Raises Interrupted where the job is to end now, and Skipped where the current part is to be left out."""
        with self._lock:
            if self._ends_now():
                raise Interrupted
            if self._skip and self._in_part:
                raise Skipped

    def wants_end_after_current(self) -> bool:
        """Whether the current part is to be the last."""
        return self._after_current

    def _ends_now(self) -> bool:
        """After the current part is now, between two parts and where there is only one."""
        unfinished = self._in_part and not self._only_part
        return not self._settled and (self._now or self._stop or (self._after_current and not unfinished))
