"""Reads lists of tags: CSV files of the columns name, category, count and "alias,alias", as tag completion has them."""

from __future__ import annotations

import csv
import logging
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

MAX_FILE_BYTES = 64 * 2**20
MAX_TAGS = 1_000_000
_MAX_NAME = 200
_MAX_ALIASES = 50
_HEADINGS = frozenset({"name", "tag"})
log = logging.getLogger(__name__)

FileState = tuple[Path, int, int]


@dataclass(frozen=True)
class Tag:
    """A tag as its file has it; `count` says how common it is."""

    name: str
    count: int


@dataclass(frozen=True)
class FoundTag:
    """A tag, and by which of its other names it was found."""

    tag: Tag
    alias: str = ""


def key_of(text: str) -> str:
    """By which a name is found: in any case, with spaces for underscores."""
    return text.lower().replace("_", " ").replace("\n", " ").strip()


def tag_files(folder: Path) -> tuple[FileState, ...]:
    """The files of a folder, by name, each with what tells that it changed."""
    found = []
    for path in sorted(folder.glob("*.csv")) if folder.is_dir() else ():
        try:
            state = path.stat()
        except OSError:
            continue
        if path.is_file():
            found.append((path, state.st_mtime_ns, state.st_size))
    return tuple(found)


class TagList:
    """The tags of all files, the most common first, searched in one long text, which is quicker than any list."""

    def __init__(self, tags: Iterable[tuple[Tag, tuple[str, ...]]]) -> None:
        rows = [(tag, alias) for tag, aliases in tags for alias in ("", *aliases)]
        rows.sort(key=lambda row: (-row[0].count, bool(row[1])))
        self._rows = rows
        keys = [key_of(alias or tag.name) for tag, alias in rows]
        self._text = "\n" + "\n".join(keys) + "\n"
        self._starts = array("I")
        at = 0
        for key in keys:
            self._starts.append(at)
            at += len(key) + 1

    def __len__(self) -> int:
        return len(self._rows)

    def search(self, text: str, limit: int) -> list[FoundTag]:
        """Tags that begin so, then those of which a word does, then those that hold it; each the most common first."""
        key = key_of(text)
        found: dict[str, FoundTag] = {}
        for needle in (f"\n{key}", f" {key}", key) if key and key in self._text else ():
            for tag, alias in self._holding(needle):
                if len(found) >= limit:
                    return list(found.values())
                found.setdefault(tag.name, FoundTag(tag, alias))
        return list(found.values())

    def _holding(self, needle: str) -> Iterator[tuple[Tag, str]]:
        at = self._text.find(needle)
        while at >= 0:
            row = bisect_right(self._starts, at) - 1
            yield self._rows[row]
            end = self._text.find("\n", at + 1)
            at = self._text.find(needle, max(end, at + 1))


def read_tags(files: Iterable[FileState]) -> TagList:
    """The tags of some files; what cannot be read is left out, and told in the log."""
    tags: list[tuple[Tag, tuple[str, ...]]] = []
    for path, _, size in files:
        try:
            if size > MAX_FILE_BYTES:
                raise ValueError(f"is larger than {MAX_FILE_BYTES // 2**20} MiB. Split it into several files.")
            with path.open(encoding="utf-8-sig", newline="") as file:
                tags.extend(_tags_of(file))
        except (OSError, UnicodeDecodeError, csv.Error, ValueError) as error:
            log.warning("%s is left out of the suggestions: %s", path, error)
    if len(tags) > MAX_TAGS:
        log.warning("There are %d tags; those after the first %d are left out of the suggestions.", len(tags), MAX_TAGS)
    return TagList(tags[:MAX_TAGS])


def _tags_of(lines: Iterable[str]) -> Iterator[tuple[Tag, tuple[str, ...]]]:
    for number, row in enumerate(csv.reader(line.replace("\0", "") for line in lines)):
        name = row[0].strip() if row else ""
        if not name or len(name) > _MAX_NAME or name.startswith("#") or (number == 0 and name.lower() in _HEADINGS):
            continue
        aliases = row[3].split(",")[:_MAX_ALIASES] if len(row) > 3 else []
        yield Tag(name, _count(row[2] if len(row) > 2 else "")), _names(aliases)


def _names(aliases: Iterable[str]) -> tuple[str, ...]:
    return tuple(name for alias in aliases if (name := alias.strip()) and len(name) <= _MAX_NAME)


def _count(cell: str) -> int:
    return int(cell) if cell.strip().isdecimal() and len(cell) < 16 else 0
