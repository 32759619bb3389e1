"""Styles: pieces of prompt under a name, put around or behind what a person wrote.

A style whose text holds `{prompt}` is put around the prompt, any other behind it after ", ". Several are applied in
order, each to the result of the one before. The rule is that of AUTOMATIC1111's web UI.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from modules.errors import InvalidRequest

PLACEHOLDER = "{prompt}"
SEPARATOR = ", "
MAX_STYLED_CHARACTERS = 131_072
"""What a prompt may grow to; a few styles with two placeholders each would double it again and again."""


@dataclass(frozen=True)
class Style:
    """A named pair of texts for prompt and negative prompt; either may be empty."""

    name: str
    prompt: str = ""
    negative_prompt: str = ""


@dataclass(frozen=True)
class Unstyled:
    """A finished prompt taken apart: what was written, and the styles in the order in which they were applied."""

    prompt: str
    negative_prompt: str
    styles: tuple[Style, ...] = ()


def apply_styles(prompt: str, negative_prompt: str, styles: Iterable[Style]) -> tuple[str, str]:
    """The finished prompt and negative prompt. Raises InvalidRequest if one of them grows too long."""
    for style in styles:
        prompt = _merge(prompt, style.prompt, style.name)
        negative_prompt = _merge(negative_prompt, style.negative_prompt, style.name)
    return prompt, negative_prompt


def extract_styles(prompt: str, negative_prompt: str, styles: Sequence[Style]) -> Unstyled:
    """Find out which styles a finished prompt was made with: the inverse of `apply_styles`.

    Both texts of a style must fit at their ends, character for character, and applying the result again gives the
    same prompts. Where several styles fit, the longest is taken for the last that was applied (their order may not
    show in the prompt); no style is found twice.
    """
    candidates = [
        style for style in styles if not {style.prompt.strip(), style.negative_prompt.strip()} <= {"", PLACEHOLDER}
    ]
    candidates.sort(key=lambda style: -len(style.prompt) - len(style.negative_prompt))
    found: list[Style] = []
    while True:
        for style in candidates:
            inner = _without(prompt, style.prompt)
            inner_negative = _without(negative_prompt, style.negative_prompt)
            if inner is not None and inner_negative is not None:
                break
        else:
            return Unstyled(prompt, negative_prompt, tuple(reversed(found)))
        prompt, negative_prompt = inner, inner_negative
        found.append(style)
        candidates.remove(style)


def _merge(prompt: str, style: str, name: str) -> str:
    placeholders = style.count(PLACEHOLDER)
    if len(style) + len(prompt) * max(1, placeholders) > MAX_STYLED_CHARACTERS:
        problem = f"makes the prompt longer than {MAX_STYLED_CHARACTERS:,} characters"
        raise InvalidRequest("Style", name, problem, "Use fewer styles, or shorten the prompt.")
    return _joined(prompt, style)


def _joined(prompt: str, style: str) -> str:
    if PLACEHOLDER in style:
        return style.replace(PLACEHOLDER, prompt)
    return SEPARATOR.join(part for part in (prompt.strip(), style.strip()) if part)


def _without(text: str, style: str) -> str | None:
    """What the style was merged with to give the text; None if it was not."""
    if PLACEHOLDER in style:
        left, *middle, right = style.split(PLACEHOLDER)
        rest = len(text) - len(left) - len(right) - sum(map(len, middle))
        copies = len(middle) + 1
        inner = text[len(left) : len(left) + rest // copies] if rest >= 0 and rest % copies == 0 else None
    else:
        end = style.strip()
        inner = text[: len(text) - len(end)] if text.endswith(end) else None
        inner = inner.removesuffix(SEPARATOR) if inner and end else inner
    return inner if inner is not None and _joined(inner, style) == text else None
