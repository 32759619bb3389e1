"""Several prompts in one: `a AND b :0.5`.

`AND` is a word in capitals. A number after a colon at the end of a part is that part's weight, negative ones too;
without one the part weighs 1. White space at the end of a part, and before the colon, goes.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from modules.prompt.emphasis import LARGEST_WEIGHT

_AND = re.compile(r"\bAND\b")
_WEIGHT = re.compile(r"[-+]?(?:\d+\.?|\d*\.\d+)")


class ComposedPart(NamedTuple):
    """One of the prompts, and how much it counts."""

    text: str
    weight: float


def composed_parts(text: str) -> list[ComposedPart]:
    """The parts of a prompt in order; a prompt without `AND` has one."""
    return [_part(part) for part in _AND.split(text)]


def _part(text: str) -> ComposedPart:
    before, colon, after = text.rpartition(":")
    if colon and _WEIGHT.fullmatch(after.strip()):
        weight = float(after)
        return ComposedPart(before.rstrip(), max(-LARGEST_WEIGHT, min(LARGEST_WEIGHT, weight)))
    return ComposedPart(text.rstrip(), 1.0)
