"""A request's fields on a command line: a flag for each, and what was typed behind it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from modules.config.field_words import FieldWords, Kind


def add_fields(command: argparse.ArgumentParser, table: Mapping[str, FieldWords]) -> None:
    """One flag for each field of a request; values go to it as they are typed: it checks them and words the refusal."""
    groups: dict[str, argparse._ArgumentGroup] = {}
    for name, words in table.items():
        how: dict[str, Any] = {"help": words.help.replace("%", "%%"), **_WAYS_TO_TYPE[words.kind]}
        if not words.kind.startswith("switch"):
            how["metavar"] = words.metavar
        if not words.flag:
            command.add_argument(name, **(how if words.kind == "value" else {**how, "action": None, "nargs": "+"}))
            continue
        if words.group not in groups:
            groups[words.group] = command.add_argument_group(words.group)
        groups[words.group].add_argument(words.flag, **how)


def typed_fields(options: argparse.Namespace, table: Mapping[str, FieldWords]) -> dict[str, Any]:
    """What was typed, by the names of the fields: texts, True and False, lists of texts, Paths, dicts."""
    fields = {}
    for name, words in table.items():
        value = getattr(options, words.flag.removeprefix("--").replace("-", "_") or name)
        if value is not None:
            fields[name] = _PUT_TOGETHER[words.kind](value) if words.kind in _PUT_TOGETHER else value
    return fields


def _by_name(pairs: Sequence[tuple[str, str]]) -> dict[str, str | tuple[str, ...]]:
    """What was typed of each name: a text, or several of them."""
    values: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        values[name] = (*values.get(name, ()), value)
    return {name: several if len(several) > 1 else several[0] for name, several in values.items()}


def _by_section(rows: Sequence[tuple[str, tuple[str, str] | None]]) -> dict[str, dict[str, str | tuple[str, ...]]]:
    """What was typed for each section; one without values is on with its usual ones."""
    given: dict[str, list[tuple[str, str]]] = {}
    for name, pair in rows:
        given.setdefault(name, []).extend([] if pair is None else [pair])
    return {name: _by_name(pairs) for name, pairs in given.items()}


def _section(text: str) -> tuple[str, tuple[str, str] | None]:
    name, colon, value = text.partition(":")
    if not name.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is no NAME or NAME:ARGUMENT=VALUE")
    return name.strip(), _pair(value) if colon else None


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is no NAME=VALUE")
    return name, value


_WAYS_TO_TYPE: dict[Kind, dict[str, Any]] = {
    "value": {},
    "switch": {"action": "store_const", "const": True},
    "switched on": {"action": argparse.BooleanOptionalAction, "default": None},
    "list": {"action": "append"},
    "picture": {"type": Path},
    "pictures": {"action": "append", "type": Path},
    "pairs": {"action": "append", "type": _pair},
    "sections": {"action": "append", "type": _section},
}
_PUT_TOGETHER: Mapping[Kind, Callable[[Any], Any]] = {"pairs": _by_name, "sections": _by_section}
"""What becomes of the rows that were typed."""
