"""Reads how a picture was made: from files of this and other programs, and from infotexts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from modules.diffusion.names import SamplingNames
from modules.errors import InvalidRequest, UserError
from modules.gallery.foreign.extension_readers import ExtensionReaders
from modules.gallery.foreign.reading import read_picture
from modules.gallery.infotext_facts import facts_of
from modules.gallery.inputs import InputPictures
from modules.hooks import SCRIPT_KEY, SECTIONS_KEY
from modules.hooks.sampling_registry import SamplingRegistry
from modules.prompt.comments import strip_comments
from modules.prompt.extra_networks import HYPERNETWORK_KIND, LORA_KINDS, extra_networks
from modules.schema.infotext import Infotext, NotHonoured, Reading, parse_infotext, request_of
from modules.schema.infotext_keys import EXTENSIONS_KEY
from modules.schema.requests import AUTOMATIC, NO_VAE, Img2ImgRequest, Txt2ImgRequest
from modules.services.network_files import NetworkFileService
from modules.services.result_saving import BUTTON_KEY
from modules.services.saving_hooks import key_start
from modules.services.scripts import ScriptService
from modules.services.sections import SectionService
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
    origin: str
    """The program that wrote it; "" for this one, "unknown" where the text does not tell."""
    not_honoured: tuple[str, ...]
    """Parameters (`key: value`) that this version cannot follow."""
    input_picture: str = ""
    """The id of the picture that it began with; "" without one, and where that is not stored here."""

    def rows(self) -> list[tuple[str, str]]:
        """Name and value of all parameters, with the two halves of a size in one row again."""
        given = self.parsed.parameters
        rows = []
        for name, value in given.items():
            stem, _, half = name.rpartition("-")
            if half == "1" and f"{stem}-2" in given:
                rows.append((stem, f"{value} x {given[f'{stem}-2']}"))
            elif not (half == "2" and f"{stem}-1" in given):
                rows.append((name, value))
        return rows


class PictureReader:
    """The one way from a picture to a request."""

    def __init__(
        self,
        scripts: ScriptService,
        sections: SectionService,
        networks: NetworkFileService,
        vaes: VaeService,
        inputs: InputPictures,
        readers: ExtensionReaders,
        sampling: SamplingRegistry,
    ) -> None:
        self._scripts = scripts
        self._sections = sections
        self._networks = networks
        self._vaes = vaes
        self._inputs = inputs
        self._readers = readers
        self._sampling = sampling

    def read(self, path: Path) -> PictureReading:
        """Read the parameters of any picture file; what extensions failed at is told too. Raises UnreadablePicture."""
        read = read_picture(path, self._readers)
        reading = self.read_text(read.infotext)
        faults = [
            str(NotHonoured(EXTENSIONS_KEY, plugin, f"it could not read the picture: {problem}"))
            for plugin, problem in read.faults
        ]
        return replace(reading, not_honoured=(*reading.not_honoured, *faults))

    def read_text(self, infotext: str) -> PictureReading:
        """Read an infotext that came as text; that of a grid gives the script that made it."""
        parsed = parse_infotext(infotext)
        reading = self._with_sections(self._with_script(request_of(parsed), parsed), parsed)
        reading = self._with_vae(self._with_networks(reading, parsed))
        request = reading.request
        unknown = _unknown_names(request, self._sampling.names)
        refused = (*self._unexplained(reading.refused), *unknown, *self._missing_inputs(request))
        refused = (*refused, *self._missing_extensions(parsed))
        origin = facts_of(infotext).origin
        input_picture = self._began_with(request)
        not_honoured = tuple(map(str, refused))
        return PictureReading(
            infotext, parsed, reading.request, reading.typed, origin, not_honoured, input_picture=input_picture
        )

    def _unexplained(self, refused: Iterable[NotHonoured]) -> list[NotHonoured]:
        """Without what extensions at work wrote beside the parameters: they do it again, but for their buttons."""
        starts = tuple(map(key_start, self._scripts.plugins.names))
        pressed = {f"{start}{BUTTON_KEY}" for start in starts}
        return [row for row in refused if row.key in pressed or not row.key.startswith(starts)]

    def _missing_extensions(self, parsed: Infotext) -> Iterator[NotHonoured]:
        """The extensions that changed the picture while it was painted, and are not here as they were."""
        plugins = self._scripts.plugins
        for word in filter(None, map(str.strip, parsed.parameters.get(EXTENSIONS_KEY, "").split(","))):
            name, _, version = word.partition(" ")
            if name not in plugins.names:
                yield NotHonoured(EXTENSIONS_KEY, word, "it changed the picture, and is not at work here")
            elif version != plugins.version(name):
                why = f"it changed the picture, and is here in version {plugins.version(name)}"
                yield NotHonoured(EXTENSIONS_KEY, word, why)

    def _began_with(self, request: Txt2ImgRequest | Img2ImgRequest) -> str:
        given = request.init_images[:1] if isinstance(request, Img2ImgRequest) else (request.firstpass_image,)
        return next((one for one in given if one is not None and self._inputs.has(one)), "")

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

    def _with_sections(self, reading: Reading, parsed: Infotext) -> Reading:
        """The reading with the sections in its requests; what is not here or cannot be used is among what is refused.

        Where one is missing, what was typed would not make the picture: its prompts are the painted ones.
        """
        if SECTIONS_KEY not in parsed.parameters:
            return reading
        found = self._sections.of_infotext(parsed.parameters, reading.request.task)
        others = tuple(row for row in reading.refused if row.key not in found.explained)
        request = reading.request.model_copy(update={"sections": found.painted})
        typed = reading.typed or (reading.request if found.typed != found.painted else None)
        if found.refused or typed is None:
            return Reading(request, (*found.refused, *others), None)
        return Reading(request, others, typed.model_copy(update={"sections": found.typed}))

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


def _unknown_names(request: Txt2ImgRequest | Img2ImgRequest, names: SamplingNames) -> Iterator[NotHonoured]:
    """The sampler and the schedule, where there are none of that name or the one cannot run the other."""
    sampler = names.samplers[0]
    if request.sampler_name is not None:
        try:
            sampler = names.find_sampler(request.sampler_name)
        except InvalidRequest as error:
            yield _not_known("Sampler", request.sampler_name, error)
    if request.scheduler is not None:
        try:
            names.find_schedule(request.scheduler, sampler)
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
