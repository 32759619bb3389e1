"""Words as the index of texts takes them: what a picture is found by, and what a person types into the search box."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from modules.errors import InvalidRequest

MOST_WORDS = 20
_SIGNS = re.compile(
    "([\u2e80-\u2fdf\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff])"
)
"""Letters of scripts that put no spaces between words."""
_TERM = re.compile(r'(-?)(?:"([^"]*)"?|(\S+))')


@dataclass(frozen=True)
class WordQuery:
    """Two expressions of the index's own language, of which at most one is not ""."""

    wanted: str
    unwanted: str
    """What a picture must not match, where nothing is wanted."""


def indexed(text: str) -> str:
    """A text for the index."""
    return _SIGNS.sub(r" \1 ", text)


def word_query(words: str, negative: str = "") -> WordQuery:
    """What was typed: every word has to occur, the last may be only begun, "a phrase" as it stands, -word not at all.

    `negative` is the same for the negative prompt alone. Raises InvalidRequest for more words than are looked for.
    """
    terms = [*_terms(words, ""), *_terms(negative, "negative : ")]
    if len(terms) > MOST_WORDS:
        raise InvalidRequest("Words", len(terms), "are too many to look for", f"The most is {MOST_WORDS}.")
    wanted = " AND ".join(expression for is_wanted, expression in terms if is_wanted)
    unwanted = " OR ".join(expression for is_wanted, expression in terms if not is_wanted)
    if wanted and unwanted:
        return WordQuery(f"({wanted}) NOT ({unwanted})", "")
    return WordQuery(wanted, unwanted)


def _terms(typed: str, column: str) -> Iterator[tuple[bool, str]]:
    """Whether it is wanted, and the expression, of each word and phrase; signs alone are no word."""
    found = list(_TERM.finditer(typed.replace("\x00", " ")))
    for place, match in enumerate(found):
        minus, phrase, word = match.groups()
        is_begun = phrase is None and place == len(found) - 1
        text = indexed(word if phrase is None else phrase).replace('"', " ")
        if any(sign.isalnum() for sign in text):
            yield not minus, f'{column}"{text}"{" *" if is_begun else ""}'
