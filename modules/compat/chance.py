"""Python's `random` for one extension: what it draws for a picture follows from the picture's seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import local
from types import ModuleType
from typing import Any

from modules.hooks import drawn_seed


def source_of(*place: object) -> random.Random:
    """A generator whose draws follow from `place`."""
    return random.Random(drawn_seed(*place))


class Chance:
    """The generator that an extension's calls of `random` draw from, in each thread one of its own."""

    def __init__(self) -> None:
        self._of_thread = local()

    @contextmanager
    def drawing(self, source: random.Random) -> Iterator[None]:
        """What this thread draws meanwhile comes from `source`; afterwards it goes on where it was."""
        earlier = getattr(self._of_thread, "source", None)
        self._of_thread.source = source
        try:
            yield
        finally:
            self._of_thread.source = earlier

    def module(self) -> ModuleType:
        """What `import random` finds."""
        module = ModuleType("random")
        for name in random.__all__:
            value = getattr(random, name)
            is_drawing = isinstance(getattr(value, "__self__", None), random.Random)
            vars(module)[name] = self._drawing(name) if is_drawing else value
        return module

    def _drawing(self, name: str) -> Callable[..., Any]:
        def draw(*args: Any, **words: Any) -> Any:
            if getattr(self._of_thread, "source", None) is None:
                self._of_thread.source = random.Random()
            return getattr(self._of_thread.source, name)(*args, **words)

        return draw
