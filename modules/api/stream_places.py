"""How many event streams may be open at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from modules.services.accounts import Visitor

MOST = 200
MOST_OF_A_VISITOR = 50
_SECONDS_BETWEEN_PROGRESS = 0.1
_MOST_MESSAGES_A_SECOND = 300


class NoPlace(Exception):
    """Too many streams are open; str() is a sentence."""


class StreamPlaces:
    """The open streams; used by one event loop."""

    def __init__(self, most: int = MOST, most_of_a_visitor: int = MOST_OF_A_VISITOR) -> None:
        """The second bound is for visitors who are no owners."""
        self._most = most
        self._most_of_a_visitor = most_of_a_visitor
        self._of: Counter[str] = Counter()

    @contextmanager
    def place(self, visitor: Visitor) -> Iterator[None]:
        """Around the life of a stream. Raises NoPlace."""
        if self._of.total() >= self._most:
            raise NoPlace(f"{self._most} event streams are open, which is the most. Close one, or try again later.")
        if not visitor.is_owner and self._of[visitor.name] >= self._most_of_a_visitor:
            raise NoPlace(f"You have {self._most_of_a_visitor} event streams open, which is the most. Close one.")
        self._of[visitor.name] += 1
        try:
            yield
        finally:
            self._of[visitor.name] -= 1
            self._of += Counter()  # who has none is forgotten

    def rest(self) -> float:
        """Seconds between two messages of progress on each stream, so that all together leave time for the work."""
        return max(_SECONDS_BETWEEN_PROGRESS, self._of.total() / _MOST_MESSAGES_A_SECOND)
