"""From an infotext to the request that makes its picture again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from modules.errors import InvalidRequest
from modules.schema.infotext_form import NEGATIVE_TEMPLATE, TEMPLATE, Infotext
from modules.schema.infotext_keys import (
    FIELD_OF_KEY,
    OTHER_SPELLINGS,
    SAYS_NOTHING_OF_THE_PICTURE,
    USUAL_NOISE_SCHEDULE,
    WITHOUT_EFFECT,
    ZERO_TERMINAL_SNR,
    reason_against,
)
from modules.schema.infotext_versions import VERSION_KEY, older_meaning
from modules.schema.requests import AUTOMATIC, SIDE_STEP, Txt2ImgRequest

_RESIZE = ("Seed resize from-1", "Seed resize from-2")
_LONGEST_SHOWN = 80


@dataclass(frozen=True)
class NotHonoured:
    """A parameter that the request does not follow; `why` is part of a sentence."""

    key: str
    value: str
    why: str

    def __str__(self) -> str:
        shown = self.value if len(self.value) <= _LONGEST_SHOWN else f"{self.value[: _LONGEST_SHOWN - 1]}…"
        return f"{self.key}: {shown} ({self.why})"


@dataclass(frozen=True)
class Reading:
    """An infotext as a request."""

    request: Txt2ImgRequest
    """Makes the picture again from its final prompts: nothing is left to styles and wildcards."""
    refused: tuple[NotHonoured, ...]
    typed: Txt2ImgRequest | None
    """The same with what was typed, styles and wildcards still to be carried out; None where that is no other."""

    @property
    def not_honoured(self) -> tuple[str, ...]:
        """`refused` as lines for a person."""
        return tuple(map(str, self.refused))


def request_of(infotext: Infotext) -> Reading:
    """The request that makes the picture again; never raises. What cannot be used is left out and listed.

    A key that A1111 leaves out has the value with which it does so: RNG is GPU, Schedule type is Automatic, all others
    have the request's defaults.
    """
    usual: dict[str, Any] = {"scheduler": AUTOMATIC, "rng": "GPU"} if infotext.parameters else {}
    older, lost = older_meaning(infotext)
    request, refused = _fitting({**usual, **older}, list(_offers(infotext)))
    refused += [NotHonoured(*row) for row in (*lost, *_without_meaning(infotext.parameters))]
    return Reading(request, tuple(refused), _typed(infotext.parameters, request))


Offer = tuple[str, str, dict[str, Any]]
"""A key, its value, and the fields that they set."""


def _fitting(fields: dict[str, Any], offers: list[Offer]) -> tuple[Txt2ImgRequest, list[NotHonoured]]:
    """The request of all offers that are good by themselves and beside those before them; why the others are not."""
    try:
        return Txt2ImgRequest.of({**fields, **{name: value for *_, row in offers for name, value in row.items()}}), []
    except InvalidRequest:
        refused = []
    for key, value, offered in offers:
        try:
            Txt2ImgRequest.of({**fields, **offered})
        except InvalidRequest as error:
            refused.append(NotHonoured(key, value, f"{error.problem}. {error.remedy}".rstrip(". ")))
        else:
            fields |= offered
    return Txt2ImgRequest.of(fields), refused


def _offers(infotext: Infotext) -> Iterator[Offer]:
    """Both prompts, and every key that is a field."""
    yield "Prompt", infotext.prompt, {"prompt": infotext.prompt}
    yield "Negative prompt", infotext.negative_prompt, {"negative_prompt": infotext.negative_prompt}
    given = infotext.parameters
    for spelling, value in given.items():
        key = OTHER_SPELLINGS.get(spelling, spelling)
        name = FIELD_OF_KEY.get(key)
        if name is None or key in _RESIZE or _is_lame_variation(key, given) or (key != spelling and key in given):
            continue
        if key == "Noise Schedule":
            yield spelling, value, {name: {ZERO_TERMINAL_SNR: True, USUAL_NOISE_SCHEDULE: False}.get(value, value)}
        else:
            yield spelling, value, {name: value}
    width, height = (given.get(key, "") for key in _RESIZE)
    if width or height:
        sides = {"seed_resize_from_w": _whole_latents(width), "seed_resize_from_h": _whole_latents(height)}
        yield "Seed resize from", f"{width}x{height}", sides


def _without_meaning(given: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Key, value and reason of every key that is no field and still says something of the picture."""
    for key, value in given.items():
        if key in SAYS_NOTHING_OF_THE_PICTURE or key == VERSION_KEY or WITHOUT_EFFECT.get(key) == value:
            continue
        if _is_lame_variation(key, given):
            yield key, value, "the text names no variation seed"
        elif key not in FIELD_OF_KEY and key not in OTHER_SPELLINGS:
            yield key, value, reason_against(key)
    if "Model hash" in given and "Model" not in given:
        yield "Model hash", given["Model hash"], "a checkpoint is found by its name only, and the text names none"


def _is_lame_variation(key: str, given: Mapping[str, str]) -> bool:
    """Whether a strength stands without its seed: a random one would not make the picture again."""
    return key == "Variation seed strength" and "Variation seed" not in given


def _whole_latents(side: str) -> int | str:
    """A side in pixels as A1111 uses it, which rounds it down to whole latents."""
    short = side.isascii() and side.isdecimal() and len(side) < 10
    return int(side) // SIDE_STEP * SIDE_STEP if short else side


def _typed(given: Mapping[str, str], request: Txt2ImgRequest) -> Txt2ImgRequest | None:
    if not any(key in given for key in (TEMPLATE, NEGATIVE_TEMPLATE, "Styles")):
        return None
    try:
        styles = json.loads(given.get("Styles", "[]"))
        return Txt2ImgRequest.of(
            {
                **request.model_dump(),
                "prompt": given.get(TEMPLATE, request.prompt),
                "negative_prompt": given.get(NEGATIVE_TEMPLATE, request.negative_prompt),
                "styles": styles,
                # A1111's well-known extension for wildcards writes the template and nothing of how it was read.
                "wildcards": given.get("Wildcards", VERSION_KEY not in given),
                "wildcard_seed": given.get("Wildcard seed", "-1"),
                "novelai_emphasis": given.get("NovelAI emphasis", "False"),
            }
        )
    except (ValueError, RecursionError, InvalidRequest):
        return None
