"""Requests are checked at birth and refuse in sentences."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.errors import InvalidRequest
from modules.schema.extras_request import ExtrasRequest
from modules.schema.hires_fields import second_pass_sides
from modules.schema.refusals import LABELS
from modules.schema.requests import (
    MAX_SEED,
    REQUESTS,
    Img2ImgRequest,
    ResolvedImg2Img,
    ResolvedTxt2Img,
    Task,
    Txt2ImgRequest,
)

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


PICTURE, OTHER = "0123456789abcdef" * 2, "f" * 32
RESOLVED_IMG2IMG: dict[str, Any] = {**RESOLVED, "init_images": [PICTURE]}


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
        ("subseed_strength", 1.5, "Variation seed strength 1.5 is too large. The most is 1."),
        ("wildcards", 1, "Wildcards 1 is neither on nor off. Write True or False."),
        ("styles", "film", "Styles 'film' is not a list. Give a list, which may have one entry."),
        ("styles", ["film", 3], "Styles 3 is not text. Write it in letters."),
        ("sigmas", "14.6, x", "Custom sigmas 'x' is not a number. Write digits, like 20 or 7.5."),
        ("sigmas", "14.6", "Custom sigmas '14.6' is one number only. Give at least two, the largest first."),
        (
            "sigmas",
            [1, 2],
            "Custom sigmas [1, 2] does not fall from each number to the next. "
            "Put the largest first, and no two that are nearly alike.",
        ),
        (
            "sigmas",
            [3, 2.9999999],
            "Custom sigmas [3, 2.9999999] does not fall from each number to the next. "
            "Put the largest first, and no two that are nearly alike.",
        ),
        ("sigmas", [2, -1], "Custom sigmas -1 is too small. The least is 0."),
        ("sigmas", [2, 1e-9], "Custom sigmas 1e-09 is too small. The least is 1e-06."),
        ("beta_dist_alpha", 10.5, "Beta schedule alpha 10.5 is too large. The most is 10."),
        ("sampler_order", 5, "Sampler order 5 is too large. The most is 4."),
        (
            "uni_pc_variant",
            "bh3",
            "UniPC variant 'bh3' is not known. Choose one of 'bh1', 'bh2' or 'vary_coeff'.",
        ),
        ("sigma_min", 1e-9, "Schedule min sigma 1e-09 is too small. The least is 1e-06."),
        ("rho", 0.05, "Schedule rho 0.05 is too small. The least is 0.1."),
        ("seed_resize_from_w", 512, "Seed resize from '512x0' names one side only. Give both, or none."),
        ("guidance_interval_start", 2, "Guidance start 2 is too large. The most is 1."),
        ("emphasis", "loud", "Emphasis 'loud' is not known. Choose one of 'Original', 'No norm', 'Ignore' or 'None'."),
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
    with pytest.raises(InvalidRequest, match="stepps 3 is no field of this request. Nearest: steps"):
        Txt2ImgRequest.of({"stepps": 3})


def test_empty_request_is_legal() -> None:
    assert Txt2ImgRequest.of({}).prompt == ""


def test_numbers_may_come_as_text() -> None:
    request = Txt2ImgRequest.of({"steps": "30", "cfg_scale": "6.5", "width": 128.0})
    assert (request.steps, request.cfg_scale, request.width) == (30, 6.5, 128)


def test_too_many_pixels_at_once_are_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"Width x height .* Make the picture or the batch smaller\."):
        ResolvedTxt2Img.of({**RESOLVED, "width": 4096, "height": 4096, "batch_size": 2})


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"guidance_interval_start": 0.5, "guidance_interval_end": 0.4},
            "Guidance interval '0.5 to 0.4' ends before it starts. Swap the two.",
        ),
        (
            {"sigma_min": 5, "sigma_max": 5},
            "Schedule sigmas '5 to 5' leave no room for steps. Make the max sigma the larger.",
        ),
        (
            {"sigma_min": 5, "sigma_max": 5.000001},
            "Schedule sigmas '5 to 5.000001' leave no room for steps. Make the max sigma the larger.",
        ),
    ],
)
def test_fields_that_disagree_are_refused(fields: dict[str, object], sentence: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        Txt2ImgRequest.of(fields)
    assert str(refused.value) == sentence


NO_PICTURE = "is no stored picture. Send the picture first, and name it by the id that it got."


@pytest.mark.parametrize(
    ("task", "field", "value", "sentence"),
    [
        ("txt2img", "denoising_strength", 1.1, "Denoising strength 1.1 is too large. The most is 1."),
        ("txt2img", "enable_hr", 1, "Hires. fix 1 is neither on nor off. Write True or False."),
        ("txt2img", "hr_scale", 0.5, "Hires upscale 0.5 is too small. The least is 1."),
        ("txt2img", "hr_scale", 9, "Hires upscale 9 is too large. The most is 8."),
        ("txt2img", "hr_resize_x", 1001, "Hires resize width 1001 is not a multiple of 8. Choose 1000 or 1008."),
        ("txt2img", "hr_second_pass_steps", 151, "Hires steps 151 is too large. The most is 150."),
        ("txt2img", "hr_upscaler", "", "Hires upscaler '' is empty. Leave it out or name one."),
        ("txt2img", "firstpass_image", "../x.png", f"First pass image '../x.png' {NO_PICTURE}"),
        (
            "txt2img",
            "hires_fix_refiner_pass",
            "third pass",
            "Hires refiner 'third pass' is not known. Choose one of 'first pass', 'second pass' or 'both passes'.",
        ),
        ("txt2img", "refiner_switch_at", -0.1, "Refiner switch at -0.1 is too small. The least is 0."),
        ("txt2img", "tiling", "Z", "Tiling 'Z' is not known. Choose one of 'None', 'Both', 'X' or 'Y'."),
        ("txt2img", "tiling", 4, "Tiling 4 is not known. Choose one of 'None', 'Both', 'X' or 'Y'."),
        (
            "txt2img",
            "mask",
            OTHER,
            f"Mask '{OTHER}' is no field of this request. Mask belongs to another task: leave it out.",
        ),
        (
            "img2img",
            "hr_scale",
            2,
            "Hires upscale 2 is no field of this request. Hires upscale belongs to another task: leave it out.",
        ),
        (
            "img2img",
            "init_images",
            PICTURE,
            f"Input picture '{PICTURE}' is not a list. Give a list, which may have one entry.",
        ),
        ("img2img", "init_images", [PICTURE, "x"], f"Input picture 'x' {NO_PICTURE}"),
        ("img2img", "init_images", [PICTURE.upper()], f"Input picture '{PICTURE.upper()}' {NO_PICTURE}"),
        ("img2img", "init_images", [PICTURE + "\n"], f"Input picture '{PICTURE}\\n' {NO_PICTURE}"),
        ("img2img", "init_images", [3], "Input picture 3 is not text. Write it in letters."),
        ("img2img", "mask", "C:/mask.png", f"Mask 'C:/mask.png' {NO_PICTURE}"),
        (
            "img2img",
            "img2img_background_color",
            "white",
            "Background color 'white' is no colour. Write # and six digits or letters a to f, like #ffffff.",
        ),
        (
            "img2img",
            "resize_mode",
            4,
            "Resize mode 4 is not known. Choose one of 'Just resize', 'Crop and resize', 'Resize and fill' or "
            "'Just resize (latent upscale)'.",
        ),
        (
            "img2img",
            "inpainting_fill",
            -1,
            "Masked content -1 is not known. Choose one of 'fill', 'original', 'latent noise' or 'latent nothing'.",
        ),
        ("img2img", "inpaint_full_res", 2, "Only masked 2 is neither on nor off. Write True or False."),
        ("img2img", "mask_blur_x", 65, "Mask blur 65 is too large. The most is 64."),
        ("img2img", "mask_blur_y", -1, "Mask blur y -1 is too small. The least is 0."),
        (
            "img2img",
            "inpaint_full_res_padding",
            2.5,
            "Masked area padding 2.5 is not a whole number. Write digits only, like 20.",
        ),
        ("img2img", "scale_by", 0.01, "Resize by 0.01 is too small. The least is 0.05."),
        (
            "img2img",
            "initial_noise_multiplier",
            "much",
            "Noise multiplier 'much' is not a number. Write digits, like 20 or 7.5.",
        ),
        (
            "img2img",
            "image_cfg_scale",
            float("nan"),
            "Image CFG scale nan is not a number. Write digits, like 20 or 7.5.",
        ),
        ("img2img", "soft_inpainting_mask_influence", 2, "Mask influence 2 is too large. The most is 1."),
        ("img2img", "outpaint_left", 4096, "Outpaint left 4096 is too large. The most is 2048."),
        ("img2img", "sd_upscale_overlap", 12, "SD upscale overlap 12 is not a multiple of 8. Choose 8 or 16."),
        ("img2img", "sd_upscale_by", 0, "SD upscale factor 0 is too small. The least is 1."),
    ],
)
def test_refusals_of_a_task(task: Task, field: str, value: object, sentence: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        REQUESTS[task].of({field: value})
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    ("field", "value", "held"),
    [
        ("resize_mode", 0, "Just resize"),
        ("resize_mode", 3, "Just resize (latent upscale)"),
        ("resize_mode", "2", "Resize and fill"),
        ("resize_mode", "crop and resize ", "Crop and resize"),
        ("inpainting_fill", 0, "fill"),
        ("inpainting_fill", 2, "latent noise"),
        ("inpainting_fill", "Original", "original"),
        ("inpaint_full_res", 1, True),
        ("inpaint_full_res", "false", False),
        ("inpainting_mask_invert", 0, False),
        ("inpainting_mask_invert", 1, True),
        ("tiling", True, "Both"),
        ("tiling", False, "None"),
        ("tiling", "y", "Y"),
        ("init_images", [PICTURE], (PICTURE,)),
        ("img2img_background_color", "#ABCDEF", "#ABCDEF"),
        ("scale_by", 0, 0),
        ("denoising_strength", "0", 0),
    ],
)
def test_values_are_read_as_clients_send_them(field: str, value: object, held: object) -> None:
    request = Img2ImgRequest.of({field: value})
    assert getattr(request, field) == held
    assert isinstance(getattr(request, field), bool) == isinstance(held, bool)


@pytest.mark.parametrize("value", [True, 3, 0.5, "x", ("a", "b")])
def test_arguments_of_scripts_keep_their_types(value: object) -> None:
    request = Txt2ImgRequest.of({"script_name": "s", "script_args": {"name": value}})
    assert request.script_args == {"name": value}
    assert type(request.script_args["name"]) is type(value)
    assert Txt2ImgRequest.model_validate_json(request.model_dump_json()) == request


@pytest.mark.parametrize(
    "arguments",
    [{"a": float("nan")}, {"a": None}, {"a": {"b": 1}}, {"a": [1]}, {"a": "x" * 70_000}, ["a"], "a=b", {"x" * 101: 1}],
)
def test_arguments_that_cannot_be_stored_are_refused(arguments: object) -> None:
    with pytest.raises(InvalidRequest, match=r"Script arguments .*\."):
        Txt2ImgRequest.of({"script_args": arguments})


def test_too_many_arguments_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="has 101 entries"):
        Txt2ImgRequest.of({"script_args": {str(number): number for number in range(101)}})


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"width": 1024, "height": 512, "hr_scale": 8},
            "Hires resize '8192 x 4096' is not between 64 and 4096 pixels a side. Choose another size or factor.",
        ),
        (
            {"width": 1024, "height": 64, "hr_resize_x": 512},
            "Hires resize '512 x 32' is not between 64 and 4096 pixels a side. Choose another size or factor.",
        ),
        (
            {"width": 1024, "height": 1024, "batch_size": 2, "hr_scale": 3},
            "Hires resize '3072 x 3072 x batch size 2' is more than 16,777,216 pixels at once. "
            "Make the picture or the batch smaller.",
        ),
    ],
)
def test_a_second_pass_that_is_too_large_or_small_is_refused(fields: dict[str, object], sentence: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        ResolvedTxt2Img.of({**RESOLVED, **fields, "enable_hr": True})
    assert str(refused.value) == sentence
    assert not ResolvedTxt2Img.of({**RESOLVED, **fields}).enable_hr


@pytest.mark.parametrize(
    ("given", "sides"),
    [
        ({"hr_scale": 1.5}, (768, 1152)),
        ({"hr_scale": 1.3}, (664, 992)),  # 665.6 and 998.4, down to whole latents
        ({"hr_resize_x": 1024}, (1024, 1536)),
        ({"hr_resize_y": 1000}, (664, 1000)),  # 666.7
        ({"hr_resize_x": 800, "hr_resize_y": 800, "hr_scale": 4}, (800, 800)),
    ],
)
def test_the_sides_of_a_second_pass(given: dict[str, Any], sides: tuple[int, int]) -> None:
    assert second_pass_sides(Txt2ImgRequest.of(given), 512, 768) == sides


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"init_images": []}, "Input picture '' is missing. Choose the picture to begin with."),
        (
            {"init_images": [PICTURE] * 17, "batch_count": 100},
            "Batch count 1700 are more than 1600 pictures. Give fewer input pictures or batches.",
        ),
        (
            {"sd_upscale_upscaler": "Lanczos", "width": 512, "height": 512, "mask": OTHER},
            "SD upscale 'Lanczos' has no mask. Leave the mask out, or switch SD upscale off.",
        ),
    ],
)
def test_inputs_that_cannot_be_painted_from_are_refused(fields: dict[str, object], sentence: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        ResolvedImg2Img.of({**RESOLVED_IMG2IMG, **fields})
    assert str(refused.value) == sentence


def test_too_many_inputs_are_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"has 1,601 entries\. The most is 1,600"):
        Img2ImgRequest.of({"init_images": [PICTURE] * 1601})


@pytest.mark.parametrize(
    ("fields", "inpaints"),
    [({}, False), ({"mask": OTHER}, True), ({"mask_from_alpha": True}, True), ({"outpaint_top": 8}, True)],
)
def test_what_paints_a_part_only(fields: dict[str, object], inpaints: bool) -> None:
    assert Img2ImgRequest.of(fields).inpaints is inpaints
    assert Img2ImgRequest.of(fields).outpaints is ("outpaint_top" in fields)


def test_every_input_is_painted_from_with_the_same_seeds() -> None:
    request = ResolvedImg2Img.of(
        {**RESOLVED_IMG2IMG, "init_images": [PICTURE, OTHER], "batch_count": 3, "batch_size": 1, "seed": 7}
    )
    assert request.picture_count == 6
    assert [request.input_of(index) for index in range(6)] == [PICTURE] * 3 + [OTHER] * 3
    assert [request.seed_of(index) for index in range(6)] == [7, 8, 9, 7, 8, 9]


def test_prompts_of_the_second_pass_may_differ_from_picture_to_picture() -> None:
    request = ResolvedTxt2Img.of({**RESOLVED, "batch_size": 2, "hr_prompt": "x", "hr_prompts": ["a", "b"]})
    assert [request.hr_prompt_of(index) for index in range(2)] == ["a", "b"]
    assert [request.hr_negative_prompt_of(index) for index in range(2)] == ["", ""]
    with pytest.raises(InvalidRequest, match="are not as many as the pictures"):
        ResolvedTxt2Img.of({**RESOLVED, "batch_size": 2, "hr_negative_prompts": ["a"]})


def test_every_field_has_a_label() -> None:
    fields = {task: set(kind.model_fields) for task, kind in REQUESTS.items()}
    assert set(LABELS) == fields["txt2img"] | fields["img2img"] | set(ExtrasRequest.model_fields)
    of_each_picture = {"prompts", "negative_prompts", "template", "negative_template"}
    assert set(ResolvedImg2Img.model_fields) == fields["img2img"] | of_each_picture
    of_second_passes = {f"hr_{name}" for name in of_each_picture}
    assert set(ResolvedTxt2Img.model_fields) == fields["txt2img"] | of_each_picture | of_second_passes


def test_none_is_a_field_that_was_not_given() -> None:
    for kind in REQUESTS.values():
        assert kind.of(dict.fromkeys(kind.model_fields)) == kind()


def test_a_job_that_an_earlier_version_stored_can_be_run() -> None:
    stored = ResolvedTxt2Img.model_validate_json(json.dumps(RESOLVED))
    assert stored.model_dump(include=set(RESOLVED)) == RESOLVED
    assert stored == ResolvedTxt2Img.of(RESOLVED)


def test_a_full_job_is_stored_and_read_back() -> None:
    fields = {"sigmas": "3 2 0", "styles": ["a", "b"], "template": "x", "prompts": ["p"], "eta": 0.3}
    request = ResolvedTxt2Img.of({**RESOLVED, **fields})
    assert ResolvedTxt2Img.model_validate_json(request.model_dump_json()) == request


def test_sides_that_are_not_given_come_as_minus_one_too() -> None:
    request = Txt2ImgRequest.of({"seed_resize_from_w": -1, "seed_resize_from_h": "-1"})
    assert (request.seed_resize_from_w, request.seed_resize_from_h) == (0, 0)


@pytest.mark.parametrize(
    "sigmas", ["14.6, 3.2; 0.8 0", "14.6\n3.2\n.8\n0\n", [14.6, 3.2, 0.8, 0], ("14.6", "3.2", "0.8", "0")]
)
def test_sigmas_are_a_list_or_a_text(sigmas: object) -> None:
    request = Txt2ImgRequest.of({"sigmas": sigmas, "steps": 20})
    assert (request.sigmas, request.scheduler, request.steps) == ((14.6, 3.2, 0.8, 0.0), "Custom", 3)


@pytest.mark.parametrize("scheduler", [None, "Automatic", "automatic", " Custom "])
def test_sigmas_without_a_schedule_of_a_name_are_custom(scheduler: str | None) -> None:
    request = Txt2ImgRequest.of({"sigmas": "3 2 0", "scheduler": scheduler, "steps": 20})
    assert (request.scheduler, request.steps) == ("Custom", 2)


def test_sigmas_leave_another_schedule_alone() -> None:
    request = Txt2ImgRequest.of({"sigmas": "3 2 0", "scheduler": "Karras", "steps": 20})
    assert (request.scheduler, request.steps) == ("Karras", 20)


@pytest.mark.parametrize("sigmas", [[], [3, 2, 1, 0]])
def test_custom_needs_its_sigmas(sigmas: list[float]) -> None:
    with pytest.raises(InvalidRequest, match="Custom sigmas .* are not those of 2 steps"):
        ResolvedTxt2Img.of({**RESOLVED, "scheduler": "Custom", "steps": 2, "sigmas": sigmas})


def test_seeds_go_on_from_picture_to_picture() -> None:
    request = ResolvedTxt2Img.of({**RESOLVED, "seed": MAX_SEED, "subseed": 5})
    assert [request.seed_of(index) for index in range(3)] == [MAX_SEED, 0, 1]


def test_with_a_variation_strength_the_variation_seeds_go_on() -> None:
    request = ResolvedTxt2Img.of({**RESOLVED, "seed": 9, "subseed": MAX_SEED, "subseed_strength": 0.1})
    assert [request.seed_of(index) for index in range(3)] == [9, 9, 9]
    assert [request.subseed_of(index) for index in range(3)] == [MAX_SEED, 0, 1]


def test_wildcards_follow_the_seed_unless_they_have_their_own() -> None:
    own = ResolvedTxt2Img.of({**RESOLVED, "seed": 9, "wildcard_seed": 4})
    assert [own.wildcard_seed_of(index) for index in range(2)] == [4, 4]
    following = ResolvedTxt2Img.of({**RESOLVED, "seed": 9})
    assert [following.wildcard_seed_of(index) for index in range(2)] == [9, 10]


def test_a_variation_needs_a_decided_seed() -> None:
    with pytest.raises(InvalidRequest, match="Variation seed -1 is not decided"):
        ResolvedTxt2Img.of({**RESOLVED, "subseed_strength": 0.1})


def test_random_seeds_are_drawn_and_others_kept() -> None:
    drawn = iter([7, 8])
    request = Txt2ImgRequest().with_seeds(lambda: next(drawn))
    assert (request.seed, request.subseed) == (7, 8)
    kept = Txt2ImgRequest(seed=1, subseed=2).with_seeds(lambda: 99)
    assert (kept.seed, kept.subseed) == (1, 2)


def test_prompts_of_pictures_are_as_many_as_they() -> None:
    request = ResolvedTxt2Img.of(
        {**RESOLVED, "prompt": "x", "negative_prompt": "y", "batch_size": 2, "prompts": ["a", "b"]}
    )
    assert [request.prompt_of(index) for index in range(2)] == ["a", "b"]
    assert [request.negative_prompt_of(index) for index in range(2)] == ["y", "y"]
    with pytest.raises(InvalidRequest, match="are not as many as the pictures"):
        ResolvedTxt2Img.of({**RESOLVED, "batch_size": 2, "negative_prompts": ["a"]})


def test_all_prompts_together_have_a_limit() -> None:
    fields = {**RESOLVED, "batch_count": 100, "batch_size": 2, "prompts": ["x" * 32_000] * 200}
    with pytest.raises(InvalidRequest, match="have 6,400,000 characters"):
        ResolvedTxt2Img.of(fields)


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


@pytest.mark.parametrize("kind", [*REQUESTS.values(), ExtrasRequest])
@given(data=st.data())
def test_any_values_are_accepted_or_refused_in_words(
    kind: type[Txt2ImgRequest | Img2ImgRequest | ExtrasRequest], data: st.DataObject
) -> None:
    values = st.one_of(st.none(), st.text(), st.floats(), st.integers(), st.lists(st.text()), st.booleans())
    names = st.sampled_from([*kind.model_fields, "x", "hr_scale", "mask", "min_side"])
    try:
        kind.of(data.draw(st.dictionaries(names, values)))
    except InvalidRequest as error:
        assert error.field
        assert str(error).endswith(".")
