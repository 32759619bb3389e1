"""Keeps what was recorded of a job's pictures: small JPEGs of each step, sheets of word maps, and what they are.

All maps of a run's words are one PNG: a column for each word, a row for each step below a row of their means.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from modules.config.files import write_atomically
from modules.errors import StorageFull
from modules.imaging.encoding import encode_png, encode_preview
from modules.services.look_inside_folders import RECORDING, RecordingFolders

if TYPE_CHECKING:
    from modules.pipeline.run_recording import RecordedRun, RecordedStep

log = logging.getLogger(__name__)

MOST_PICTURES = 4
"""Of a job."""
_SIDE = 256
_RAMP = np.array([(8, 8, 24), (92, 32, 130), (232, 96, 60), (255, 246, 190)], dtype=np.float32)
"""Colours from no difference to the largest one."""


class RecordingWriter:
    """A `pipeline.run_recording.Recorder` that writes into the folder of a job.

    A recording is a kindness: where it cannot be written the pictures are painted all the same.
    """

    def __init__(self, folders: RecordingFolders, job_id: str) -> None:
        """Begins anew: what an earlier attempt at the job recorded is dropped."""
        self._folders = folders
        self._job_id = job_id
        self._folder = folders.of_job(job_id)
        shutil.rmtree(self._folder, ignore_errors=True)
        self._runs: list[dict[str, Any]] = []

    def wants(self, index: int) -> bool:
        """See Recorder."""
        return index < MOST_PICTURES

    def keep(self, run: RecordedRun) -> None:
        """See Recorder."""
        try:
            self._write(run)
            self._folders.make_room(for_job=self._job_id)
        except (OSError, StorageFull):
            log.warning("Picture %d of job %s could not be recorded", run.index, self._job_id, exc_info=True)

    def _write(self, run: RecordedRun) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        name = f"{run.index}-{len(self._runs)}"
        largest = max(float(step.difference.max()) for step in run.recorded)
        told = {
            "index": run.index,
            "is_second": run.is_second,
            "model": run.model,
            "sampler": run.sampler,
            "scheduler": run.scheduler,
            "steps": run.steps,
            "recorded": [self._step(name, step, largest) for step in run.recorded],
            "words": [{"part": key[0], "text": key[1], "weight": weight} for key, weight in run.words],
            "sheet": self._sheet(name, run),
            "problem": run.problem,
        }
        self._runs.append(told)
        content = json.dumps({"job_id": self._job_id, "runs": self._runs}, allow_nan=False)
        write_atomically(self._folder / RECORDING, content.encode())

    def _step(self, name: str, step: RecordedStep, largest: float) -> dict[str, Any]:
        pictures: dict[str, np.ndarray] = {str(sight): pixels for sight, pixels in step.sights.items()}
        pictures["difference"] = _coloured(step.difference, largest)
        files = {}
        for sight, pixels in pictures.items():
            files[sight] = f"{name}-{step.number}-{sight}.jpg"
            (self._folder / files[sight]).write_bytes(_small_jpeg(pixels))
        return {
            "number": step.number,
            "sigma": step.sigma,
            "guidance": float(step.difference.mean()),
            "files": files,
        }

    def _sheet(self, name: str, run: RecordedRun) -> dict[str, Any] | None:
        """The maps of the words; None where there are none."""
        keys = [key for key, _ in run.words]
        shapes = {one.shape for step in run.recorded for one in step.words.values()}
        if not keys or len(shapes) != 1:
            return None
        height, width = shapes.pop()
        rows = [[_mean([step.words[key] for step in run.recorded if key in step.words]) for key in keys]]
        rows += [[step.words.get(key) for key in keys] for step in run.recorded]
        blank = np.zeros((height, width), np.uint8)
        cells = [[blank if one is None else _stretched(one) for one in row] for row in rows]
        file = f"{name}-words.png"
        (self._folder / file).write_bytes(encode_png(np.block(cells), ""))
        centres = [_centre(one) for one in rows[0]]
        return {"file": file, "width": width, "height": height, "centres": centres}


def read_recording(folder: Path) -> dict[str, Any] | None:
    """What is told of a recording; None where there is none that can be read."""
    try:
        content = json.loads((folder / RECORDING).read_bytes())
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def files_of(recording: dict[str, Any]) -> set[str]:
    """The names of the files that a recording consists of."""
    names = {name for run in recording["runs"] for step in run["recorded"] for name in step["files"].values()}
    return names | {run["sheet"]["file"] for run in recording["runs"] if run["sheet"] is not None}


def _small_jpeg(pixels: np.ndarray) -> bytes:
    return encode_preview(pixels[None], scale=max(1, round(_SIDE / max(pixels.shape[:2]))))


def _coloured(difference: np.ndarray, largest: float) -> np.ndarray:
    """A map as colours, (height, width, 3), uint8."""
    shares = difference / largest if largest > 0 else np.zeros_like(difference)
    places = np.linspace(0, 1, len(_RAMP))
    channels = [np.interp(shares, places, _RAMP[:, channel]) for channel in range(3)]
    return np.stack(channels, axis=-1).round().astype(np.uint8)


def _mean(maps: Sequence[np.ndarray]) -> np.ndarray | None:
    return np.mean(maps, axis=0) if maps else None


def _stretched(one: np.ndarray) -> np.ndarray:
    """From 0 where the network looked least for a word to 255 where it looked most."""
    lowest, highest = float(one.min()), float(one.max())
    if highest <= lowest:
        return np.zeros(one.shape, np.uint8)
    stretched: np.ndarray = ((one - lowest) / (highest - lowest) * 255).round().astype(np.uint8)
    return stretched


def _centre(one: np.ndarray | None) -> tuple[float, float] | None:
    """Where the middle of what stands out of a map is, from the left and from the top, each 0 to 1."""
    if one is None or float(one.max()) <= float(one.min()):
        return None
    above = np.clip(one - one.mean(), 0, None)
    rows, columns = np.mgrid[0 : one.shape[0], 0 : one.shape[1]] + 0.5
    total = float(above.sum())
    return float((above * columns).sum() / total / one.shape[1]), float((above * rows).sum() / total / one.shape[0])
