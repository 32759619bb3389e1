"""The pictures of one job: those that an earlier server saved for it, and those that are saved now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from modules.config.settings_table import Settings
from modules.errors import OutOfMemory
from modules.gallery.places import file_of
from modules.gallery.records import PictureRecords
from modules.gallery.store import PictureStore
from modules.hooks import Plugins
from modules.imaging.reading import load_picture
from modules.schema.events import JobEvent, PictureSaved
from modules.schema.pictures import Picture
from modules.schema.requests import Resolved
from modules.services.finished_picture import FinishedPicture, FinishedSide
from modules.services.picture_files import PictureFile, PictureFiles
from modules.services.saving_hooks import SavingHooks

_NO_FOLDER = "."


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
        files: PictureFiles | None = None,
        hooks: SavingHooks | None = None,
    ) -> None:
        """Tells of the pictures that are there already; records whose files are gone are dropped.

        The pictures are those of `user`; `files` says what they are written as; `hooks` are asked about each.
        """
        self._hooks = hooks or SavingHooks(Plugins(()), job_id)
        self._files = files or PictureFiles(Settings(), user=user)
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
        pixels = np.asarray(load_picture(file_of(picture, self._outputs)).convert("RGB"))
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
        request: Resolved | None = None,
        is_grid: bool = False,
    ) -> FinishedPicture:
        """Store a picture as number `number` of the job, with further texts by their keys; the picture as it is saved.

        `request` is what made it, or made what is in a grid. `name` and `subfolder` go before what the settings say
        of its path. Raises StorageFull, OutOfMemory.
        """
        picture = self._hooks.before(number, picture, request, is_grid=is_grid)
        height, width = picture.pixels.shape[:2]
        file = self._file(picture, request, texts, is_grid=is_grid)
        saved = self._store.save(
            file.content,
            folder=folder,
            width=width,
            height=height,
            seed=picture.seed,
            infotext=picture.infotext,
            job_id=self._job_id,
            index=number,
            name=name or file.name,
            subfolder=subfolder or file.subfolder,
            user=self._user,
            stem=file.stem,
            suffix=file.suffix,
        )
        self._files.write_text(picture.infotext, file_of(saved, self._outputs))
        for side in picture.sides:
            self._save_side(side, picture, self._outputs / saved.path, request)
        self._take_in(saved)
        self._hooks.after(saved, file_of(saved, self._outputs), number, request, is_grid=is_grid)
        return picture

    def _save_side(self, side: FinishedSide, picture: FinishedPicture, place: Path, request: Resolved | None) -> None:
        """Store what belongs to a picture beside its file; it counts as no picture of the job."""
        height, width = side.pixels.shape[:2]
        file = self._file(FinishedPicture(picture.index, side.pixels, side.infotext, picture.seed), request, None)
        self._store.save(
            file.content,
            folder=place.parent,
            width=width,
            height=height,
            seed=picture.seed,
            infotext=side.infotext,
            job_id=None,
            index=None,
            name=f"{place.stem}-{side.kind}",
            subfolder=_NO_FOLDER,
            user=self._user,
            suffix=file.suffix,
        )

    def _take_in(self, picture: Picture) -> None:
        if picture.index is not None:
            self._saved[picture.index] = picture
        self._send(PictureSaved(job_id=self._job_id, picture=picture))

    def _file(
        self,
        picture: FinishedPicture,
        request: Resolved | None,
        texts: Mapping[str, str] | None,
        *,
        is_grid: bool = False,
    ) -> PictureFile:
        try:
            return self._files.of(picture, request, texts, is_grid=is_grid)
        except MemoryError as error:
            height, width = picture.pixels.shape[:2]
            raise OutOfMemory(
                f"The finished picture of {width} x {height} could not be saved: the computer's memory is full. "
                "Close other programs, or make it smaller."
            ) from error
