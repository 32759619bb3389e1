"""The parts of a prompt between commas, bars and the like."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

BRACKETS: Mapping[str, str] = {")": "(", "]": "[", "}": "{"}


def parts(prompt: str, separator: str = "|", brackets: Mapping[str, str] = BRACKETS) -> list[str]:
    """The texts between the separators. One inside brackets, or after a backslash, belongs to them."""
    open_at: dict[str, list[int]] = {mark: [] for mark in brackets.values()}
    depths = [0] * (len(prompt) + 1)
    found: list[int] = []
    place = 0
    while place < len(prompt):
        mark = prompt[place]
        if mark == "\\":
            place += 1
        elif mark in open_at:
            open_at[mark].append(place)
        elif mark in brackets and open_at[brackets[mark]]:
            depths[open_at[brackets[mark]].pop()] += 1
            depths[place] -= 1
        elif mark == separator:
            found.append(place)
        place += 1
    within = list(itertools.accumulate(depths))
    ends = [-1, *(one for one in found if not within[one]), len(prompt)]
    return [prompt[start + 1 : stop] for start, stop in itertools.pairwise(ends)]
