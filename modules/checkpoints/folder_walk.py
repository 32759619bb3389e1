"""Finds model files below folders, without opening one; loops, dangling links and what is forbidden are passed by."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from modules.checkpoints.file_facts import FileState
from modules.checkpoints.weights_header import PICKLES

log = logging.getLogger(__name__)

SUFFIXES = (".safetensors", ".sft", ".gguf", *PICKLES)
"""Of files that hold weights; of two with one name the one whose suffix stands first here."""

_INDEX = "model_index.json"
_DEPTH = 8


@dataclass(frozen=True)
class FoundFile:
    """A file, or a folder in diffusers' format, and its path below the folder it was looked for in."""

    path: Path
    state: FileState
    name: str
    """With forward slashes and without suffix."""
    is_folder: bool = False

    @property
    def rank(self) -> int:
        """Which of several files with one name is taken, the lowest: a folder, then by suffix."""
        return 0 if self.is_folder else SUFFIXES.index(self.path.suffix.lower()) + 1


def walk(folder: Path, *, whole_folders: bool) -> Iterator[FoundFile]:
    """Every model file below a folder, which need not exist; with `whole_folders` also folders of diffusers' format."""
    root = str(folder.absolute())
    if whole_folders and Path(root, _INDEX).is_file():
        yield from _whole_folder(Path(root), Path(root).name)
        return
    yield from _below(root, "", frozenset(), _DEPTH, whole_folders)


def _below(folder: str, prefix: str, above: frozenset[str], depth: int, whole_folders: bool) -> Iterator[FoundFile]:
    """`above` are the real paths of the folders that lead here: a link back to one is a loop."""
    real = os.path.realpath(folder)
    if real in above or depth < 0:
        return
    try:
        with os.scandir(folder) as scan:
            entries = sorted(scan, key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    except OSError as error:
        log.debug("%s cannot be read: %s", folder, error)
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        try:
            if entry.is_dir():
                if whole_folders and os.path.isfile(os.path.join(entry.path, _INDEX)):  # noqa: PTH113, PTH118  speed
                    yield from _whole_folder(Path(entry.path), prefix + entry.name)
                else:
                    yield from _below(entry.path, f"{prefix}{entry.name}/", above | {real}, depth - 1, whole_folders)
                continue
            stem, dot, suffix = entry.name.rpartition(".")
            if f"{dot}{suffix}".lower() not in SUFFIXES or not stem:
                continue
            found = entry.stat()
        except OSError as error:
            log.debug("%s is passed by: %s", entry.path, error)
            continue
        if not stat.S_ISREG(found.st_mode):
            continue  # a pipe would never end
        yield FoundFile(Path(entry.path), FileState(entry.path, found.st_size, found.st_mtime_ns), prefix + stem)


def _whole_folder(path: Path, name: str) -> Iterator[FoundFile]:
    try:
        yield FoundFile(path, FileState.of_folder(path), name, is_folder=True)
    except OSError as error:
        log.debug("%s is passed by: %s", path, error)
