"""Counts the starts that ended before anybody could use the server: extensions are left out after two in a row."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from modules.config.files import write_atomically

MOST_FAILURES = 2
SAFE_MODE = (
    f"The last {MOST_FAILURES} starts ended before the page was there, so this one takes in no extension. "
    "Switch off the one that you added or changed last, and start again."
)


class StartCount:
    """Starts of one data folder that nobody finished. Only whoever holds the folder may use it."""

    def __init__(self, file: Path) -> None:
        self._file = file

    @property
    def is_safe_mode(self) -> bool:
        """Whether so many failed in a row that extensions are to be left out."""
        return self._failures() >= MOST_FAILURES

    def begin(self) -> None:
        """A start; it counts as failed until `finish`, which a process that is killed or hangs never comes to."""
        with suppress(OSError):  # a disk that cannot be written is told by what needs it
            write_atomically(self._file, f"{self._failures() + 1}\n".encode())

    def finish(self) -> None:
        """It is at work, or was ended in order."""
        with suppress(OSError):
            self._file.unlink()

    def _failures(self) -> int:
        try:
            return int(self._file.read_text("ascii"))
        except (OSError, ValueError):
            return 0
