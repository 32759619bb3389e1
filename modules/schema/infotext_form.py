"""The form of an infotext: a text taken apart, and put together.

    {prompt, any number of lines}
    Negative prompt: {negative, any number of lines; left out when empty}
    Key: value, Key: value, ...

A value that holds a comma, a colon or a line end is written as a JSON string. A text is read in one pass: its length
alone decides how long that takes. What A1111's form cannot carry (a prompt whose own line starts with "Negative
prompt:", say) is added in full as `Exact prompt` and `Exact negative prompt`, which A1111 ignores.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

NEGATIVE_LABEL = "Negative prompt:"
EXACT_PROMPT, EXACT_NEGATIVE = "Exact prompt", "Exact negative prompt"
TEMPLATE, NEGATIVE_TEMPLATE = "Template", "Negative Template"
HIRES_TEMPLATE, HIRES_NEGATIVE_TEMPLATE = "Hires Template", "Hires Negative Template"
_MIN_PAIRS = 3
_NEVER_SIZES = {
    "Model",
    "VAE",
    "Refiner",
    "Script",
    "Sections",
    "Hires checkpoint",
    "Hires sampler",
    "Hires schedule type",
    "Hires prompt",
    "Hires negative prompt",
    "Hires upscaler",
    "SD upscale upscaler",
    EXACT_PROMPT,
    EXACT_NEGATIVE,
    TEMPLATE,
    NEGATIVE_TEMPLATE,
    HIRES_TEMPLATE,
    HIRES_NEGATIVE_TEMPLATE,
}
"""Keys whose values are words, even where they look like 512x768."""


@dataclass(frozen=True)
class Infotext:
    """A text taken apart; `parameters` keeps the order and the wording of the text."""

    prompt: str
    negative_prompt: str
    parameters: Mapping[str, str] = field(default_factory=dict)


def write_form(
    prompt: str, negative_prompt: str, parameters: Mapping[str, object], *, last: Mapping[str, object]
) -> str:
    """The text of two prompts and parameters; those of `last` end the line."""
    text = _laid_out(prompt, negative_prompt, {**parameters, **last})
    read = parse_infotext(text)
    if (read.prompt, read.negative_prompt) == (prompt, negative_prompt):
        return text
    exact = {EXACT_PROMPT: prompt, EXACT_NEGATIVE: negative_prompt}
    return _laid_out(prompt, negative_prompt, {**parameters, **exact, **last})


def parse_infotext(text: str) -> Infotext:
    """Take any text apart; never raises. Text without a parameter line is all prompt."""
    *lines, last = text.strip().split("\n")
    pairs = _pairs(last)
    if len(pairs) < _MIN_PAIRS:
        lines, pairs = [*lines, last], []
    prompt: list[str] = []
    negative: list[str] = []
    current = prompt
    for line in (raw.strip() for raw in lines):
        if line.startswith(NEGATIVE_LABEL):
            current = negative
            line = line[len(NEGATIVE_LABEL) :].strip()
        current.append(line)
    parameters: dict[str, str] = {}
    for key, value in pairs:
        parameters.update(_sizes(key, value) or {key: value})
    return Infotext(
        prompt=parameters.get(EXACT_PROMPT, "\n".join(prompt)),
        negative_prompt=parameters.get(EXACT_NEGATIVE, "\n".join(negative)),
        parameters=parameters,
    )


def write_parameters(parameters: Mapping[str, object]) -> str:
    """The line `Key: value, Key: value`."""
    return ", ".join(f"{key}: {_quoted(str(value))}" for key, value in parameters.items())


def _laid_out(prompt: str, negative_prompt: str, parameters: Mapping[str, object]) -> str:
    line = write_parameters(parameters)
    negative = f"\n{NEGATIVE_LABEL} {negative_prompt}" if negative_prompt else ""
    return f"{prompt}{negative}\n{line}".strip()


def _quoted(value: str) -> str:
    awkward = any(mark in value for mark in ",:\n") or value.startswith('"') or value != value.strip() or not value
    return json.dumps(value, ensure_ascii=False) if awkward else value


def _unquoted(value: str) -> str:
    if len(value) < 2 or not (value[0] == value[-1] == '"'):
        return value
    try:
        text = json.loads(value)
    except ValueError:
        return value
    # JSON can spell half a character, which neither a page nor a file can hold.
    return text.encode("utf-8", "replace").decode("utf-8") if isinstance(text, str) else value


def _sizes(key: str, value: str) -> dict[str, str] | None:
    width, cross, height = value.partition("x")
    if key not in _NEVER_SIZES and cross and _is_number(width) and _is_number(height):
        return {f"{key}-1": width, f"{key}-2": height}
    return None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def _pairs(line: str) -> list[tuple[str, str]]:
    """All `Key: value` pairs of a line, left to right; keys are two or more of letters, digits, _, space, - and /."""
    pairs = []
    position = 0
    while (colon := line.find(":", position)) >= 0:
        start = colon
        while start > position and _is_key_character(line[start - 1]):
            start -= 1
        while start < colon and not _is_word_character(line[start]):
            start += 1
        if colon - start < 2:
            position = colon + 1
            continue
        value, position = _value(line, colon + 1)
        pairs.append((line[start:colon], value))
    return pairs


def _value(line: str, start: int) -> tuple[str, int]:
    """The value that begins at `start`, and the place after the comma that ends it."""
    while start < len(line) and line[start].isspace():
        start += 1
    end = _end_of_quotes(line, start)
    if end is None or not (end == len(line) or line[end] == ","):
        comma = line.find(",", start)
        end = len(line) if comma < 0 else comma
    return _unquoted(line[start:end]), min(end + 1, len(line))


def _end_of_quotes(line: str, start: int) -> int | None:
    """The place after the closing quote of a string that opens at `start`; None where there is no such string."""
    if not line.startswith('"', start):
        return None
    position = start + 1
    while position < len(line):
        if line[position] == "\\":
            position += 2
        elif line[position] == '"':
            return position + 1 if position > start + 1 else None
        else:
            position += 1
    return None


def _is_word_character(character: str) -> bool:
    return character.isalnum() or character == "_"


def _is_key_character(character: str) -> bool:
    return _is_word_character(character) or character in " -/"
