"""request -> infotext -> request is the identity for every field that changes the picture, and for what was typed."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.diffusion.names import BUILT_IN_NAMES
from modules.schema.hires_fields import HiresFields
from modules.schema.infotext import Reading, parse_infotext, request_of, write_infotext
from modules.schema.requests import (
    CUSTOM,
    REQUESTS,
    Img2ImgRequest,
    Resolved,
    ResolvedImg2Img,
    ResolvedTxt2Img,
    Task,
    Txt2ImgRequest,
)
from modules.schema.requests import (
    RESOLVED as RESOLVED_TYPES,
)
from tests.schema.strategies import ALWAYS, OF_IMG2IMG, OF_TXT2IMG, SOMETIMES, resolved_img2img, resolved_txt2img
from tests.schema.test_requests import RESOLVED

TYPED = ("styles", "wildcards", "wildcard_seed", "novelai_emphasis")
"""What became of the typed text: carried out in the request that was painted, and not again in the one read back."""
OF_THE_JOB = ("batch_count", "batch_size", "script_name", "script_args", "sections", "scale_by")
"""What made the request that was painted; a text is one picture's, of a size that is decided."""
NOT_COMPARED = {*TYPED, *OF_THE_JOB, "scheduler", "hr_scheduler"}
_OF_MASKS = [name for name in Img2ImgRequest.model_fields if name.startswith(("mask_", "soft_")) or "inpaint" in name]
_OF_SOFT_MASKS = [name for name in _OF_MASKS if name.startswith("soft_")]
_OF_REFINERS = ("refiner_switch_at", "refiner_switch_by_sample_steps", "hires_fix_refiner_pass")

AnyResolved = ResolvedTxt2Img | ResolvedImg2Img


def read_back(request: Resolved, index: int = 0) -> Reading:
    return request_of(parse_infotext(write_infotext(request, index=index, model_hash="0123456789")))


def painted(request: AnyResolved, index: int) -> dict[str, Any]:
    """The fields that made picture `index`, with those that have no effect at their defaults."""
    kind = REQUESTS[request.task]
    fields = request.model_dump(include=set(kind.model_fields) - NOT_COMPARED)
    fields |= {"prompt": request.prompt_of(index), "negative_prompt": request.negative_prompt_of(index)}
    fields |= {"seed": request.seed_of(index), "subseed": request.subseed_of(index)}
    idle = [] if request.subseed_strength else ["subseed"]
    idle += [] if request.scheduler == CUSTOM else ["sigmas"]
    idle += [] if request.refiner_checkpoint else _OF_REFINERS
    if isinstance(request, ResolvedImg2Img):
        fields["init_images"] = (request.input_of(index),)
        idle += _idle_in_img2img(request)
    else:
        fields["hr_prompt"] = request.hr_prompt_of(index)
        fields["hr_negative_prompt"] = request.hr_negative_prompt_of(index)
        idle += [] if request.enable_hr else [*HiresFields.model_fields, "img2img_extra_noise"]
        idle += ["hr_scale"] if request.hr_resize_x or request.hr_resize_y else []
    return fields | {name: kind.model_fields[name].default for name in idle if name in fields}


def _idle_in_img2img(request: ResolvedImg2Img) -> Collection[str]:
    masked = request.mask is not None or request.mask_from_alpha or request.outpaints
    idle = [] if masked else [name for name in _OF_MASKS if name != "inpainting_mask_weight"]
    idle += [] if request.soft_inpainting else _OF_SOFT_MASKS
    idle += [] if request.outpaints else ["outpaint_feather"]
    return idle + ([] if request.sd_upscale_upscaler else ["sd_upscale_by", "sd_upscale_overlap"])


def check(request: AnyResolved, index: int) -> None:
    reading = read_back(request, index)
    assert reading.refused == ()
    assert type(reading.request) is REQUESTS[request.task]
    assert reading.request.model_dump(exclude=NOT_COMPARED) == painted(request, index)
    check_schedules(request, reading.request)
    assert all(
        getattr(reading.request, name) == type(reading.request).model_fields[name].default
        for name in (*TYPED, *OF_THE_JOB)
        if name in type(reading.request).model_fields
    )
    typed = (request.template, request.negative_template, *hires_templates(request))
    for_a_script = request.script_name is not None and (request.wildcards or request.novelai_emphasis)
    if request.styles == () and all(template is None for template in typed) and not for_a_script:
        assert reading.typed is None
    else:
        check_typed(request, index, reading.typed)


def check_schedules(request: AnyResolved, read: Txt2ImgRequest | Img2ImgRequest) -> None:
    """The schedules that are run, since an infotext says Automatic for those that other programs do not know."""
    assert BUILT_IN_NAMES.find_pair(request.sampler_name, read.scheduler)[1] == request.scheduler
    if isinstance(request, ResolvedTxt2Img) and request.enable_hr:
        assert isinstance(read, Txt2ImgRequest)
        assert (read.hr_scheduler is None) == (request.hr_scheduler is None)
        sampler = request.hr_sampler_name or request.sampler_name
        assert BUILT_IN_NAMES.find_pair(sampler, read.hr_scheduler) == BUILT_IN_NAMES.find_pair(
            sampler, request.hr_scheduler
        )


def hires_templates(request: AnyResolved) -> tuple[str | None, str | None]:
    if isinstance(request, ResolvedTxt2Img) and request.enable_hr:
        return request.hr_template, request.hr_negative_template
    return None, None


def check_typed(request: AnyResolved, index: int, typed: Txt2ImgRequest | Img2ImgRequest | None) -> None:
    assert typed is not None
    expected = painted(request, index)
    templates = {"prompt": request.template, "negative_prompt": request.negative_template}
    templates |= dict(zip(("hr_prompt", "hr_negative_prompt"), hires_templates(request), strict=True))
    expected |= {name: text for name, text in templates.items() if text is not None}
    assert typed.model_dump(exclude=NOT_COMPARED) == expected
    check_schedules(request, typed)
    assert (typed.styles, typed.novelai_emphasis) == (request.styles, request.novelai_emphasis)
    assert typed.wildcards == request.wildcards
    assert typed.wildcard_seed == (request.wildcard_seed if request.wildcards else -1)


@pytest.mark.parametrize("share", [0, *(pytest.param(share, marks=pytest.mark.slow) for share in range(1, 5))])
@settings(max_examples=1_000, database=None, derandomize=False)
@given(request=resolved_txt2img(), data=st.data())
def test_txt2img_to_infotext_to_request_is_the_identity(
    share: int, request: ResolvedTxt2Img, data: st.DataObject
) -> None:
    check(request, data.draw(st.integers(0, request.picture_count - 1)))


@pytest.mark.parametrize("share", [0, *(pytest.param(share, marks=pytest.mark.slow) for share in range(1, 5))])
@settings(max_examples=1_000, database=None, derandomize=False)
@given(request=resolved_img2img(), data=st.data())
def test_img2img_to_infotext_to_request_is_the_identity(
    share: int, request: ResolvedImg2Img, data: st.DataObject
) -> None:
    check(request, data.draw(st.integers(0, request.picture_count - 1)))


@pytest.mark.parametrize(("task", "own"), [("txt2img", OF_TXT2IMG), ("img2img", OF_IMG2IMG)])
def test_the_examples_vary_every_field(task: Task, own: dict[str, Any]) -> None:
    with_others = {"batch_count", "batch_size", "sampler_name", "scheduler"}
    of_each_picture = {"prompts", "negative_prompts", "hr_prompts", "hr_negative_prompts"}
    fields = RESOLVED_TYPES[task].model_fields.keys()
    assert ALWAYS.keys() | SOMETIMES.keys() | own.keys() | with_others == fields - of_each_picture


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
            "enable_hr": True,
            "hr_prompts": ["i", "j", "k", "l"],
            "hr_template": "{i|j|k|l}",
        }
    )
    for index in range(4):
        reading = read_back(request, index)
        read = reading.request
        assert isinstance(read, Txt2ImgRequest) and isinstance(reading.typed, Txt2ImgRequest)
        assert (read.prompt, read.negative_prompt, read.hr_prompt) == ("abcd"[index], "efgh"[index], "ijkl"[index])
        assert (read.seed, read.subseed) == ((41, 90 + index) if strength else (41 + index, -1))
        assert (reading.typed.prompt, reading.typed.hr_prompt) == ("{a|b|c|d}", "{i|j|k|l}")
        assert reading.typed.wildcards


def test_each_picture_names_the_input_that_it_began_with() -> None:
    inputs = ("a" * 32, "b" * 32)
    request = ResolvedImg2Img.of({**RESOLVED, "init_images": inputs, "batch_size": 2, "seed": 5})
    read = [read_back(request, index).request for index in range(4)]
    assert all(isinstance(row, Img2ImgRequest) for row in read)
    assert [row.init_images for row in read if isinstance(row, Img2ImgRequest)] == [
        inputs[:1],
        inputs[:1],
        inputs[1:],
        inputs[1:],
    ]
    assert [row.seed for row in read] == [5, 6, 5, 6]
