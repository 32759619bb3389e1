"""Reads the files of the wildcards folder. What cannot be read is reported and left out, never fatal."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml  # type: ignore[import-untyped]
from dynamicprompts.wildcards.item import WildcardItem

from modules.prompt.templates import is_wildcard_name, split_weight

MAX_FILES = 10_000
MAX_FILE_BYTES = 8 * 1024 * 1024
MAX_KEY_DEPTH = 16
_TOO_DEEP = f"nests its names more than {MAX_KEY_DEPTH} deep. Put the inner ones further out."
SUFFIXES = (".txt", ".json", ".yaml", ".yml")

# Read as events, not with a loader: a loader's recursion brings the whole process down on ten thousand brackets, and
# would multiply a few lines of references beyond any memory. Scalars stay the words that were written, so that yes,
# 1970 and a date are prompts.
_LOADER = yaml.CBaseLoader if yaml.__with_libyaml__ else yaml.BaseLoader


@dataclass(frozen=True)
class WildcardFile:
    """One file: wildcards by name with their values in file order, and what could not be used, in sentences."""

    path: Path
    wildcards: dict[str, list[str | WildcardItem]]
    problems: tuple[str, ...] = ()


class _Unusable(Exception):
    """A file or an entry that cannot be used, and why."""


def find_wildcard_files(folder: Path) -> tuple[list[Path], list[str]]:
    """The files below a folder in the order of their names, and sentences on what was left out.

    Links that lead out of the folder, hidden folders and everything but regular files are left out.
    """
    root = folder.resolve()
    found: list[Path] = []
    problems: list[str] = []
    for place, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(place) / name
            if path.suffix.lower() not in SUFFIXES or name.startswith("."):
                continue
            try:
                inside, regular = path.resolve().is_relative_to(root), path.is_file()
            except (OSError, RuntimeError):  # a link in a circle, before Python 3.13 a RuntimeError
                inside, regular = True, False
            if not inside:
                problems.append(f"{path} is a link that leads out of {root}. Copy the file into the folder instead.")
            elif regular:
                found.append(path)
    if len(found) > MAX_FILES:
        problems.append(f"{root} holds {len(found):,} files; those after the first {MAX_FILES:,} are left out.")
    return found[:MAX_FILES], problems


def read_wildcard_file(path: Path, folder: Path) -> WildcardFile:
    """The wildcards of one file. A text file is one wildcard of its own name, below its folder's.

    A YAML or JSON file is a mapping of names to lists, nested at will, or one list under the file's name. Never
    raises for what is in the file.
    """
    relative = path.relative_to(folder.resolve())
    name = relative.with_suffix("").as_posix()
    prefix = "" if relative.parent == Path() else f"{relative.parent.as_posix()}/"
    problems: list[str] = []
    try:
        text = _text(path)
        if path.suffix.lower() == ".txt":
            wildcards = {name: [_weighted(*split_weight(line)) for line in _lines(text)]}
        else:
            wildcards = _structured(_parsed(text, path), name, prefix, problems)
    except _Unusable as reason:
        return WildcardFile(path, {}, (f"{path} {reason}",))
    usable = {}
    for name, values in wildcards.items():
        if not is_wildcard_name(name):
            problems.append(f"names a wildcard {name[:80]!r}, which no prompt can call. Use letters, digits, - and _.")
        elif not values:
            problems.append(f"holds no value for {name}. Put one value on each line.")
        else:
            usable[name] = values
    return WildcardFile(path, usable, tuple(f"{path} {problem}" for problem in problems))


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise _Unusable(f"is larger than {MAX_FILE_BYTES // 1024**2} MiB. Split it into several files.")
        return path.read_bytes().decode("utf-8-sig").replace("\x00", "")
    except OSError as error:
        raise _Unusable(f"cannot be read: {error.strerror}. Check the file's permissions.") from None
    except UnicodeDecodeError as error:
        raise _Unusable(f"is not UTF-8 (byte {error.start + 1}). Save it as UTF-8.") from None


def _lines(text: str) -> Iterator[str]:
    stripped = (line.strip() for line in text.replace("\r", "\n").split("\n"))
    return (line for line in stripped if line and not line.startswith("#"))


def _parsed(text: str, path: Path) -> object:
    try:
        if path.suffix.lower() == ".json":
            return json.loads(text)
        return _yaml_data(text)
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = getattr(error, "lineno", mark.line + 1 if mark else None)
        place = f" in line {line}" if line else ""
        raise _Unusable(f"is no valid {path.suffix.lower()[1:].upper()}{place}. Mend it there.") from None


def _yaml_data(text: str) -> object:
    """The first document: lists, mappings and text."""
    root: list[object] = []
    open_nodes: list[_Node] = [_Node(root)]
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.AliasEvent):
            line = event.start_mark.line + 1
            raise _Unusable(f"repeats a part with * in line {line}. Write the values out there.")
        if isinstance(event, yaml.ScalarEvent):
            open_nodes[-1].add(event.value)
        elif isinstance(event, yaml.CollectionStartEvent):
            content: dict[str, object] | list[object] = {} if isinstance(event, yaml.MappingStartEvent) else []
            open_nodes[-1].add(content)
            open_nodes.append(_Node(content))
            if len(open_nodes) > MAX_KEY_DEPTH + 3:
                raise _Unusable(_TOO_DEEP)
        elif isinstance(event, yaml.CollectionEndEvent):
            open_nodes.pop()
        elif isinstance(event, yaml.DocumentEndEvent):
            break
    return root[0] if root else {}


class _Node:
    """A list or mapping whose end was not read yet."""

    def __init__(self, content: dict[str, object] | list[object]) -> None:
        self._content = content
        self._key: str | None = None

    def add(self, value: object) -> None:
        """The next entry of a list; of a mapping a key and its value in turn."""
        if isinstance(self._content, list):
            self._content.append(value)
        elif self._key is not None:
            self._content[self._key] = value
            self._key = None
        elif isinstance(value, str):
            self._key = value
        else:
            raise _Unusable("uses a list or a mapping as a name. Write a text before each colon.")


def _structured(data: object, name: str, prefix: str, problems: list[str]) -> dict[str, list[str | WildcardItem]]:
    """The lists in nested mappings, by their path of keys."""
    wildcards: dict[str, list[str | WildcardItem]] = {}
    waiting: list[tuple[str, object, int]] = [(prefix, data, 0)] if isinstance(data, dict) else [(name, data, 0)]
    while waiting:
        key, value, depth = waiting.pop()
        if isinstance(value, dict):
            if depth == MAX_KEY_DEPTH:
                raise _Unusable(_TOO_DEEP)
            before = key if depth == 0 else f"{key}/"
            waiting.extend((f"{before}{inner}", value[inner], depth + 1) for inner in reversed(value))
        else:
            wildcards[key] = list(_entries(key, value if isinstance(value, list) else [value], problems))
    return wildcards


def _entries(key: str, entries: list[object], problems: list[str]) -> Iterator[str | WildcardItem]:
    entry: object
    for number, entry in enumerate(entries, 1):
        weight: object = 1.0
        if isinstance(entry, dict):
            weight = entry.get("weight", 1.0)
            entry = entry.get("text", entry.get("content"))
        if isinstance(entry, int | float) and not isinstance(entry, bool):
            entry = str(entry)
        if not isinstance(entry, str) or not _is_weight(weight):
            problems.append(f"has an entry that cannot be used, number {number} of {key[:80]}. Write a text there.")
        elif entry.strip():
            own, text = split_weight(entry.strip())
            yield _weighted(float(str(weight)) * own, text)


def _is_weight(value: object) -> bool:
    try:
        return math.isfinite(number := float(str(value))) and 0 <= number <= 1e6
    except ValueError:
        return False


def _weighted(weight: float, text: str) -> str | WildcardItem:
    return text if weight == 1.0 else WildcardItem(text, weight)
