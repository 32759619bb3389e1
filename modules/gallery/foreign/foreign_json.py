"""JSON of strangers: bounded, and never a fault."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

MOST_CHARACTERS = 2**20
_LONGEST_NUMBER = 40


def object_of(text: str) -> dict[str, Any]:
    """The object that a text is; empty where it is none, or too long or too deep."""
    text = text.strip()
    if not text.startswith("{") or len(text) > MOST_CHARACTERS:
        return {}
    try:
        found = json.loads(text, parse_int=_whole, parse_constant=lambda name: None)
    except (ValueError, RecursionError):  # the latter a thousand brackets deep
        return {}
    return found if isinstance(found, dict) else {}


def part(found: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """The object under the first of some names that has one."""
    return next((value for name in names if isinstance(value := found.get(name), dict)), {})


def parts(found: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The objects of a list."""
    rows = found.get(name)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def words(found: Mapping[str, Any], *names: str) -> str:
    """The text under the first of some names that has one."""
    return next((value for name in names if isinstance(value := found.get(name), str) and value), "")


def _whole(digits: str) -> int:
    if len(digits) > _LONGEST_NUMBER:
        raise ValueError("No parameter has so many digits.")
    return int(digits)
