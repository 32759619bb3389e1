"""request -> infotext -> request is the identity for every field that changes the picture, and for what was typed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from modules.diffusion.names import find_pair
from modules.schema.infotext import Reading, parse_infotext, request_of, write_infotext
from modules.schema.requests import CUSTOM, Options, ResolvedTxt2Img, Txt2ImgRequest
from tests.schema.strategies import ALWAYS, SOMETIMES, resolved_requests
from tests.schema.test_requests import RESOLVED

TYPED = ("styles", "wildcards", "wildcard_seed", "novelai_emphasis")
"""What became of the typed text: carried out in the request that was painted, and not again in the one read back."""


def read_back(request: ResolvedTxt2Img, index: int = 0) -> Reading:
    return request_of(parse_infotext(write_infotext(request, index=index, model_hash="0123456789")))


def painted(request: ResolvedTxt2Img) -> dict[str, Any]:
    """The request's fields, but `scheduler`, with those that have no effect at their defaults."""
    fields = request.model_dump(include=set(Txt2ImgRequest.model_fields) - {*TYPED, "scheduler"})
    if not request.subseed_strength:
        fields["subseed"] = -1
    if request.scheduler != CUSTOM:
        fields["sigmas"] = ()
    return fields


@pytest.mark.parametrize("share", range(5))
@settings(max_examples=2_000, database=None, derandomize=False)
@given(request=resolved_requests())
def test_request_to_infotext_to_request_is_the_identity(share: int, request: ResolvedTxt2Img) -> None:
    reading = read_back(request)
    assert reading.refused == ()
    assert reading.request.model_dump(exclude={*TYPED, "scheduler"}) == painted(request)
    # The schedule that is run, since an infotext says Automatic for those that other programs do not know.
    assert find_pair(request.sampler_name, reading.request.scheduler)[1] == request.scheduler
    assert all(getattr(reading.request, name) == Options.model_fields[name].default for name in TYPED)
    if (request.template, request.negative_template, request.styles) == (None, None, ()):
        assert reading.typed is None
    else:
        check_typed(request, reading.typed)


def check_typed(request: ResolvedTxt2Img, typed: Txt2ImgRequest | None) -> None:
    assert typed is not None
    assert typed.prompt == (request.prompt if request.template is None else request.template)
    negative = request.negative_prompt if request.negative_template is None else request.negative_template
    assert (typed.negative_prompt, typed.styles) == (negative, request.styles)
    assert typed.novelai_emphasis == request.novelai_emphasis
    prompts = {"prompt": typed.prompt, "negative_prompt": typed.negative_prompt}
    assert typed.model_dump(exclude={*TYPED, "scheduler"}) == {**painted(request), **prompts}
    assert find_pair(request.sampler_name, typed.scheduler)[1] == request.scheduler
    assert typed.wildcards == request.wildcards
    assert typed.wildcard_seed == (request.wildcard_seed if request.wildcards else -1)


def test_the_examples_vary_every_field() -> None:
    paired = {"seed_resize_from_w", "seed_resize_from_h", "sampler_name", "scheduler"}
    of_batches = {"prompts", "negative_prompts"}
    assert ALWAYS.keys() | SOMETIMES.keys() | paired | of_batches == ResolvedTxt2Img.model_fields.keys()


@pytest.mark.parametrize("strength", [0.0, 0.3])
def test_each_picture_of_a_batch_is_read_back_as_itself(strength: float) -> None:
    request = ResolvedTxt2Img.of(
        {
            **RESOLVED,
            "batch_count": 2,
            "batch_size": 2,
            "seed": 41,
            "subseed": 90,
            "subseed_strength": strength,
            "prompts": ["a", "b", "c", "d"],
            "negative_prompts": ["e", "f", "g", "h"],
            "template": "{a|b|c|d}",
            "wildcards": True,
        }
    )
    for index in range(4):
        reading = read_back(request, index)
        read = reading.request
        assert (read.prompt, read.negative_prompt) == ("abcd"[index], "efgh"[index])
        assert (read.seed, read.subseed) == ((41, 90 + index) if strength else (41 + index, -1))
        assert reading.typed is not None and (reading.typed.prompt, reading.typed.wildcards) == ("{a|b|c|d}", True)
