"""`# comments`: from a number sign to the end of its line.

`\\#` is a number sign that begins no comment; the backslash goes when the text is weighed.
"""

from __future__ import annotations

import re

# The alternatives begin with different characters; what the first one skips cannot begin the second.
_COMMENT = re.compile(r"\\.|#[^\n]*", re.DOTALL)


def strip_comments(text: str) -> str:
    """The text without comments; a line with nothing but a comment goes altogether."""
    kept: list[str] = []
    end = 0
    for start, stop in comment_spans(text):
        begins_line = start == 0 or text[start - 1] == "\n"
        kept.append(text[end:start])
        end = min(stop + 1, len(text)) if begins_line else stop
    return "".join([*kept, text[end:]])


def comment_spans(text: str) -> list[tuple[int, int]]:
    """Where the comments are, as character offsets, without the line feeds after them."""
    return [match.span() for match in _COMMENT.finditer(text) if match.group().startswith("#")]
