"""What a running task tells its caller, and how the caller stops it or has it leave something out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from modules.diffusion.previews import StepPreview


class Watcher(Protocol):
    """Called by the task; `check`, `stage` and `step` may raise Interrupted, and Skipped within a part."""

    def check(self) -> None:
        """Nothing new is to be told; called before each call of a network."""

    def stage(self, text: str) -> None:
        """The task now does something that has no steps."""

    def step(self, done: int, total: int, preview: StepPreview) -> None:
        """`done` of `total` network steps of the whole request are over.

        `preview` gives the batch as it looks now; it is called before the next step or, once it is kept, any time.
        """


class PartWatcher(Watcher, Protocol):
    """Knows besides of the parts of a request, each of which may be left out."""

    def part(self, indices: Sequence[int]) -> AbstractContextManager[None]:
        """Around the making of those pictures. A skip ends it, and what comes after it goes on.

        Raises Interrupted where it is not to begin.
        """

    def left_out(self) -> frozenset[int]:
        """The indices of the request's pictures that were skipped."""

    def keeps_unfinished(self) -> bool:
        """Whether pictures that are stopped in the middle are wanted as they are; nothing stops their decoding then.

        Asked after Interrupted or Skipped, within the part.
        """


class Unwatched:
    """A PartWatcher that lets the task run to its end."""

    def check(self) -> None:
        """See Watcher."""

    def stage(self, text: str) -> None:
        """See Watcher."""

    def step(self, done: int, total: int, preview: StepPreview) -> None:
        """See Watcher."""

    @contextmanager
    def part(self, indices: Sequence[int]) -> Iterator[None]:
        """See PartWatcher."""
        yield

    def left_out(self) -> frozenset[int]:
        """See PartWatcher."""
        return frozenset()

    def keeps_unfinished(self) -> bool:
        """See PartWatcher."""
        return False
