"""The pictures of one job: those that an earlier server saved for it, and those that are saved now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from modules.errors import OutOfMemory
from modules.gallery.records import PictureRecords
from modules.gallery.store import PictureStore
from modules.imaging.encoding import encode_png
from modules.imaging.reading import load_picture
from modules.schema.events import JobEvent, PictureSaved
from modules.schema.pictures import Picture


@dataclass(frozen=True)
class FinishedPicture:
    """Picture `index` of a request, (height, width, 3) or with alpha (height, width, 4), uint8, and its infotext."""

    index: int
    pixels: np.ndarray
    infotext: str
    seed: int | None


class JobPictures:
    """Saves pictures under the numbers of a job, each once; tells of each."""

    def __init__(
        self,
        job_id: str,
        store: PictureStore,
        records: PictureRecords,
        outputs: Path,
        send: Callable[[JobEvent], object],
        *,
        user: str = "",
    ) -> None:
        """Tells of the pictures that are there already; records whose files are gone are dropped.

        The pictures are those of `user`.
        """
        self._job_id = job_id
        self._user = user
        self._store = store
        self._outputs = outputs
        self._send = send
        store.forget_missing(job_id)
        self._saved: dict[int, Picture] = {}
        for picture in records.of_job(job_id):
            self._take_in(picture)

    def finished(self, first: int = 0, count: int | None = None) -> frozenset[int]:
        """The places from 0 of those pictures that are saved, among the `count` ones from number `first` on."""
        last = float("inf") if count is None else first + count
        return frozenset(number - first for number in self._saved if first <= number < last)

    def saved(self, number: int) -> FinishedPicture:
        """A picture that is saved, with its pixels. Raises UnreadablePicture."""
        picture = self._saved[number]
        pixels = np.asarray(load_picture(self._outputs / picture.path).convert("RGB"))
        return FinishedPicture(number, pixels, picture.infotext, picture.seed)

    def save(
        self,
        number: int,
        picture: FinishedPicture,
        folder: Path,
        *,
        texts: Mapping[str, str] | None = None,
        name: str | None = None,
        subfolder: str | None = None,
    ) -> Picture:
        """Store a picture as number `number` of the job, with further texts by their keys.

        `name` and `subfolder` take the place of a number and a date in its path. Raises StorageFull, OutOfMemory.
        """
        height, width = picture.pixels.shape[:2]
        saved = self._store.save(
            _encoded(picture, texts),
            folder=folder,
            width=width,
            height=height,
            seed=picture.seed,
            infotext=picture.infotext,
            job_id=self._job_id,
            index=number,
            name=name,
            subfolder=subfolder,
            user=self._user,
        )
        self._take_in(saved)
        return saved

    def _take_in(self, picture: Picture) -> None:
        if picture.index is not None:
            self._saved[picture.index] = picture
        self._send(PictureSaved(job_id=self._job_id, picture=picture))


def _encoded(picture: FinishedPicture, texts: Mapping[str, str] | None) -> bytes:
    try:
        return encode_png(picture.pixels, picture.infotext, texts)
    except MemoryError as error:
        height, width = picture.pixels.shape[:2]
        raise OutOfMemory(
            f"The finished picture of {width} x {height} could not be saved: the computer's memory is full. "
            "Close other programs, or make it smaller."
        ) from error
