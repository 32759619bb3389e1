"""From an infotext to the request that makes its picture again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from modules.errors import InvalidRequest
from modules.schema.infotext_form import HIRES_NEGATIVE_TEMPLATE, HIRES_TEMPLATE, NEGATIVE_TEMPLATE, TEMPLATE, Infotext
from modules.schema.infotext_keys import (
    FIELD_OF_KEY,
    LIKE_THE_FIRST,
    OF_A_MASK,
    OF_A_SECOND_PASS,
    OF_AN_INPUT,
    OTHER_SPELLINGS,
    PAIRED_SIDES,
    SAYS_NOTHING_OF_THE_PICTURE,
    VALUE_WORDS,
    WITHOUT_EFFECT,
    reason_against,
)
from modules.schema.infotext_versions import PROGRAM, VERSION_KEY, older_meaning, with_new_sizes
from modules.schema.requests import AUTOMATIC, NO_VAE, SIDE_STEP, Img2ImgRequest, Txt2ImgRequest
from modules.schema.setting_fields import USUAL_FIELDS

_PAIRED = {key for pair in PAIRED_SIDES.values() for key in pair}
_CHECKPOINTS = ("Refiner", "Hires checkpoint")
_MASKS = ("Mask hash", "Mask from alpha", *(key for key in FIELD_OF_KEY if key.startswith("Outpaint ")))
_FOR_A_SCRIPT = ("Wildcards", "NovelAI emphasis")
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

    request: Txt2ImgRequest | Img2ImgRequest
    """Makes the picture again from its final prompts: nothing is left to styles and wildcards."""
    refused: tuple[NotHonoured, ...]
    typed: Txt2ImgRequest | Img2ImgRequest | None
    """The same with what was typed, styles and wildcards still to be carried out; None where that is no other."""

    @property
    def not_honoured(self) -> tuple[str, ...]:
        """`refused` as lines for a person."""
        return tuple(map(str, self.refused))


def request_of(infotext: Infotext) -> Reading:
    """The request that makes the picture again; never raises. What cannot be used is left out and listed.

    A key that A1111 leaves out has the value with which it does so: RNG is GPU, Schedule type is Automatic, the VAE is
    the checkpoint's own, all others have the request's defaults.
    """
    infotext = with_new_sizes(infotext)
    given = infotext.parameters
    kind = _kind_of(given)
    usual: dict[str, Any] = _usual_of(kind) if given else {}
    if kind is Txt2ImgRequest and _has_second_pass(given):
        usual["enable_hr"] = True
    older, lost = older_meaning(infotext)
    request, refused = _fitting(kind, {**usual, **older}, list(_offers(infotext, kind)))
    refused += [NotHonoured(*row) for row in (*lost, *_without_meaning(given, kind))]
    return Reading(request, tuple(refused), _typed(given, request))


def _usual_of(kind: Kind) -> dict[str, Any]:
    """The fields that are never left to this server's settings: the picture was made elsewhere, or by others."""
    known = {name: field.default for name, field in kind.model_fields.items() if name in USUAL_FIELDS}
    return {**known, "scheduler": AUTOMATIC, "rng": "GPU", "sd_vae": NO_VAE}


Kind = type[Txt2ImgRequest] | type[Img2ImgRequest]
Offer = tuple[str, str, dict[str, Any]]
"""A key, its value, and the fields that they set."""


def _kind_of(given: Mapping[str, str]) -> Kind:
    return (
        Img2ImgRequest if not _has_second_pass(given) and any(key in given for key in OF_AN_INPUT) else Txt2ImgRequest
    )


def _has_second_pass(given: Mapping[str, str]) -> bool:
    return "Denoising strength" in given and any(key in given for key in OF_A_SECOND_PASS)


def _fitting(
    kind: Kind, fields: dict[str, Any], offers: list[Offer]
) -> tuple[Txt2ImgRequest | Img2ImgRequest, list[NotHonoured]]:
    """The request of all offers that are good by themselves and beside those before them; why the others are not."""
    try:
        return kind.of({**fields, **{name: value for *_, row in offers for name, value in row.items()}}), []
    except InvalidRequest:
        refused = []
    for key, value, offered in offers:
        try:
            kind.of({**fields, **offered})
        except InvalidRequest as error:
            refused.append(NotHonoured(key, value, f"{error.problem}. {error.remedy}".rstrip(". ")))
        else:
            fields |= offered
    return kind.of(fields), refused


def _offers(infotext: Infotext, kind: Kind) -> Iterator[Offer]:
    """Both prompts, and every key that is a field."""
    yield "Prompt", infotext.prompt, {"prompt": infotext.prompt}
    yield "Negative prompt", infotext.negative_prompt, {"negative_prompt": infotext.negative_prompt}
    given = infotext.parameters
    ours = given.get("Version", "").startswith(PROGRAM)
    for spelling, value in given.items():
        key = OTHER_SPELLINGS.get(spelling, spelling)
        name = FIELD_OF_KEY.get(key)
        if name not in kind.model_fields or key in _PAIRED:
            continue
        if _is_lame_variation(key, given) or (key != spelling and key in given):
            continue
        if key.startswith("Hires ") and value.startswith(LIKE_THE_FIRST) and not ours:
            continue
        if key in _CHECKPOINTS and not ours:
            yield spelling, value, {name: _without_hash(value)}
        elif key == "Mask blur" and "Mask blur y" not in given:
            yield spelling, value, {"mask_blur_x": value, "mask_blur_y": value}
        else:
            yield spelling, value, {name: _unspelled(key, value)}
    yield from _sides(given, kind)


def _sides(given: Mapping[str, str], kind: Kind) -> Iterator[Offer]:
    for key, pair in PAIRED_SIDES.items():
        names = [FIELD_OF_KEY[one] for one in pair]
        width, height = (given.get(one, "") for one in pair)
        if (width or height) and names[0] in kind.model_fields:
            yield key, f"{width}x{height}", dict(zip(names, map(_whole_latents, (width, height)), strict=True))


def _unspelled(key: str, value: str) -> object:
    """A value as a request has it."""
    if key == "Init image hash":
        return (value,)
    return next((held for held, word in VALUE_WORDS.get(key, {}).items() if word == value), value)


def _without_hash(name: str) -> str:
    """A checkpoint's name without the " [0123456789]" that A1111 puts behind it, and without its file's ending."""
    head, bracket, tail = name.rpartition(" [")
    name = head if bracket and tail.endswith("]") and _is_hexadecimal(tail[:-1]) else name
    return name.removesuffix(".safetensors").removesuffix(".ckpt")


def _is_hexadecimal(text: str) -> bool:
    return bool(text) and all(digit in "0123456789abcdef" for digit in text)


def _without_meaning(given: Mapping[str, str], kind: Kind) -> Iterator[tuple[str, str, str]]:
    """Key, value and reason of every key that is no field and still says something of the picture."""
    for key, value in given.items():
        if key in SAYS_NOTHING_OF_THE_PICTURE or key == VERSION_KEY or WITHOUT_EFFECT.get(key) == value:
            continue
        if _is_lame_variation(key, given):
            yield key, value, "the text names no variation seed"
            continue
        field = FIELD_OF_KEY.get(OTHER_SPELLINGS.get(key, key))
        if field is None:
            yield key, value, reason_against(key)
        elif field not in kind.model_fields and VALUE_WORDS.get(key, {}).get(False) != value:
            yield key, value, f"{kind.task} has no such parameter"
    second_pass = next((key for key in OF_A_SECOND_PASS if key in given), None)
    if second_pass and "Denoising strength" not in given:
        yield second_pass, given[second_pass], "the text names no denoising strength for a second pass"
    mask = next((key for key in OF_A_MASK if key in given), None)
    if kind is Img2ImgRequest and mask and not any(key in given for key in _MASKS):
        yield mask, given[mask], "the mask itself is not in the text: choose it again"
    if "Model hash" in given and "Model" not in given:
        yield "Model hash", given["Model hash"], "a checkpoint is found by its name only, and the text names none"


def _is_lame_variation(key: str, given: Mapping[str, str]) -> bool:
    """Whether a strength stands without its seed: a random one would not make the picture again."""
    return key == "Variation seed strength" and "Variation seed" not in given


def _whole_latents(side: str) -> int | str:
    """A side in pixels as A1111 uses it, which rounds it down to whole latents."""
    short = side.isascii() and side.isdecimal() and len(side) < 10
    return int(side) // SIDE_STEP * SIDE_STEP if short else side


def _typed(
    given: Mapping[str, str], request: Txt2ImgRequest | Img2ImgRequest
) -> Txt2ImgRequest | Img2ImgRequest | None:
    templates = [TEMPLATE, NEGATIVE_TEMPLATE]
    if isinstance(request, Txt2ImgRequest):
        templates += [HIRES_TEMPLATE, HIRES_NEGATIVE_TEMPLATE]
    for_a_script = _FOR_A_SCRIPT if "Script" in given else ()  # it may bring wildcards in where the prompt has none
    if not any(key in given for key in (*templates, "Styles", *for_a_script)):
        return None
    second = {}
    if isinstance(request, Txt2ImgRequest):
        second = {
            "hr_prompt": given.get(HIRES_TEMPLATE, request.hr_prompt),
            "hr_negative_prompt": given.get(HIRES_NEGATIVE_TEMPLATE, request.hr_negative_prompt),
        }
    try:
        styles = json.loads(given.get("Styles", "[]"))
        return type(request).of(
            {
                **request.model_dump(),
                **second,
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
