"""Brackets without a partner, for the person who types. A prompt with such brackets is legal all the same."""

from __future__ import annotations

import re

from modules.prompt.comments import comment_spans
from modules.prompt.extra_networks import extra_networks
from modules.prompt.parsing import parse
from modules.prompt.problems import Problem, problem_at

_BRACKET = re.compile(r"\\.|[()\[\]]", re.DOTALL)
_PARTNER = {"(": ")", ")": "(", "[": "]", "]": "["}


def bracket_problem(text: str) -> Problem | None:
    """The first bracket of a prompt that has no partner, with what it does as it stands; None when all have one.

    Escaped brackets, comments and extra-network tags do not count.
    """
    visible = _without_asides(text)
    waiting: list[tuple[str, int]] = []
    for match in _BRACKET.finditer(visible):
        mark, position = match.group(), match.start()
        if mark in ("(", "["):
            waiting.append((mark, position))
        elif mark in _PARTNER:
            if not waiting or waiting[-1][0] != _PARTNER[mark]:
                return _mismatch(text, waiting, mark, position)
            waiting.pop()
    return _never_closed(text, *waiting[-1]) if waiting else None


def prompt_problem(text: str) -> Problem | None:
    """What the UI may warn of: a bracket without a partner, else why nothing in the prompt is scheduled."""
    return bracket_problem(text) or parse(_without_asides(text)).problem


def _mismatch(text: str, waiting: list[tuple[str, int]], mark: str, position: int) -> Problem:
    if any(opened == _PARTNER[mark] for opened, _ in waiting):
        opened, _ = waiting[-1]
        return problem_at(text, position, f"“{mark}” closes before the “{opened}” inside it does")
    return problem_at(text, position, f"“{mark}” closes nothing, so it is text; “\\{mark}” says that it is meant")


def _never_closed(text: str, mark: str, position: int) -> Problem:
    return problem_at(text, position, f"“{mark}” is never closed, so it holds to the end; “\\{mark}” makes it text")


def _without_asides(text: str) -> str:
    """The text with spaces in place of comments and tags, so that positions stay what they are."""
    visible = _blanked(text, comment_spans(text))
    tags = extra_networks(visible)
    return _blanked(visible, [(tag.position, tag.position + len(tag.source)) for tag in tags])


def _blanked(text: str, spans: list[tuple[int, int]]) -> str:
    kept: list[str] = []
    end = 0
    for start, stop in spans:
        kept += [text[end:start], " " * (stop - start)]
        end = stop
    return "".join([*kept, text[end:]])
