"""What a job needs on its way and that is none of its results: cells of a grid that shall stand alone, decisions."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from modules.config.files import write_atomically
from modules.imaging.encoding import encode_png
from modules.imaging.reading import load_picture, read_infotext
from modules.services.job_pictures import FinishedPicture

_DECISIONS = "decisions.jsonl"


class JobParts:
    """Kept as files until the job is over, so that a job that was stopped does not paint them again."""

    def __init__(self, folder: Path, job_id: str) -> None:
        """Drops what jobs left there that were cancelled or that failed: a stopped one goes on before any other."""
        self._folder = folder / job_id
        for other in folder.iterdir() if folder.is_dir() else ():
            if other != self._folder:
                shutil.rmtree(other, ignore_errors=True)

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
        path = self._folder / _DECISIONS
        return path.read_text("utf-8").split("\n")[:-1] if path.is_file() else []

    def decide(self, line: str) -> None:
        """Keep a decision, a text without line ends, so that the job decides alike when it is run again."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / _DECISIONS).open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def clear(self) -> None:
        """Forget them all."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _path(self, number: int) -> Path:
        return self._folder / f"{number}.png"
