"""What an upscaler tells its caller, and how the caller stops it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


def _nothing(*_: object) -> None:
    """Nobody listens."""


@dataclass(frozen=True)
class Listener:
    """Three calls; each may raise Interrupted.

    `check` comes before every tile, `tell` with a sentence for the person, `progress` with the share of the work that
    is done, 0 to 1.
    """

    check: Callable[[], None] = _nothing
    tell: Callable[[str], None] = _nothing
    progress: Callable[[float], None] = _nothing


SILENT = Listener()
