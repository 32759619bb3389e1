"""Use cases of finished pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from modules.config.database import Database
from modules.diffusion.names import SAMPLER_NAMES, find_sampler, find_schedule
from modules.errors import InvalidRequest
from modules.gallery.reconciliation import reconcile
from modules.gallery.records import PictureRecords
from modules.gallery.thumbnails import thumbnail_of
from modules.imaging.reading import read_infotext
from modules.prompt.comments import strip_comments
from modules.prompt.extra_networks import extra_networks
from modules.schema.infotext import Infotext, NotHonoured, parse_infotext, request_of
from modules.schema.pictures import Picture
from modules.schema.requests import Txt2ImgRequest

_NO_NETWORKS = {
    "lora": "there are no LoRAs yet",
    "lyco": "there are no LoRAs yet",
    "hypernet": "there are no hypernetworks",
}


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
        refused = (*reading.refused, *_unknown_names(reading.request), *_networks(reading.request))
        return PictureReading(infotext, parsed, reading.request, reading.typed, tuple(map(str, refused)))


def _unknown_names(request: Txt2ImgRequest) -> Iterator[NotHonoured]:
    """The sampler and the schedule, where there are none of that name or the one cannot run the other."""
    sampler = SAMPLER_NAMES[0]
    if request.sampler_name is not None:
        try:
            sampler = find_sampler(request.sampler_name)
        except InvalidRequest as error:
            yield _not_known("Sampler", request.sampler_name, error)
    if request.scheduler is not None:
        try:
            find_schedule(request.scheduler, sampler)
        except InvalidRequest as error:
            yield _not_known("Schedule type", request.scheduler, error)


def _not_known(key: str, name: str, error: InvalidRequest) -> NotHonoured:
    return NotHonoured(key, name, f"{error.problem}. {error.remedy}".rstrip(". "))


def _networks(request: Txt2ImgRequest) -> Iterator[NotHonoured]:
    """The networks that tags in the prompt ask for, each once; in a negative prompt they are words."""
    tags = {tag.source: _NO_NETWORKS.get(tag.kind) for tag in extra_networks(strip_comments(request.prompt))}
    yield from (NotHonoured("Prompt", source, why) for source, why in tags.items() if why is not None)
