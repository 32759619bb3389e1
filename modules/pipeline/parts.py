"""The parts of a request: batches, each of which may be skipped, and kept as far as it was when it was stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from modules.errors import Interrupted, Skipped
from modules.pipeline.progress import Progress
from modules.pipeline.resources import PaintedPicture, Resources

Paint = Callable[[list[int]], Iterator[PaintedPicture]]
"""Gives the pictures of those indices."""


def in_parts(
    batches: Iterable[list[int]],
    paint: Paint,
    resources: Resources,
    progress: Progress,
    *,
    runs: Sequence[int],
    unfinished: Paint = lambda _: iter(()),
) -> Iterator[PaintedPicture]:
    """The pictures of all batches but those that are skipped; `runs` of a sampler are made for each.

    `unfinished` gives pictures as they are when they are stopped, where they are wanted. Raises Interrupted.
    """
    begun = 0
    for batch, own_runs in zip(batches, runs, strict=True):
        with resources.watcher.part(batch):
            resources.watcher.check()
            progress.go_to(begun)
            missing = list(batch)
            try:
                for picture in paint(batch):
                    missing.remove(picture.index)
                    yield picture
            except (Interrupted, Skipped):
                if missing and resources.watcher.keeps_unfinished():
                    yield from unfinished(missing)
                raise
        begun += own_runs
