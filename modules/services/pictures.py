"""Use cases of finished pictures."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from modules.config.database import Database
from modules.config.paths import Paths
from modules.diffusion.names import SAMPLER_NAMES, find_sampler, find_schedule
from modules.errors import InvalidRequest, UserError
from modules.gallery.inputs import InputPictures
from modules.gallery.reconciliation import reconcile
from modules.gallery.records import PictureRecords
from modules.gallery.search import PictureSearch, cursor_of
from modules.gallery.store import PictureStore
from modules.gallery.thumbnails import thumbnail_of
from modules.hooks import SCRIPT_KEY
from modules.imaging.reading import read_infotext
from modules.prompt.comments import strip_comments
from modules.prompt.extra_networks import HYPERNETWORK_KIND, LORA_KINDS, extra_networks
from modules.schema.infotext import Infotext, NotHonoured, Reading, parse_infotext, request_of
from modules.schema.pictures import Picture
from modules.schema.requests import AUTOMATIC, NO_VAE, Img2ImgRequest, Txt2ImgRequest
from modules.services.network_files import NetworkFileService
from modules.services.scripts import ScriptService
from modules.services.vaes import VaeService


@dataclass(frozen=True)
class PictureReading:
    """What a picture file says of how it was made."""

    infotext: str
    """"" where it says nothing."""
    parsed: Infotext
    request: Txt2ImgRequest | Img2ImgRequest
    """Makes the picture again: its prompts are those that were painted."""
    typed: Txt2ImgRequest | Img2ImgRequest | None
    """The same as it was typed, styles and wildcards still to be carried out; None where that is no other."""
    not_honoured: tuple[str, ...]
    """Parameters (`key: value`) that this version cannot follow."""


@dataclass(frozen=True)
class FoundPictures:
    """A part of what was looked for, newest first."""

    total: int
    """How many there are in all."""
    pictures: list[Picture]
    next: str
    """What the following part is asked for with; "" after the last one."""


class PictureService:
    """Lists what is in the outputs folder and reads pictures from anywhere."""

    def __init__(
        self,
        database: Database,
        records: PictureRecords,
        inputs: InputPictures,
        paths: Paths,
        scripts: ScriptService,
        networks: NetworkFileService,
        vaes: VaeService,
    ) -> None:
        self._networks = networks
        self._vaes = vaes
        self._database = database
        self._records = records
        self._store = PictureStore(database, records, paths.outputs)
        self._inputs = inputs
        self._scripts = scripts
        self._outputs = paths.outputs
        self._thumbnails = paths.cache / "thumbnails"
        self._input_folder = paths.input_pictures

    def refresh(self) -> None:
        """Take note of files that came or went behind our back."""
        reconcile(self._database, self._records, self._outputs, without=self._input_folder)

    def forget_missing(self, job_id: str) -> None:
        """Drop the records of a job that was killed before their files were there."""
        self._store.forget_missing(job_id)

    def count(self, user: str | None = None) -> int:
        """How many pictures there are, or (with `user`) how many of that user."""
        return self._records.count(PictureSearch(user=user))

    def page(self, number: int, size: int, user: str | None = None) -> list[Picture]:
        """Page `number` (from 0) of all pictures, or of those of a user, newest first."""
        return self._records.page(number, size, user)

    def search(self, search: PictureSearch, limit: int, after: str = "") -> FoundPictures:
        """At most `limit` of the pictures that are looked for, behind the `next` of the part before.

        Raises InvalidRequest.
        """
        found = self._records.search(search, limit + 1, after)
        pictures, is_more = found[:limit], len(found) > limit
        total = self._records.count(search) if after or is_more else len(found)  # texts are looked through once
        return FoundPictures(total, pictures, cursor_of(pictures[-1]) if is_more else "")

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
        return any(real.is_relative_to(folder.resolve()) for folder in (self._outputs, self._thumbnails))

    def _thumbnails_of(self, user: str) -> Path:
        """A folder for each user; that of files which nobody's job made is the one above these."""
        if not user:
            return self._thumbnails
        return self._thumbnails / hashlib.sha256(user.encode("utf-8", "replace")).hexdigest()[:32]

    def read(self, path: Path) -> PictureReading:
        """Read the parameters of any picture file. Raises UnreadablePicture."""
        infotext = read_infotext(path)
        return self.read_text(infotext)

    def read_text(self, infotext: str) -> PictureReading:
        """Read an infotext that came as text; that of a grid gives the script that made it."""
        parsed = parse_infotext(infotext)
        reading = self._with_vae(self._with_networks(self._with_script(request_of(parsed), parsed), parsed))
        request = reading.request
        refused = (*reading.refused, *_unknown_names(request), *self._missing_inputs(request))
        return PictureReading(infotext, parsed, reading.request, reading.typed, tuple(map(str, refused)))

    def _with_script(self, reading: Reading, parsed: Infotext) -> Reading:
        """The reading with the script of a grid in its requests; one that cannot be run is among what is refused."""
        name = parsed.parameters.get(SCRIPT_KEY, "")
        try:
            found = self._scripts.of_infotext(parsed.parameters, reading.request.task)
        except UserError as error:
            if isinstance(error, InvalidRequest) and error.field == SCRIPT_KEY:
                refusal = _not_known(SCRIPT_KEY, name, error)
            else:
                refusal = NotHonoured(SCRIPT_KEY, name, str(error).rstrip(". "))
            return replace(reading, refused=(refusal, *reading.refused))
        if found is None:
            return reading
        script, arguments = found
        asked = {"script_name": script.name, "script_args": arguments}
        return Reading(
            reading.request.model_copy(update=asked),
            tuple(row for row in reading.refused if not script.explains(row.key)),
            reading.typed and reading.typed.model_copy(update=asked),
        )

    def _with_networks(self, reading: Reading, parsed: Infotext) -> Reading:
        """The reading with the names that its LoRAs have here; tags of networks that are not are among what is refused.

        In a negative prompt tags are words.
        """
        hashes = _named_hashes(parsed.parameters.get("Lora hashes", ""))
        renamed: dict[str, str] = {}
        missing: list[NotHonoured] = []
        for tag in dict.fromkeys(extra_networks("\n".join(_prompts_of(reading.request)))):
            if tag.kind in LORA_KINDS:
                name = tag.arguments[0] if tag.arguments else ""
                here = self._networks.called_here(tag, hashes.get(name, ""))
                if here is None:
                    missing.append(NotHonoured("Prompt", tag.source, "this LoRA is not here"))
                elif here != tag.source:
                    renamed[tag.source] = here
            elif tag.kind == HYPERNETWORK_KIND:
                missing.append(NotHonoured("Prompt", tag.source, "there are no hypernetworks"))
        return Reading(
            _renamed(reading.request, renamed),
            (*reading.refused, *dict.fromkeys(missing)),
            reading.typed and _renamed(reading.typed, renamed),
        )

    def _with_vae(self, reading: Reading) -> Reading:
        """The reading without a VAE that is not here, which is among what is refused then."""
        asked = reading.request.sd_vae
        try:
            if asked not in (None, AUTOMATIC, NO_VAE):
                self._vaes.find(asked)
            return reading
        except UserError:
            own = {"sd_vae": NO_VAE}
            return Reading(
                reading.request.model_copy(update=own),
                (*reading.refused, NotHonoured("VAE", str(asked), "it is not here; the checkpoint's own is used")),
                reading.typed and reading.typed.model_copy(update=own),
            )

    def _missing_inputs(self, request: Txt2ImgRequest | Img2ImgRequest) -> Iterator[NotHonoured]:
        """The input pictures that a request begins with and that are not stored here."""
        why = "that picture is not stored here: choose it yourself"
        if isinstance(request, Txt2ImgRequest):
            given = {"First pass image hash": request.firstpass_image}
        else:
            given = {"Init image hash": request.init_images[0] if request.init_images else "unknown"}
            given["Mask hash"] = request.mask
        for key, picture_id in given.items():
            if picture_id is not None and not self._inputs.has(picture_id):
                yield NotHonoured(key, picture_id, why)


def _unknown_names(request: Txt2ImgRequest | Img2ImgRequest) -> Iterator[NotHonoured]:
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


def _prompts_of(request: Txt2ImgRequest | Img2ImgRequest) -> list[str]:
    """The prompts of all passes, without comments."""
    second = [request.hr_prompt] if isinstance(request, Txt2ImgRequest) else []
    return [strip_comments(text) for text in (request.prompt, *second)]


def _renamed(request: Txt2ImgRequest | Img2ImgRequest, tags: Mapping[str, str]) -> Txt2ImgRequest | Img2ImgRequest:
    """The request with other tags in its prompts."""
    names = ("prompt", "hr_prompt") if isinstance(request, Txt2ImgRequest) else ("prompt",)
    texts: dict[str, str] = {name: getattr(request, name) for name in names}
    for name in texts:
        for written, here in tags.items():
            texts[name] = texts[name].replace(written, here)
    return request.model_copy(update=texts)


def _named_hashes(text: str) -> dict[str, str]:
    """The hashes in "name: 0123456789ab, other: ..."."""
    rows = (row.rpartition(":") for row in text.split(","))
    return {name.strip(): digits.strip() for name, _, digits in rows}
