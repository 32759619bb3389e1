"""Which hooks of extensions are being called, and since when, so that one that does not come back can be named."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class OpenCalls:
    """The calls of one process."""

    def __init__(self) -> None:
        self._of_threads: dict[int, list[tuple[str, float]]] = {}

    @contextmanager
    def noted(self, title: str) -> Iterator[None]:
        """A call goes on as long as the block."""
        calls = self._of_threads.setdefault(threading.get_ident(), [])
        calls.append((title, time.monotonic()))
        try:
            yield
        finally:
            calls.pop()

    def latest(self, thread: int) -> tuple[str, float]:
        """The title of the call that a thread is in, and its seconds so far; "" and 0 where it is in none."""
        title, began = next(reversed(self._of_threads.get(thread, [])), ("", time.monotonic()))
        return title, time.monotonic() - began if title else 0.0
