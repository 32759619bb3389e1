"""Prompts written for NovelAI, in this language.

    {x}        x weighs 1.05 times as much          [x]        1 / 1.05 times as much
    1.5::x::   1.5 times; ends at the next `::`, at the next number with `::`, or with the text

Weights multiply. Brackets that are never closed hold to the end of the text; closing ones without a partner are text.
What has a meaning here and none there is escaped: `( ) # \\`.
"""

from __future__ import annotations

import re
from typing import Final

from modules.prompt.emphasis import LARGEST_WEIGHT

STEP: Final = 1.05

# A number is read to its end; then either "::" follows, or the last but one alternative takes all of it as text.
_TOKEN = re.compile(r"(-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))::|::|[{}\[\]()\\#:-]|[0-9.]+|[^{}\[\]()\\#:0-9.-]+")
_ESCAPED = {"(": r"\(", ")": r"\)", "\\": r"\\", "#": r"\#", "]": r"\]"}
_DEEPEST = 100  # 1.05 to the power of 100 is 131; deeper brackets must not make a number that is too large


def from_novelai(text: str) -> str:
    """A NovelAI prompt as a prompt of this language, with the same weights (to four digits)."""
    writer = _Writer()
    for match in _TOKEN.finditer(text):
        mark, number = match.group(), match.group(1)
        if number is not None:
            writer.hold(number=max(-LARGEST_WEIGHT, min(LARGEST_WEIGHT, float(number))))
        elif mark == "::":
            writer.hold(number=1.0)
        elif mark == "{":
            writer.hold(curly=1)
        elif mark == "[":
            writer.hold(square=1)
        elif mark == "}" and writer.curly:
            writer.hold(curly=-1)
        elif mark == "]" and writer.square:
            writer.hold(square=-1)
        else:
            writer.add(_ESCAPED.get(mark, mark))
    return writer.finish()


class _Writer:
    """Text so far, the text of one weight at its end, and what holds over the text to come."""

    def __init__(self) -> None:
        self.curly = self.square = 0
        self._number = self._weight = self._run_weight = 1.0
        self._written: list[str] = []
        self._run: list[str] = []

    def hold(self, *, curly: int = 0, square: int = 0, number: float | None = None) -> None:
        """More or fewer brackets, or another number, hold over what comes."""
        self.curly += curly
        self.square += square
        self._number = self._number if number is None else number
        level = max(-_DEEPEST, min(_DEEPEST, self.curly - self.square))
        self._weight = round(STEP**level * self._number, 4)

    def add(self, text: str) -> None:
        """Add text of the weight that holds now."""
        if self._weight != self._run_weight:
            self._end_run()
            self._run_weight = self._weight
        self._run.append(text)

    def finish(self) -> str:
        """The whole text."""
        self._end_run()
        return "".join(self._written)

    def _end_run(self) -> None:
        content = "".join(self._run)
        self._run.clear()
        body = content.strip()
        if not body or self._run_weight == 1:
            self._written.append(content)
            return
        before, _, after = content.partition(body)
        weight = f"{self._run_weight:.4f}".rstrip("0").rstrip(".")
        self._written.append(f"{before}({body}:{weight}){after}")
