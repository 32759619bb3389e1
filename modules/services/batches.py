"""Use cases of batches: many files through one form, with masks by their names and parameters of their own."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modules.config.paths import Paths
from modules.errors import InvalidRequest, StorageFull, UnreadablePicture, UserError
from modules.imaging.encoding import PARAMETERS_KEY
from modules.imaging.reading import INPUT_SUFFIXES, read_texts
from modules.schema.batch_request import BatchPart, ResolvedBatch
from modules.schema.extras_request import ExtrasRequest, ResolvedExtras
from modules.schema.field_types import MAX_PICTURES
from modules.schema.infotext import parse_infotext, request_of
from modules.schema.requests import Img2ImgRequest, ResolvedImg2Img
from modules.services.inputs import InputService
from modules.services.resolving import RequestResolver

TAKEN_FIELDS = ("prompt", "negative_prompt", "seed", "cfg_scale", "sampler_name", "steps", "model")
"""What a batch may take from the parameters in each file; prompts are put behind those of the form."""


@dataclass(frozen=True)
class Batch:
    """A batch that can be queued, and why files were left out."""

    request: ResolvedBatch | ResolvedExtras
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class GivenPart:
    """One part of a batch as a program gives it; its fields name its picture by the id that it was stored under."""

    name: str
    fields: Mapping[str, Any]


class BatchService:
    """Makes batches of files that were sent, or that lie in a folder of the server."""

    def __init__(self, paths: Paths, inputs: InputService, resolver: RequestResolver) -> None:
        self._allowed = (paths.data, *paths.readable_folders)
        self._inputs = inputs
        self._resolver = resolver

    def files_in(self, folder: str | Path, *, trusted: bool = False) -> list[Path]:
        """The picture files of a folder, by name. Raises InvalidRequest.

        Without `trusted` it has to lie below the data folder, or below one that the command line allowed: whoever
        reaches the page must not read the whole machine.
        """
        if not str(folder).strip():
            raise InvalidRequest("Folder", str(folder), "is empty", "Write the path of a folder with pictures.")
        try:
            path = Path(folder).expanduser()
            if not (trusted or (self._is_here(path) and self._may_read(path))):
                listed = ", ".join(map(str, self._allowed))
                remedy = f"Use one below {listed}, or start with --allow-folder."
                raise InvalidRequest("Folder", str(folder), "may not be read from here", remedy)
            path = path.resolve()
            files = sorted(file for file in path.iterdir() if _is_picture(file) and (trusted or self._may_read(file)))
        except (OSError, ValueError, RuntimeError) as error:  # an odd path is told by each of these
            remedy = "Correct the path, or create it first."
            raise InvalidRequest("Folder", str(folder), "is no folder that can be read", remedy) from error
        if not files:
            suffixes = ", ".join(sorted(INPUT_SUFFIXES))
            raise InvalidRequest("Folder", str(folder), "holds no pictures", f"Looked for: {suffixes}.")
        return files

    def img2img(
        self,
        request: Img2ImgRequest,
        files: Sequence[Path],
        *,
        masks: Sequence[Path] = (),
        take: Collection[str] = (),
        folder: str | None = None,
    ) -> Batch:
        """One part for each file that can be read. A single mask is for all; of several, those of the files' names.

        `take` are some of TAKEN_FIELDS. Raises InvalidRequest where no file is left, and StorageFull.
        """
        _check_count(files)
        _check_form(request, take)
        request = self._resolver.with_seeds(self._resolver.with_settings(request))
        by_stem = {mask.stem.lower(): mask for mask in masks}
        left_out: list[str] = []
        parts: list[BatchPart] = []
        for file in files:
            mask = masks[0] if len(masks) == 1 else by_stem.get(file.stem.lower())
            try:
                if masks and mask is None:
                    raise UnreadablePicture(f"Picture {file.name!r} has no mask of its name.")
                parts.append(BatchPart(name=file.stem, request=self._part(request, file, mask, take)))
            except StorageFull:
                raise
            except UserError as error:
                left_out.append(_named(file, error))
        if not parts:
            raise InvalidRequest("Batch", f"{len(files)} files", "cannot be painted", left_out[0])
        return Batch(ResolvedBatch(parts=tuple(parts), folder=folder or None), tuple(left_out))

    def of_fields(self, fields: Mapping[str, Any], parts: Sequence[GivenPart], *, folder: str | None = None) -> Batch:
        """A batch of requests that a program wrote: the fields of each part go before those of all.

        Raises InvalidRequest for the first part that cannot be painted, and NotFound for a picture that is not stored.
        """
        _check_count(parts)
        shared = self._resolver.with_seeds(Img2ImgRequest.of({"seed": -1, **_only(fields, "seed", "subseed")}))
        seeds = {"seed": shared.seed, "subseed": shared.subseed}
        resolved = []
        for part in parts:
            request = Img2ImgRequest.of({**fields, **seeds, **part.fields})
            _check_form(request, ())
            resolved.append(BatchPart(name=part.name, request=self._resolved(request)))
        return Batch(ResolvedBatch(parts=tuple(resolved), folder=folder or None), ())

    def extras(self, fields: dict[str, Any], files: Sequence[Path], *, folder: str | None = None) -> Batch:
        """A request of Extras for every file that can be read. Raises InvalidRequest, ModelNotFound, StorageFull."""
        _check_count(files)
        images: list[str] = []
        names: list[str] = []
        left_out: list[str] = []
        for file in files:
            try:
                images.append(self._inputs.add_file(file, with_texts=True))
                names.append(file.stem)
            except StorageFull:
                raise
            except UserError as error:
                left_out.append(_named(file, error))
        if not images:
            raise InvalidRequest("Input picture", f"{len(files)} files", "cannot be read", left_out[0])
        resolved = self._resolver.resolve_extras(ExtrasRequest.of({**fields, "images": images}))
        named = ResolvedExtras.of({**resolved.model_dump(), "names": names, "folder": folder or None})
        return Batch(named, tuple(left_out))

    def _is_here(self, path: Path) -> bool:
        """Whether a path may be looked at: Windows logs in to another machine at the mere sight of its name."""
        is_share = str(path).replace("\\", "/").startswith("//")
        return not is_share or any(path.is_relative_to(allowed) for allowed in self._allowed)

    def _may_read(self, path: Path) -> bool:
        """Whether a page may have it read; links count as what they lead to."""
        return any(path.resolve().is_relative_to(allowed) for allowed in self._allowed)

    def _part(self, request: Img2ImgRequest, file: Path, mask: Path | None, take: Collection[str]) -> ResolvedImg2Img:
        fields: dict[str, Any] = dict(_taken(request, file, take))
        fields["init_images"] = (self._inputs.add_file(file),)
        if mask is not None:
            fields["mask"] = self._inputs.add_file(mask)
        return self._resolved(Img2ImgRequest.of({**request.model_dump(), **fields}))

    def _resolved(self, request: Img2ImgRequest) -> ResolvedImg2Img:
        resolved = self._resolver.resolve(request)
        if not isinstance(resolved, ResolvedImg2Img):
            raise TypeError("img2img resolves to img2img.")
        return resolved


def _taken(request: Img2ImgRequest, file: Path, take: Collection[str]) -> Iterator[tuple[str, Any]]:
    """The wanted fields that a file's own parameters name."""
    text = read_texts(file).get(PARAMETERS_KEY, "") if take else ""
    if not text:
        return
    own = request_of(parse_infotext(text)).request
    for name in take:
        value = getattr(own, name)
        if name in ("prompt", "negative_prompt"):
            yield name, f"{getattr(request, name)} {value}".strip()
        elif value is not None and value != type(own).model_fields[name].default:
            yield name, value


def _is_picture(file: Path) -> bool:
    return file.suffix.lower() in INPUT_SUFFIXES and not file.name.startswith(".") and file.is_file()


def _named(file: Path, error: UserError) -> str:
    """Why a file was left out; some reasons are of the form, and do not name it."""
    return str(error) if repr(file.name) in str(error) else f"Picture {file.name!r}: {error}"


def _check_form(request: Img2ImgRequest, take: Collection[str]) -> None:
    """Raises InvalidRequest for what is not for batches."""
    if request.script_name is not None:
        raise InvalidRequest("Script", request.script_name, "does not run in a batch", "Leave it out.")
    if wrong := next((name for name in take if name not in TAKEN_FIELDS), None):
        remedy = f"Choose from: {', '.join(TAKEN_FIELDS)}."
        raise InvalidRequest("Batch parameter", wrong, "cannot be taken from pictures", remedy)


def _only(fields: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: fields[name] for name in names if name in fields}


def _check_count(files: Sequence[object]) -> None:
    if not files:
        raise InvalidRequest("Batch", "", "has no pictures", "Choose files, or name a folder.")
    if len(files) > MAX_PICTURES:
        raise InvalidRequest("Batch", f"{len(files):,} files", "is too many at once", f"The most is {MAX_PICTURES:,}.")
