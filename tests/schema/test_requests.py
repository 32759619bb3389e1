"""Requests are checked at birth and refuse in sentences."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.errors import InvalidRequest
from modules.schema.refusals import LABELS
from modules.schema.requests import ResolvedTxt2Img, Txt2ImgRequest

RESOLVED: dict[str, Any] = {
    "prompt": "",
    "negative_prompt": "",
    "steps": 20,
    "sampler_name": "Euler",
    "scheduler": "Normal",
    "cfg_scale": 7,
    "seed": 1,
    "width": 64,
    "height": 64,
    "batch_count": 1,
    "batch_size": 1,
    "clip_skip": 1,
    "rng": "NV",
    "model": "m",
}


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("width", 500, "Width 500 is not a multiple of 8. Choose 496 or 504."),
        ("height", 32, "Height 32 is too small. The least is 64."),
        ("width", 8192, "Width 8192 is too large. The most is 4096."),
        ("width", True, "Width True is not a number. Write digits, like 20 or 7.5."),
        ("width", "65.5", "Width 65.5 is not a whole number. Write digits only, like 20."),
        ("steps", 0, "Steps 0 is too small. The least is 1."),
        ("steps", "many", "Steps 'many' is not a number. Write digits, like 20 or 7.5."),
        ("steps", float("nan"), "Steps nan is not a number. Write digits, like 20 or 7.5."),
        ("cfg_scale", float("inf"), "CFG scale inf is not a number. Write digits, like 20 or 7.5."),
        ("seed", "1e400", "Seed '1e400' is not a number. Write digits, like 20 or 7.5."),
        ("seed", 2**63, f"Seed {2**63} is too large. The most is {2**63 - 1}."),
        ("batch_size", -1, "Batch size -1 is too small. The least is 1."),
        ("rng", "dice", "RNG 'dice' is not known. Choose one of 'NV', 'CPU' or 'GPU'."),
        ("prompt", 3, "Prompt 3 is not text. Write it in letters."),
        ("sampler_name", "", "Sampler '' is empty. Leave it out or name one."),
    ],
)
def test_refusal_names_field_value_and_remedy(field: str, value: object, sentence: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        Txt2ImgRequest.of({field: value})
    assert str(refused.value) == sentence


def test_prompt_of_100_000_characters_is_refused_in_a_short_sentence() -> None:
    with pytest.raises(InvalidRequest, match=r"Prompt .* has 100,000 characters\. The most is 32,768: shorten it\."):
        Txt2ImgRequest.of({"prompt": "x" * 100_000})


def test_unknown_field_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="stepps 3 is no field of this request"):
        Txt2ImgRequest.of({"stepps": 3})


def test_empty_request_is_legal() -> None:
    assert Txt2ImgRequest.of({}).prompt == ""


def test_numbers_may_come_as_text() -> None:
    request = Txt2ImgRequest.of({"steps": "30", "cfg_scale": "6.5", "width": 128.0})
    assert (request.steps, request.cfg_scale, request.width) == (30, 6.5, 128)


def test_too_many_pixels_at_once_are_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"Width x height .* Make the picture or the batch smaller\."):
        ResolvedTxt2Img.of({**RESOLVED, "width": 4096, "height": 4096, "batch_size": 2})


def test_every_field_has_a_label() -> None:
    assert set(Txt2ImgRequest.model_fields) == set(ResolvedTxt2Img.model_fields) == set(LABELS)


def test_request_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Txt2ImgRequest().prompt = "other"


@pytest.mark.parametrize("text", ["1e9", "7e2", "1e5", "-1e3", "0x10", "١٢", "1_000", "٣.٥"])
@pytest.mark.parametrize("field", ["steps", "width", "cfg_scale", "seed"])
def test_numbers_in_odd_spelling_are_accepted_or_refused_in_words(field: str, text: str) -> None:
    try:
        Txt2ImgRequest.of({field: text})
    except InvalidRequest as error:
        assert str(error).endswith(".")


@given(st.dictionaries(st.sampled_from([*LABELS, "x"]), st.one_of(st.none(), st.text(), st.floats(), st.integers())))
def test_any_values_are_accepted_or_refused_in_words(fields: dict[str, object]) -> None:
    try:
        Txt2ImgRequest.of(fields)
    except InvalidRequest as error:
        assert error.field
        assert str(error).endswith(".")
