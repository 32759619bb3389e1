"""Prompt tools: texts before and behind the prompt, replaced words, tidy commas, parts in another order."""

from __future__ import annotations

import re
from collections.abc import Mapping

from modules.builtin.prompt_parts import BRACKETS, parts
from modules.hooks import (
    Arguments,
    ChangeContext,
    InvalidRequest,
    Number,
    Section,
    Switch,
    Text,
    drawn_seed,
    hookimpl,
    strip_comments,
)

ARROW = "=>"
_AROUND = {**BRACKETS, ">": "<"}
_STAYS = re.compile(r"\bBREAK\b")
_COMPOSED = re.compile(r"\bAND\b")


def parts_of(text: str) -> list[str]:
    """The parts of a prompt between commas, those in brackets and tags aside; without comments and empty parts."""
    found = (" ".join(part.split()) for part in parts(strip_comments(text), ",", _AROUND))
    return [part for part in found if part]


def shuffled(rows: list[str], seed: int, keep: int) -> list[str]:
    """The parts behind the first `keep` in an order that follows from the seed.

    A part with BREAK stays where it is, and so do all parts of a prompt that AND composes, where the last part of each
    may have its weight.
    """
    if any(map(_COMPOSED.search, rows)):
        return rows
    free = [place for place in range(keep, len(rows)) if not _STAYS.search(rows[place])]
    order = sorted(free, key=lambda place: drawn_seed("Prompt tools", seed, place))
    moved = dict(zip(free, order, strict=True))
    return [rows[moved.get(place, place)] for place in range(len(rows))]


def replacements(lines: str) -> list[tuple[str, str]]:
    """What is looked for, and what takes its place, of lines like `cat => dog`. Raises InvalidRequest."""
    found = []
    for line in filter(str.strip, lines.split("\n")):
        words, arrow, others = line.partition(ARROW)
        if not (arrow and words.strip()):
            raise InvalidRequest("Replace", line, "is no replacement", f"Write words {ARROW} others, one in each line.")
        found.append((words.strip(), others.strip()))
    return found


def _without_repeated(rows: list[str]) -> list[str]:
    """Each part once, where it comes first, in any case."""
    firsts: dict[str, str] = {}
    for row in rows:
        firsts.setdefault(row.lower(), row)
    return list(firsts.values())


def _worked_on(text: str, arguments: Arguments, seed: int) -> str:
    for words, others in replacements(arguments["replace"]):
        text = text.replace(words, others)
    if not (arguments["tidy"] or arguments["shuffle"]):
        return text
    rows = parts_of(text)
    return ", ".join(shuffled(rows, seed, arguments["keep"]) if arguments["shuffle"] else rows)


def _joined(*texts: str) -> str:
    return ", ".join(text for text in texts if text.strip())


class PromptTools(Section):
    """What a person does to every prompt, done to what was typed."""

    name = "Prompt tools"
    help = "changes the prompts before styles and wildcards are carried out; what was typed is kept"
    arguments = (
        Text(name="prefix", label="Put before the prompt", key="Prompt tools before"),
        Text(name="suffix", label="Put behind the prompt", key="Prompt tools behind"),
        Text(name="negative", label="Put behind the negative prompt", key="Prompt tools negative"),
        Text(
            name="replace",
            label="Replace",
            help="in each line: words => others",
            key="Prompt tools replace",
            lines=3,
        ),
        Switch(name="tidy", label="Tidy commas and spaces", key="Prompt tools tidy", default=True),
        Switch(name="drop_repeated", label="Drop repeated parts", key="Prompt tools without repeated"),
        Switch(
            name="shuffle",
            label="Shuffle the parts",
            help="the order of what stands between commas follows from each picture's seed",
            key="Prompt tools shuffle",
        ),
        Number(
            name="keep",
            label="First parts that stay in their places",
            key="Prompt tools kept parts",
            default=1,
            minimum=0,
            maximum=75,
            whole=True,
        ),
        Switch(
            name="with_negative",
            label="Treat the negative prompt alike",
            key="Prompt tools on negative",
        ),
    )

    def change_request(self, context: ChangeContext) -> Mapping[str, str]:
        arguments, request = context.arguments, context.request
        changed = {}
        for name in ("prompt", "hr_prompt"):
            text = getattr(request, name, "")
            if text or name == "prompt":
                worked = _worked_on(text, arguments, context.seed)
                changed[name] = _finished(_joined(arguments["prefix"], worked, arguments["suffix"]), arguments)
        for name in ("negative_prompt", "hr_negative_prompt"):
            text = getattr(request, name, "")
            if text or name == "negative_prompt":
                worked = _worked_on(text, arguments, context.seed) if arguments["with_negative"] else text
                joined = _joined(worked, arguments["negative"])
                changed[name] = _finished(joined, arguments) if arguments["with_negative"] else joined
        return changed


def _finished(text: str, arguments: Arguments) -> str:
    return ", ".join(_without_repeated(parts_of(text))) if arguments["drop_repeated"] else text


@hookimpl
def register_sections() -> list[Section]:
    """The tools."""
    return [PromptTools()]
