"""Which calls into extensions are open, so that one that does not come back can be named."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count


class OpenCalls:
    """The calls of one process."""

    def __init__(self) -> None:
        self._of_threads: dict[int, list[tuple[str, int]]] = {}
        self._numbers = count(1)

    @contextmanager
    def noted(self, title: str) -> Iterator[None]:
        """A call goes on as long as the block."""
        calls = self._of_threads.setdefault(threading.get_ident(), [])
        calls.append((title, next(self._numbers)))
        try:
            yield
        finally:
            calls.pop()

    def latest(self, thread: int) -> tuple[str, int]:
        """The title and the number of the call that a thread is in; "" and 0 where it is in none."""
        return next(reversed(self._of_threads.get(thread, [])), ("", 0))
