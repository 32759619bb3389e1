"""Tags that add networks: `<lora:name:0.8>`, `<lora:name:te=0.5:unet=0.8:dyn=4>`, `<hypernet:name:0.5>`.

    tag      = "<" kind ":" argument { ":" argument } ">"       kind: letters, digits and underscores
    argument = name "=" value | value                           exactly one "=" makes an argument a named one
    first    = "te=" | "unet=" | "dyn=" | "steps=", value       the first is the network's name, unless it begins so
    range    = number "-" number                                an argument of a LoRA that may stand anywhere

A tag ends at the first ">". Whatever is not a whole tag is text. `<lora:name:0.8:0.2-0.7>` works from the first fifth
of a pass's steps on until seven tenths of them are over; the range has no name, or is called `steps`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from modules.errors import InvalidRequest
from modules.prompt.comments import strip_comments

_KIND = re.compile(r"<(\w+):")
_NUMBER = r"[0-9]{1,9}(?:\.[0-9]{0,9})?|\.[0-9]{1,9}"
_RANGE = re.compile(f"(?:{_NUMBER})-(?:{_NUMBER})")
LORA_KINDS = frozenset({"lora", "lyco"})
HYPERNETWORK_KIND = "hypernet"
NAMED_ARGUMENTS = ("te", "unet", "dyn", "steps")


@dataclass(frozen=True)
class NetworkTag:
    """A tag as written: kind, arguments by place, arguments by name, and its character offset in the text."""

    kind: str
    arguments: tuple[str, ...]
    named: tuple[tuple[str, str], ...]
    position: int
    source: str


@dataclass(frozen=True)
class LoraUse:
    """What a `<lora:...>` or `<lyco:...>` tag asks for.

    `text_encoder` and `unet` are multipliers; `dimension` is the rank to which a network trained for changing ranks
    is cut, or None. `begin` and `end` are shares of a pass's steps.
    """

    name: str
    text_encoder: float
    unet: float
    dimension: int | None
    begin: float = 0.0
    end: float = 1.0

    def acts_at(self, share: float) -> bool:
        """Whether it works in the step that begins after that share of them, 0 to below 1."""
        return self.begin <= share < self.end


@dataclass(frozen=True)
class HypernetworkUse:
    """What a `<hypernet:name:strength>` tag asks for."""

    name: str
    strength: float


def take_extra_networks(text: str) -> tuple[str, list[NetworkTag]]:
    """The text without its tags, and the tags in order."""
    tags = extra_networks(text)
    kept, end = [], 0
    for tag in tags:
        kept.append(text[end : tag.position])
        end = tag.position + len(tag.source)
    return "".join([*kept, text[end:]]), tags


def extra_networks(text: str) -> list[NetworkTag]:
    """The tags of a text in order."""
    tags: list[NetworkTag] = []
    end = 0
    while (opening := _KIND.search(text, end)) is not None:
        close = text.find(">", opening.end())
        if close < 0:
            break
        end = close + 1
        if close == opening.end():
            end = opening.end()
            continue
        tags.append(_tag(opening.group(1), text[opening.end() : close], opening.start(), text[opening.start() : end]))
    return tags


def lora_use(tag: NetworkTag) -> LoraUse | None:
    """Read a `lora` or `lyco` tag: `<lora:name:te:unet:dyn>`, each also by name. None for tags of other kinds.

    One number is for both networks. Raises InvalidRequest, naming the tag, for a number that is none and a range that
    is empty.
    """
    if tag.kind not in LORA_KINDS:
        return None
    begin, end = _step_range(tag)
    tag = replace(tag, arguments=(*tag.arguments[:1], *_without_ranges(tag.arguments[1:])))
    text_encoder = _multiplier(tag, 1, "te", 1.0)
    unet = _multiplier(tag, 2, "unet", text_encoder)
    dimension = _argument(tag, 3, "dyn")
    return LoraUse(_name(tag), text_encoder, unet, None if dimension is None else _rank(tag, dimension), begin, end)


def lora_uses(text: str) -> tuple[LoraUse, ...]:
    """What all tags of a text ask for, in order. Raises InvalidRequest as `lora_use` does."""
    return tuple(use for use in map(lora_use, extra_networks(strip_comments(text))) if use is not None)


def hypernetwork_use(tag: NetworkTag) -> HypernetworkUse | None:
    """Read a `hypernet` tag; None for tags of other kinds. Raises InvalidRequest for a number that is none."""
    return HypernetworkUse(_name(tag), _multiplier(tag, 1, "", 1.0)) if tag.kind == HYPERNETWORK_KIND else None


def _tag(kind: str, content: str, position: int, source: str) -> NetworkTag:
    arguments, named = [], []
    for place, argument in enumerate(content.split(":")):
        name, equals, value = argument.partition("=")
        if equals and "=" not in value and (place or name in NAMED_ARGUMENTS):
            named.append((name, value))
        else:
            arguments.append(argument)
    return NetworkTag(kind, tuple(arguments), tuple(named), position, source)


def _argument(tag: NetworkTag, place: int, name: str) -> str | None:
    """An argument by name, else by place; the last one of a name counts."""
    for own_name, value in reversed(tag.named):
        if name and own_name == name:
            return value
    return tag.arguments[place] if place < len(tag.arguments) else None


def _name(tag: NetworkTag) -> str:
    if not tag.arguments:
        raise _refusal(tag, "names no network", f"Write the name after <{tag.kind}:")
    return tag.arguments[0]


def _multiplier(tag: NetworkTag, place: int, name: str, default: float) -> float:
    written = _argument(tag, place, name)
    if written is None:
        return default
    try:
        value = float(written)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise _refusal(tag, f"has the multiplier {written!r}", "Write a number such as 0.8")
    return value


def _without_ranges(arguments: Iterable[str]) -> list[str]:
    return [one for one in arguments if not _RANGE.fullmatch(one)]


def _step_range(tag: NetworkTag) -> tuple[float, float]:
    named = [value for name, value in tag.named if name == "steps"]
    written = named or [one for one in tag.arguments[1:] if _RANGE.fullmatch(one)]
    if not written:
        return 0.0, 1.0
    begin, _, end = written[-1].partition("-")
    if _RANGE.fullmatch(written[-1]) and 0 <= float(begin) < float(end) <= 1:
        return float(begin), float(end)
    raise _refusal(tag, f"has the range {written[-1]!r}", "Write two shares of the steps such as 0.2-0.7")


def _rank(tag: NetworkTag, written: str) -> int:
    if not (written.isascii() and written.isdigit() and 0 < len(written) < 10 and int(written)):
        raise _refusal(tag, f"has the rank {written!r}", "Write a whole number such as 8 for dyn")
    return int(written)


def _refusal(tag: NetworkTag, problem: str, remedy: str) -> InvalidRequest:
    return InvalidRequest("Prompt", tag.source, f"(at character {tag.position + 1}) {problem}", f"{remedy}.")
