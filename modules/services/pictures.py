"""Use cases of finished pictures."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from modules.config.database import Database
from modules.config.paths import Paths
from modules.errors import InvalidRequest, NotFound
from modules.gallery.adopted_folders import AdoptedFolders
from modules.gallery.bin import PictureBin
from modules.gallery.facets import Facets, facets_of
from modules.gallery.foreign.extension_readers import ExtensionReaders
from modules.gallery.outline import outline_of
from modules.gallery.places import file_of
from modules.gallery.reconciliation import reconcile
from modules.gallery.records import PictureRecords
from modules.gallery.search import Order, PictureSearch, cursor_of
from modules.gallery.store import PictureStore
from modules.gallery.thumbnails import thumbnail_of
from modules.schema.pictures import MOST_STARS, Picture
from modules.services.picture_reading import PictureReader, PictureReading

MOST_CHANGED = 5_000
"""Pictures at once."""


@dataclass(frozen=True)
class FoundPictures:
    """A part of what was looked for."""

    total: int
    """How many there are in all."""
    pictures: list[Picture]
    next: str
    """What the following part is asked for with; "" after the last one."""


class PictureService:
    """Lists what is in the outputs folder and in adopted ones, and changes what people say of it."""

    def __init__(
        self,
        database: Database,
        records: PictureRecords,
        paths: Paths,
        reader: PictureReader,
        folders: AdoptedFolders,
        readers: ExtensionReaders | None = None,
    ) -> None:
        self._database = database
        self._records = records
        self._store = PictureStore(database, records, paths.outputs)
        self._reader = reader
        self._folders = folders
        self._readers = readers
        self._bin = PictureBin(database, paths.outputs)
        self._moving = threading.Lock()
        """Held by who moves files, and by who looks whether each record has its file."""
        self._outputs = paths.outputs
        self._thumbnails = paths.cache / "thumbnails"
        self._input_folder = paths.input_pictures

    def refresh(self) -> None:
        """Take note of files that came or went behind our back."""
        with self._moving:
            self._bin.finish()
            reconcile(self._database, self._records, self._outputs, without=self._input_folder, readers=self._readers)

    def finish_moves(self) -> None:
        """Bring files to their places that were on their way when the server was killed."""
        with self._moving:
            self._bin.finish()

    def forget_missing(self, job_id: str) -> None:
        """Drop the records of a job that was killed before their files were there."""
        self._store.forget_missing(job_id)

    def count(self, user: str | None = None) -> int:
        """How many pictures there are, or (with `user`) how many of that user."""
        return self._records.count(PictureSearch(user=user))

    def page(self, number: int, size: int, user: str | None = None) -> list[Picture]:
        """Page `number` (from 0) of all pictures, or of those of a user, newest first."""
        return self._records.page(number, size, user)

    def search(self, search: PictureSearch, limit: int, after: str = "", order: Order = "newest") -> FoundPictures:
        """At most `limit` of the pictures that are looked for, behind the `next` of the part before.

        Raises InvalidRequest.
        """
        total = self._records.count(search)
        found = self._records.search(search, limit + 1, after, order, total=total)
        pictures, is_more = found[:limit], len(found) > limit
        return FoundPictures(total, pictures, cursor_of(pictures[-1], order) if is_more else "")

    def facets(self, search: PictureSearch) -> Facets:
        """What there is to choose from among the pictures that are looked for. Raises InvalidRequest."""
        return facets_of(self._database, search)

    def outline(self, search: PictureSearch, order: Order = "newest") -> str:
        """The numbers and marks of all that is looked for, as JSON. Raises InvalidRequest."""
        return outline_of(self._database, search, order)

    def get(self, picture_id: int) -> Picture:
        """The picture of that id. Raises NotFound."""
        return self._records.get(picture_id)

    def those(self, ids: Sequence[int], user: str | None = None) -> list[Picture]:
        """Those of some pictures that are there, and (with `user`) of that user's jobs."""
        return self._records.those(ids, user)

    def of_job(self, job_id: str) -> list[Picture]:
        """The pictures of a job, in their order in the request."""
        return self._records.of_job(job_id)

    def change(
        self, ids: Sequence[int], user: str | None, *, favourite: bool | None = None, rating: int | None = None
    ) -> int:
        """Say of pictures what is given, with `user` of that user's alone; how many. Raises InvalidRequest."""
        _check_count(ids)
        if rating is not None and not 0 <= rating <= MOST_STARS:
            raise InvalidRequest("Rating", rating, "is no number of stars", f"Choose 0 to {MOST_STARS}.")
        given = {"favourite": favourite, "rating": rating}
        values = {name: int(value) for name, value in given.items() if value is not None}
        return self._records.change(ids, user, values) if values else 0

    def bin(self, ids: Sequence[int], user: str | None) -> int:
        """Put pictures into the bin; those of adopted folders stay. How many. Raises InvalidRequest, StorageFull."""
        _check_count(ids)
        with self._moving:
            return self._bin.put(ids, user)

    def restore(self, ids: Sequence[int], user: str | None) -> int:
        """Take pictures out of the bin; how many. Raises InvalidRequest, StorageFull."""
        _check_count(ids)
        with self._moving:
            return self._bin.restore(ids, user)

    def delete(self, ids: Sequence[int], user: str | None) -> int:
        """Delete pictures that are in the bin for good; how many. Raises InvalidRequest."""
        _check_count(ids)
        with self._moving:
            return self._bin.delete(ids, user)

    def empty_bin(self, user: str | None) -> int:
        """Delete all that is in the bin, or (with `user`) all of that user, for good; how many."""
        with self._moving:
            return self._bin.delete(None, user)

    def file(self, picture: Picture) -> Path:
        """Where a picture lies. Raises NotFound for one that a link leads out of its adopted folder."""
        if picture.folder is None:
            return file_of(picture, self._outputs)
        root = self._folders.path(picture.folder)
        path = (root / picture.path).resolve()
        if not path.is_relative_to(root.resolve()):
            raise NotFound(f"Picture {picture.id} is no longer there.")
        return path

    def thumbnail(self, picture: Picture) -> Path:
        """A small copy of a picture. Raises UnreadablePicture, StorageFull."""
        return thumbnail_of(self.file(picture), self._thumbnails_of(picture.user))

    def is_kept_from(self, file: Path, user: str) -> bool:
        """Whether a file is a picture or thumbnail that is not of that user's jobs. Raises OSError, ValueError.

        Input pictures are nobody's: who knows the id of one was given it.
        """
        path = Path(os.path.abspath(file))  # noqa: PTH100  as gradio reads it, which follows no link
        if path.is_relative_to(self._input_folder) or path.parent == self._thumbnails_of(user):
            return False
        if path.is_relative_to(self._outputs):
            return self._records.user_of(path.relative_to(self._outputs).as_posix()) != user
        # By another way, such as a link, nobody needs them.
        real = path.resolve()
        kept = (self._outputs, self._thumbnails, *(folder.path for folder in self._folders.all()))
        return any(real.is_relative_to(folder.resolve()) for folder in kept)

    def read(self, path: Path) -> PictureReading:
        """Read the parameters of any picture file. Raises UnreadablePicture."""
        return self._reader.read(path)

    def read_text(self, infotext: str) -> PictureReading:
        """Read an infotext that came as text; that of a grid gives the script that made it."""
        return self._reader.read_text(infotext)

    def _thumbnails_of(self, user: str) -> Path:
        """A folder for each user; that of files which nobody's job made is the one above these."""
        if not user:
            return self._thumbnails
        return self._thumbnails / hashlib.sha256(user.encode("utf-8", "replace")).hexdigest()[:32]


def _check_count(ids: Sequence[int]) -> None:
    if len(ids) > MOST_CHANGED:
        raise InvalidRequest("Pictures", len(ids), "are too many at once", f"The most is {MOST_CHANGED:,}.")
