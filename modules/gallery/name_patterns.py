"""Names of files and folders from patterns such as `[model_name]-[seed]`, as A1111 has them.

What a pattern gives is cleaned: it stays in its folder, has no sign that a system refuses, and is not too long.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from modules.config.files import FORBIDDEN_IN_NAMES, safe_name

Fact = Callable[[Sequence[str]], str | None]
"""What a word in brackets stands for, by what stands between < and > behind it; None where it does not apply."""
MOST_FOLDERS = 8
"""One in the other."""
_LONGEST_STEM = 128
_NEVER = str.maketrans(dict.fromkeys(f"#{FORBIDDEN_IN_NAMES}", "_"))
_ARGUMENT = re.compile(r"<([^<>]*)>")


def filled_stem(pattern: str, facts: Mapping[str, Fact]) -> str:
    """What a file is called by a pattern, without number and suffix; may be empty."""
    return _cleaned(_filled(pattern, facts))


def filled_folders(pattern: str, facts: Mapping[str, Fact]) -> str:
    """The folders of a pattern, one in the other with / between them; may be empty."""
    parts = (_cleaned(_filled(part, facts)) for part in pattern.replace("\\", "/").split("/"))
    return "/".join([part for part in parts if part][:MOST_FOLDERS])


def _filled(pattern: str, facts: Mapping[str, Fact]) -> str:
    """The pattern with facts in the place of its words; what is no known word stays as it was written.

    A word that does not apply takes the text before it along.
    """
    found: list[str] = []
    for text, word in _parts(pattern):
        name, arguments = word.partition("<")[0].strip().lower(), _ARGUMENT.findall(word)
        if name not in facts:
            found.append(f"{text}[{word}]" if word else text)
        elif (value := facts[name](arguments)) is not None:
            found.append(text + value.translate(_NEVER))
    return "".join(found)


def _parts(pattern: str) -> Iterator[tuple[str, str]]:
    """Each text with the word in brackets behind it; the last one has none."""
    while True:
        text, opening, rest = pattern.partition("[")
        word, closing, rest = rest.partition("]")
        if not (opening and closing):
            yield pattern, ""
            return
        inner = word.rpartition("[")  # of [[word] the outer bracket is text
        yield f"{text}{inner[1] and '['}{inner[0]}", inner[2]
        pattern = rest


def _cleaned(name: str) -> str:
    """A part of a path that is one everywhere; "" where nothing is left of it."""
    plain = " ".join(name.split()).strip(". ")[:_LONGEST_STEM]
    return safe_name(f"{plain}.x").removesuffix(".x").strip(". ") if plain else ""
