"""Which checkpoints there are: diffusers folders below the checkpoint folders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from modules.checkpoints.card import Card, read_card
from modules.errors import ModelNotFound, UnsupportedModel

_SINGLE_FILES = (".safetensors", ".ckpt", ".pt")
_DEPTH = 3


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that can be loaded; `name` is its path below its checkpoint folder, with forward slashes."""

    name: str
    path: Path
    card: Card

    @property
    def weights_state(self) -> tuple[tuple[str, int, int], ...]:
        """Path, size and time of every weights file: another value means other weights."""
        found = ((path, path.stat()) for path in sorted(self.path.rglob("*.safetensors")))
        return tuple((str(path), state.st_size, state.st_mtime_ns) for path, state in found)


class Registry:
    """The checkpoints of some folders. Every question looks at the disk, so that new files are found at once."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders

    def all(self) -> list[Checkpoint]:
        """Every checkpoint, by name; of two with one name the one in the earlier folder."""
        found: dict[str, Checkpoint] = {}
        for folder in self._folders:
            for path in _diffusers_folders(folder, _DEPTH):
                name = path.relative_to(folder).as_posix() if path != folder else folder.name
                if name not in found:
                    found[name] = Checkpoint(name, path, read_card(path))
        return sorted(found.values(), key=lambda checkpoint: checkpoint.name.lower())

    def find(self, name: str) -> Checkpoint:
        """The checkpoint of that name, in any case; an empty name is the first one there is.

        Raises ModelNotFound, or UnsupportedModel for a single-file checkpoint of that name.
        """
        known = self.all()
        if not known:
            raise ModelNotFound(
                f"Model: there is no checkpoint in {' or '.join(map(str, self._folders))}. Put a diffusers folder "
                "(the one that holds model_index.json) there, or name another folder with --ckpt-dir."
            )
        for checkpoint in known:
            if not name or checkpoint.name.lower() == name.strip().lower():
                return checkpoint
        self._refuse_single_file(name)
        names = ", ".join(checkpoint.name for checkpoint in known)
        raise ModelNotFound(f"Model {name!r} is not here. Choose one of: {names}.")

    def _refuse_single_file(self, name: str) -> None:
        wanted = {name.strip().lower() + suffix for suffix in ("", *_SINGLE_FILES)}
        for folder in self._folders:
            for path in folder.rglob("*") if folder.is_dir() else ():
                if path.suffix in _SINGLE_FILES and path.relative_to(folder).as_posix().lower() in wanted:
                    raise UnsupportedModel(
                        f"Model {name!r} is a single file ({path.name}); this version loads diffusers folders. "
                        "Choose a folder that holds model_index.json."
                    )


def _diffusers_folders(folder: Path, depth: int) -> Iterator[Path]:
    """Folders with a model_index.json, at most `depth` levels down; nothing is looked for inside of one."""
    if not folder.is_dir():
        return
    if (folder / "model_index.json").is_file():
        yield folder
        return
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or not path.is_dir():
            continue
        if depth > 1 or (path / "model_index.json").is_file():
            yield from _diffusers_folders(path, depth - 1)
