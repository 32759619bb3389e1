r"""A prompt with wildcards and variants: which words in it are to be chosen, and which are just text.

Grammar. Everything that does not fit it is text and stays as it is, character for character:

    template = { text | wildcard | variant }
    wildcard = "__" name "__"
    name     = 1 to 200 letters, digits and - . / * @ ~, between any two of them one space or underscore at most
    variant  = "{" option "|" option { "|" option } "}"
             | "{" count "$$" [ separator "$$" ] option { "|" option } "}"
    option   = [ weight "::" ] template
    count    = n | low "-" high | low "-" | "-" high
    comment  = "#" to the end of the line

What decides between the meanings of braces: a bar at their own level or a count makes them a variant; all others are
text, so `{prompt}` is left to styles and `{x}` to the prompt language. A bar inside `[a|b]` belongs to the brackets. A
backslash takes the meaning from the character after it, and a comment holds nothing; both stay in the text, since the
prompt language removes them. An opening without its end is text.

The result is a tree of dynamicprompts' commands. Its own parser is not used: it refuses prompts with a stray `%`, `$`
or `__`, cuts comments, and splits `[a|b]`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from dynamicprompts.commands import (
    Command,
    LiteralCommand,
    SequenceCommand,
    VariantCommand,
    VariantOption,
    WildcardCommand,
)

from modules.errors import InvalidRequest

MAX_NESTING = 32
"""How deep variants and wildcards may lie in one another, counted together."""
MAX_CHOICES = 1000
"""Variants and wildcards of one text."""

_NAME_CHARACTER = r"(?:[^\W_]|[-./*@~])"
_NAME = rf"{_NAME_CHARACTER}(?:[ _]?{_NAME_CHARACTER}){{0,199}}"
_MARKS = rf"\\.|__(?P<name>{_NAME})__|<(?=\w+:)|[{{}}\[\]|>\n]"
# Names hold no double underscore, so that no part of a text is looked at from more than one opening.
_TOKEN = re.compile(rf"#[^\n]*|{_MARKS}", re.DOTALL)
_TOKEN_WITHOUT_COMMENTS = re.compile(_MARKS, re.DOTALL)
_WHOLE_NAME = re.compile(_NAME)
_COUNT = re.compile(
    r"[ \t]{0,8}(?:(?P<low>\d{1,4})?(?P<dash>-))?(?P<high>\d{1,4})?\$\$(?:(?P<separator>[^${}]{0,100})\$\$)?"
)
_WEIGHT = re.compile(r"\s{0,8}(\d{1,6}(?:\.\d{0,6})?|\.\d{1,6})::")


@dataclass(frozen=True)
class TagWildcard(WildcardCommand):
    """A wildcard inside a tag such as `<lora:a__b__c:1>`: text where there is none of that name."""


@dataclass(frozen=True, slots=True)
class _Item:
    """A wildcard or a variant and where it stands in the text."""

    start: int
    end: int
    command: WildcardCommand | None = None
    bars: tuple[int, ...] = ()


@dataclass(slots=True)
class _Opening:
    """A bracket whose end was not seen yet, with the bars at its own level."""

    bracket: str
    start: int
    bars: list[int] = field(default_factory=list)
    nesting: int = 0


def parse_template(text: str, *, comments: bool = True) -> Command:
    """The tree of a template; a LiteralCommand if there is nothing to choose in it.

    `comments`: whether `#` begins a comment. Linear in the length of the text. Raises InvalidRequest for more than
    MAX_CHOICES choices and for variants nested deeper than MAX_NESTING.
    """
    items = _find_items(text, _TOKEN if comments else _TOKEN_WITHOUT_COMMENTS)
    return _Builder(text, items).template(0, len(text)) if items else LiteralCommand(text)


def split_weight(text: str) -> tuple[float, str]:
    """An option or a value without the weight in front of it: `3::red` is (3.0, "red")."""
    match = _WEIGHT.match(text)
    return (float(match[1]), text[match.end() :]) if match else (1.0, text)


def is_wildcard_name(name: str) -> bool:
    """Whether a template can call a wildcard by that name."""
    return _WHOLE_NAME.fullmatch(name) is not None


def choices_in(command: Command) -> Iterator[tuple[WildcardCommand | VariantCommand, int]]:
    """Every wildcard and variant of a tree, with the number of variants around it."""
    waiting = [(command, 0)]
    while waiting:
        node, nesting = waiting.pop()
        if isinstance(node, WildcardCommand):
            yield node, nesting
        elif isinstance(node, VariantCommand):
            yield node, nesting
            waiting.extend((value, nesting + 1) for value in reversed(node.values))
        elif isinstance(node, SequenceCommand):
            waiting.extend((token, nesting) for token in reversed(node.tokens))


def _find_items(text: str, token: re.Pattern[str]) -> list[_Item]:
    """Wildcards and variants, in the order in which they begin."""
    items: list[_Item] = []
    openings: list[_Opening] = []
    braces = 0
    in_tag = False
    for match in token.finditer(text):
        mark, position = match[0], match.start()
        if match["name"]:
            kind = TagWildcard if in_tag else WildcardCommand
            items.append(_Item(position, match.end(), kind(match["name"])))
        elif mark in "{[":
            openings.append(_Opening(mark, position))
            braces += mark == "{"
        elif mark == "|" and openings:
            openings[-1].bars.append(position)
        elif mark == "]" and openings and openings[-1].bracket == "[":
            _hand_up(openings, openings.pop().nesting)
        elif mark == "}" and braces:
            braces -= 1
            items.extend(_close_brace(text, openings, position))
        elif mark in "<>\n":
            in_tag = mark == "<"
        if len(items) > MAX_CHOICES:
            problem = f"holds more than {MAX_CHOICES:,} variants and wildcards"
            raise InvalidRequest("Prompt", text, problem, "Split it into several prompts.")
    return sorted(items, key=lambda item: item.start)


def _close_brace(text: str, openings: list[_Opening], position: int) -> Iterator[_Item]:
    """Take the last open brace off the stack; yields a variant if it is one."""
    inner = []
    while openings[-1].bracket != "{":
        inner.append(openings.pop())  # a bracket without its end is text, so its bars belong to the brace
    brace = openings.pop()
    bars = (*brace.bars, *(bar for opening in reversed(inner) for bar in opening.bars))
    nesting = max((opening.nesting for opening in inner), default=0)
    nesting = max(nesting, brace.nesting)
    if bars or _count_at(text, brace.start + 1):
        nesting += 1
        if nesting > MAX_NESTING:
            raise InvalidRequest(
                "Variant",
                text[brace.start :],
                f"at character {brace.start + 1} holds variants nested more than {MAX_NESTING} deep",
                "Take some of the inner ones out.",
            )
        yield _Item(brace.start, position + 1, bars=bars)
    _hand_up(openings, nesting)


def _hand_up(openings: list[_Opening], nesting: int) -> None:
    if openings:
        openings[-1].nesting = max(openings[-1].nesting, nesting)


def _count_at(text: str, position: int) -> re.Match[str] | None:
    match = _COUNT.match(text, position)
    return match if match and (match["low"] or match["high"]) else None


class _Builder:
    """Makes the tree from the items, each of which is visited once."""

    def __init__(self, text: str, items: list[_Item]) -> None:
        self._text = text
        self._items = items
        self._next = 0

    def template(self, start: int, end: int) -> Command:
        """The tree of the text between two positions."""
        pieces: list[Command] = []
        while self._next < len(self._items) and self._items[self._next].start < end:
            item = self._items[self._next]
            self._next += 1
            if item.start < start:
                continue  # in a separator, which is text
            if start < item.start:
                pieces.append(LiteralCommand(self._text[start : item.start]))
            pieces.append(item.command or self._variant(item))
            start = item.end
        if start < end or not pieces:
            pieces.append(LiteralCommand(self._text[start:end]))
        return pieces[0] if len(pieces) == 1 else SequenceCommand(pieces)

    def _variant(self, item: _Item) -> VariantCommand:
        start = item.start + 1
        count = _count_at(self._text, start)
        if count:
            start = count.end()
        edges = [*(bar for bar in item.bars if bar >= start), item.end - 1]
        options = []
        for edge in edges:
            options.append(self._option(start, edge))
            start = edge + 1
        if not count:
            return VariantCommand(options)
        high = int(count["high"]) if count["high"] else len(options)
        low = (int(count["low"]) if count["low"] else 1) if count["dash"] else high
        if len(options) == 1:
            options = [VariantOption(_lone_wildcard(options[0].value), options[0].weight)]
            high = high if count["high"] else _NO_LIMIT
        separator = "," if count["separator"] is None else count["separator"]
        return VariantCommand(options, low, high, separator)

    def _option(self, start: int, end: int) -> VariantOption:
        weight = _WEIGHT.match(self._text, start, end)
        return VariantOption(self.template(weight.end() if weight else start, end), float(weight[1]) if weight else 1.0)


_NO_LIMIT = 9999


def _lone_wildcard(command: Command) -> Command:
    """`{2$$ __colour__ }` means the wildcard's values, whatever space there is around its name."""
    if isinstance(command, SequenceCommand):
        words = [
            token for token in command.tokens if not (isinstance(token, LiteralCommand) and token.literal.isspace())
        ]
        if len(words) == 1 and isinstance(words[0], WildcardCommand):
            return words[0]
    return command
