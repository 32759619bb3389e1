"""Which checkpoints there are: files and diffusers folders that can be run, and the reasons against the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from modules.checkpoints.card import Card, read_card
from modules.checkpoints.file_hashes import SHORT
from modules.checkpoints.model_files import ModelFile, ModelFiles
from modules.checkpoints.prediction_type import YAML, decide_prediction, likely_prediction
from modules.checkpoints.side_files import TEXTS, SideFiles
from modules.checkpoints.weights_identity import WeightsIdentity
from modules.errors import ModelNotFound

_WHOLE = 64
_PATIENCE = 10.0
"""Seconds that somebody who asks for a new file by name waits for a look at the disk."""
_NOT_LOOKED_AT = WeightsIdentity("checkpoint", "checkpoint")

WeightsState = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that can be loaded; `name` is its path below its folder, with forward slashes, without suffix."""

    name: str
    path: Path
    """A .safetensors file, or a folder in diffusers' format."""
    card: Card
    identity: WeightsIdentity = _NOT_LOOKED_AT
    """What it is by its header, its card and its side file."""

    @property
    def weights_state(self) -> WeightsState:
        """Path, size and time of every weights file: another value means other weights."""
        files = [self.path] if self.path.is_file() else sorted(self.path.rglob("*.safetensors"))
        found = ((path, path.stat()) for path in files)
        return tuple((str(path), state.st_size, state.st_mtime_ns) for path, state in found)


@dataclass(frozen=True)
class RefusedFile:
    """A file or folder among the checkpoints that cannot be used as one."""

    name: str
    path: Path
    reason: str
    """In sentences, for people."""


class Registry:
    """The checkpoints among some model files; without these, those of some folders. New files are found at once."""

    def __init__(self, folders: Sequence[Path], files: ModelFiles | None = None) -> None:
        self._folders = folders
        self._files = files or ModelFiles({"checkpoint": folders})
        self._made: dict[Path, tuple[object, Checkpoint]] = {}

    def all(self) -> list[Checkpoint]:
        """Every checkpoint that can be run, by name."""
        return [self._checkpoint(file) for file in self._files.all("checkpoint") if _is_usable(file)]

    def refused(self) -> list[RefusedFile]:
        """What lies among the checkpoints and cannot be run, by name; VAEs are at home there too."""
        return [
            RefusedFile(file.name, file.path, file.problem)
            for file in self._files.all("checkpoint")
            if file.problem and not (file.identity is not None and file.identity.kind == "vae")
        ]

    def find(self, name: str) -> Checkpoint:
        """The checkpoint that is called so, in any case; an empty name is the first one there is.

        Names are those of A1111: with or without folder and suffix, "name [hash]", or the hash alone. Raises
        ModelNotFound, and UnsupportedModel or BrokenModel for one that cannot be run.
        """
        found = self._found(name, self._files.all("checkpoint"))
        if found is None and self._files.refresh(("checkpoint",), wait=_PATIENCE):
            found = self._found(name, self._files.all("checkpoint"))
        if found is None:
            raise self._not_found(name)
        if found.refusal is not None:
            raise found.refusal
        return self._checkpoint(found)

    def hash_of(self, checkpoint: Checkpoint) -> str:
        """The first ten digits of its sha256, by which infotexts name it; computed once, which may take seconds.

        Of a folder it is over names and contents of its weights. Raises OSError, BrokenModel.
        """
        return self._files.sha256_of(checkpoint.path)[:SHORT]

    def _found(self, name: str, files: Sequence[ModelFile]) -> ModelFile | None:
        """The first usable file of that name; where there is none, one that cannot be used."""
        wanted = name.strip().replace("\\", "/").lower()
        if not wanted:
            return next((file for file in map(self._files.read, files) if _is_usable(file)), None)
        refused = None
        for matches in _ways_to_name(wanted):
            for file in (self._files.read(file) for file in files if matches(file)):
                if _is_usable(file):
                    return file
                refused = refused or file
        return refused

    def _not_found(self, name: str) -> ModelNotFound:
        known, refused = self.all(), self.refused()
        if known:
            names = ", ".join(checkpoint.name for checkpoint in known)
            return ModelNotFound(f"Model {name!r} is not here. Choose one of: {names}.")
        others = f" Of what lies there nothing can be used. {refused[0].reason}" if refused else ""
        return ModelNotFound(
            f"Model: there is no checkpoint in {' or '.join(map(str, self._folders))}. Put a .safetensors file or a "
            "diffusers folder (the one that holds model_index.json) there, or name another folder with --ckpt-dir."
            + others
        )

    def _checkpoint(self, file: ModelFile) -> Checkpoint:
        """Made anew where the file, its card or its side file changed."""
        key = (file.state, file.name, file.identity, *map(_state, _texts(file)))
        known = self._made.get(file.path)
        if known is None or known[0] != key:
            known = self._made[file.path] = (key, _made(file))
        return known[1]


def _made(file: ModelFile) -> Checkpoint:
    identity = file.identity or _NOT_LOOKED_AT
    if not file.is_folder:
        identity = decide_prediction(identity, file.path)
    likely = replace(identity, prediction_type=likely_prediction(identity, file.name))
    return Checkpoint(file.name, file.path, read_card(file.path, likely, _sides(file)), identity)


def _is_usable(file: ModelFile) -> bool:
    return file.was_read and not file.problem


def _ways_to_name(wanted: str) -> Iterable[Callable[[ModelFile], bool]]:
    """Questions to ask of all files, the strictest first."""
    title, _, rest = wanted.rpartition("[")
    given = rest.removesuffix("]").strip() if title and rest.endswith("]") else ""
    title = title.strip() if given else wanted
    return (
        lambda file: bool(given) and _is_called(file, title) and _has_hash(file, given),
        lambda file: file.name.lower() == wanted,
        lambda file: (file.name + file.path.suffix).lower() == wanted,
        lambda file: wanted in (file.path.name.lower(), _stem(file)),
        lambda file: bool(given) and _is_called(file, title),
        lambda file: _has_hash(file, given or wanted),
        lambda file: str(file.path).lower() == wanted,
    )


def _is_called(file: ModelFile, title: str) -> bool:
    return title in (file.name.lower(), (file.name + file.path.suffix).lower(), file.path.name.lower(), _stem(file))


def _stem(file: ModelFile) -> str:
    return file.name.rpartition("/")[2].lower()


def _has_hash(file: ModelFile, digits: str) -> bool:
    """Whether its sha256 is known and is written so, whole or by its first ten digits."""
    return file.sha256 is not None and len(digits) in (SHORT, _WHOLE) and file.sha256.startswith(digits)


def _sides(file: ModelFile) -> SideFiles:
    return SideFiles(file.path, is_folder=file.is_folder)


def _texts(file: ModelFile) -> list[Path]:
    """What is read beside a checkpoint, whether or not it is there."""
    return [_sides(file).path(ending) for ending in (*TEXTS, YAML)]


def _state(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns
