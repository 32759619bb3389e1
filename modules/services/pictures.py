"""Use cases of finished pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from modules.config.database import Database
from modules.gallery.reconciliation import reconcile
from modules.gallery.records import PictureRecords
from modules.gallery.thumbnails import thumbnail_of
from modules.imaging.reading import read_infotext
from modules.schema.infotext import Infotext, parse_infotext, request_of
from modules.schema.pictures import Picture
from modules.schema.requests import Txt2ImgRequest


@dataclass(frozen=True)
class PictureReading:
    """What a picture file says of how it was made."""

    infotext: str
    """"" where it says nothing."""
    parsed: Infotext
    request: Txt2ImgRequest
    """Makes the picture again: its prompts are those that were painted."""
    typed: Txt2ImgRequest | None
    """The same as it was typed, styles and wildcards still to be carried out; None where that is no other."""
    not_honoured: tuple[str, ...]
    """Parameters (`key: value`) that this version cannot follow."""


class PictureService:
    """Lists what is in the outputs folder and reads pictures from anywhere."""

    def __init__(self, database: Database, records: PictureRecords, outputs: Path, thumbnails: Path) -> None:
        self._database = database
        self._records = records
        self._outputs = outputs
        self._thumbnails = thumbnails

    def refresh(self) -> None:
        """Take note of files that came or went behind our back."""
        reconcile(self._database, self._records, self._outputs)

    def count(self) -> int:
        """How many pictures there are."""
        return self._records.count()

    def page(self, number: int, size: int) -> list[Picture]:
        """Page `number` (from 0), newest first."""
        return self._records.page(number, size)

    def get(self, picture_id: int) -> Picture:
        """The picture of that id. Raises NotFound."""
        return self._records.get(picture_id)

    def of_job(self, job_id: str) -> list[Picture]:
        """The pictures of a job, in their order in the request."""
        return self._records.of_job(job_id)

    def file(self, picture: Picture) -> Path:
        """Where a picture lies."""
        return self._outputs / picture.path

    def thumbnail(self, picture: Picture) -> Path:
        """A small copy of a picture. Raises UnreadablePicture, StorageFull."""
        return thumbnail_of(self.file(picture), self._thumbnails)

    def read(self, path: Path) -> PictureReading:
        """Read the parameters of any picture file. Raises UnreadablePicture."""
        infotext = read_infotext(path)
        return self.read_text(infotext)

    def read_text(self, infotext: str) -> PictureReading:
        """Read an infotext that came as text."""
        parsed = parse_infotext(infotext)
        reading = request_of(parsed)
        return PictureReading(infotext, parsed, reading.request, reading.typed, reading.not_honoured)
