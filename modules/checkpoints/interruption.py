"""Reading a model's files may take long: whoever has it read can stop that between any two big tensors or blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar


def _go_on() -> None:
    """Nobody wants to stop it."""


_check: ContextVar[Callable[[], None]] = ContextVar("check", default=_go_on)


@contextmanager
def interruptible(check: Callable[[], None]) -> Iterator[None]:
    """Within it, reading in this thread asks `check`, which raises to stop it."""
    before = _check.set(check)
    try:
        yield
    finally:
        _check.reset(before)


def check_interrupt() -> None:
    """Called by whatever reads. Raises what `check` raises."""
    _check.get()()
