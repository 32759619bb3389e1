"""What a job needs on its way and that is none of its results.

Cells of a grid that do not stand alone, decisions, and which pictures people skipped.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from modules.config.files import write_atomically
from modules.imaging.encoding import encode_png
from modules.imaging.reading import load_picture, read_infotext
from modules.services.finished_picture import FinishedPicture

_DECISIONS = "decisions.jsonl"
_LEFT_OUT = "left_out.txt"
_KEPT_SECONDS = 30 * 24 * 3600
"""Those of a job that waits to go on; afterwards it begins anew."""


class JobParts:
    """Kept as files until the job is over, so that a job that was stopped does not paint them again."""

    def __init__(self, folder: Path, job_id: str) -> None:
        """Drops what jobs left there that never went on."""
        self._folder = folder / job_id
        for other in folder.iterdir() if folder.is_dir() else ():
            if other != self._folder and _age(other) > _KEPT_SECONDS:
                shutil.rmtree(other, ignore_errors=True)
        self._left_out = frozenset(map(int, self._lines(_LEFT_OUT)))

    def finished(self, first: int, count: int) -> frozenset[int]:
        """The places from 0 of those that are there, among the `count` ones from number `first` on."""
        return frozenset(place for place in range(count) if self._path(first + place).is_file())

    def saved(self, number: int) -> FinishedPicture:
        """One of them. Raises UnreadablePicture."""
        path = self._path(number)
        return FinishedPicture(number, np.asarray(load_picture(path).convert("RGB")), read_infotext(path), None)

    def save(self, number: int, picture: FinishedPicture) -> None:
        """Keep a picture as number `number`. Raises StorageFull."""
        write_atomically(self._path(number), encode_png(picture.pixels, picture.infotext))

    def decisions(self) -> list[str]:
        """What was decided so far, in order; a line that a crash cut off is none."""
        return self._lines(_DECISIONS)

    def decide(self, line: str) -> None:
        """Keep a decision, a text without line ends, so that the job decides alike when it is run again."""
        self._add(_DECISIONS, line + "\n")

    def leave_out(self, numbers: Iterable[int]) -> None:
        """Keep in mind that pictures of those numbers are not wanted."""
        new = sorted(set(numbers) - self._left_out)
        self._add(_LEFT_OUT, "".join(f"{number}\n" for number in new))
        self._left_out |= frozenset(new)

    def left_out(self, first: int, count: int) -> frozenset[int]:
        """The places from 0 of those, among the `count` ones from number `first` on."""
        return frozenset(number - first for number in self._left_out if first <= number < first + count)

    def clear(self) -> None:
        """Forget them all."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _lines(self, name: str) -> list[str]:
        path = self._folder / name
        return path.read_text("utf-8").split("\n")[:-1] if path.is_file() else []

    def _add(self, name: str, text: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / name).open("a", encoding="utf-8") as file:
            file.write(text)

    def _path(self, number: int) -> Path:
        return self._folder / f"{number}.png"


def _age(path: Path) -> float:
    """Seconds since something was added to a folder; none for one that another job just dropped."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0
