"""What a person may want to know about a prompt. Never an exception: every text is a legal prompt."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """Something in a prompt that probably was meant otherwise.

    `position` counts characters from 0; `line` and `column` count from 1, as editors do; `message` is a sentence.
    """

    position: int
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"Line {self.line}, character {self.column}: {self.message}"


def problem_at(text: str, position: int, message: str) -> Problem:
    """A problem at a character offset of `text`, with line and column counted."""
    before = text[:position]
    return Problem(position, before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1, message)
