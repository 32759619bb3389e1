"""Makes the previews of a job in a thread of its own, within a bound on what they may cost."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

from modules.imaging.encoding import encode_preview

if TYPE_CHECKING:
    from modules.diffusion.previews import StepPreview

log = logging.getLogger(__name__)

SHARE = 0.02
"""Of the time, at most, goes into previews: on a processor they take it from the sampler."""
SECONDS_BETWEEN_PREVIEWS = 0.2
_PIXELS_PER_CELL = 8
_FAILED = "A preview failed; this job goes on without"


class PreviewMaker:
    """Turns the newest step into a JPEG and sends it; older steps that wait are dropped.

    A preview that fails is logged, and the job has no more of them.
    """

    def __init__(self, send: Callable[[bytes, int], None]) -> None:
        """`send` is given the JPEG and its step, by either thread."""
        self._send = send
        self._news = threading.Condition()
        self._pending: tuple[StepPreview, int] | None = None
        self._thread: threading.Thread | None = None
        self._ended = False
        self._made = 0
        self._due = 0.0

    def offer(self, preview: StepPreview, step: int) -> None:
        """Take a step, by the sampler's thread. Returns at once, unless the preview needs the job's own networks."""
        if self._ended:
            return
        if preview.uses_model:
            if time.monotonic() >= self._due:
                self._make(preview, step)
            return
        try:
            kept = preview.keep()
        except Exception:
            log.exception(_FAILED)
            self._give_up()
            return
        with self._news:
            self._pending = (kept, step)
            if self._thread is None:
                self._thread = threading.Thread(target=self._loop, name="previews", daemon=True)
                self._thread.start()
            self._news.notify()

    def close(self) -> None:
        """Make no more; returns when the one that is being made is sent."""
        with self._news:
            self._ended, self._pending = True, None
            self._news.notify()
        if self._thread is not None:
            self._thread.join()

    def __enter__(self) -> PreviewMaker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _loop(self) -> None:
        while (taken := self._next()) is not None:
            self._make(*taken)

    def _next(self) -> tuple[StepPreview, int] | None:
        """The newest step, once a preview is due; None at the end."""
        with self._news:
            while not self._ended:
                left = self._due - time.monotonic()
                if self._pending is not None and left <= 0:
                    taken, self._pending = self._pending, None
                    return taken
                self._news.wait(None if self._pending is None else left)
            return None

    def _make(self, preview: StepPreview, step: int) -> None:
        try:
            preview.wait()
            started = time.monotonic()
            self._send(encode_preview(preview().numpy(), scale=_PIXELS_PER_CELL), step)
        except Exception:
            log.exception(_FAILED)
            self._give_up()
            return
        now = time.monotonic()
        self._made += 1
        # The first one loads what later ones find loaded, and says nothing of what they take.
        rest = 0.0 if self._made == 1 else (now - started) / SHARE
        self._due = max(started + SECONDS_BETWEEN_PREVIEWS, now + rest)

    def _give_up(self) -> None:
        """A preview is a kindness: whatever is wrong with it is none of the job's business."""
        with self._news:
            self._ended, self._pending = True, None
