"""Where recordings of jobs lie, and how many of them are kept."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

RECORDING = "recording.json"
MOST_JOBS = 30
MOST_BYTES = 256 << 20
KEPT_SECONDS = 7 * 24 * 3600


@dataclass(frozen=True)
class _Kept:
    path: Path
    changed: float
    size: int


class RecordingFolders:
    """A folder for each recorded job, below the cache; the oldest go when there are too many, or too much in them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of_job(self, job_id: str) -> Path:
        """That of a job, which need not exist."""
        if not job_id.isalnum():
            raise ValueError(f"{job_id!r} is no id of a job.")
        return self._folder / job_id

    def jobs(self) -> list[str]:
        """The ids of the jobs of which something is kept, the newest first."""
        return [one.path.name for one in self._kept() if (one.path / RECORDING).is_file()]

    def make_room(self, *, for_job: str = "") -> None:
        """Delete what is too old or too much; a job that is being recorded counts, and stays."""
        total, count, oldest = 0, 0, time.time() - KEPT_SECONDS
        for one in self._kept():
            count, total = count + 1, total + one.size
            is_too_much = count > MOST_JOBS or total > MOST_BYTES or one.changed < oldest
            if is_too_much and one.path.name != for_job:
                shutil.rmtree(one.path, ignore_errors=True)
                count, total = count - 1, total - one.size

    def _kept(self) -> list[_Kept]:
        folders = [path for path in self._folder.iterdir() if path.is_dir()] if self._folder.is_dir() else []
        return sorted(filter(None, map(_look, folders)), key=lambda one: one.changed, reverse=True)


def _look(folder: Path) -> _Kept | None:
    """None for one that somebody just deleted."""
    try:
        return _Kept(folder, folder.stat().st_mtime, sum(file.stat().st_size for file in folder.iterdir()))
    except OSError:
        return None
