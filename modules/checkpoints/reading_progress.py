"""How much of a model's files was read, for whoever waits: told between two tensors, like `interruption` asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar


def _nobody(count: int) -> None:
    """Nobody wants to know."""


_listener: ContextVar[Callable[[int], None]] = ContextVar("listener", default=_nobody)


@contextmanager
def counted(listener: Callable[[int], None]) -> Iterator[None]:
    """Within it, reading in this thread tells `listener` how many bytes of tensors came into memory."""
    before = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(before)


def tell_read(count: int) -> None:
    """Called by whatever reads."""
    _listener.get()(count)
