"""The form says what the request says, by name, and back."""

from __future__ import annotations

import math
from typing import Any

import pytest

from modules.checkpoints.card import Recommended
from modules.diffusion.names import BUILT_IN_NAMES, CUSTOM, SAMPLER_NAMES, SCHEDULE_NAMES, SamplerName, ScheduleName
from modules.errors import InvalidRequest
from modules.hooks import Available
from modules.schema.requests import (
    MAX_PROMPT_CHARACTERS,
    MAX_SEED,
    REQUESTS,
    Img2ImgRequest,
    Task,
    Txt2ImgRequest,
)
from modules.ui.binding import (
    Known,
    RequestFields,
    filled,
    following_model,
    recommended_values,
    request_of,
)
from modules.ui.request_controls import COMPOSED
from tests.ui.form import build_form, values_of

SHARED: dict[str, Any] = {
    "prompt": "a red house",
    "negative_prompt": "rain",
    "steps": 31,
    "sampler_name": "Euler a",
    "scheduler": "Karras",
    "cfg_scale": 6.3,
    "seed": MAX_SEED,
    "width": 256,
    "height": 320,
    "batch_count": 3,
    "batch_size": 2,
    "clip_skip": 2,
    "rng": "CPU",
    "model": "some/model",
    "styles": ("film", "ink"),
    "wildcards": True,
    "wildcard_seed": MAX_SEED - 1,
    "novelai_emphasis": True,
    "emphasis": "No norm",
    "comma_padding_backtrack": 0,
    "pad_cond_uncond": True,
    "old_prompt_timelines": True,
    "eta": 0.0,
    "s_churn": 2.5,
    "s_tmin": 0.1,
    "s_tmax": 9.0,
    "s_noise": 1.003,
    "sampler_order": 2,
    "uni_pc_variant": "bh2",
    "ge_gamma": 2.5,
    "subseed": MAX_SEED - 2,
    "subseed_strength": 0.123,
    "seed_resize_from_w": 64,
    "seed_resize_from_h": 72,
    "eta_noise_seed_delta": 31337,
    "sgm_noise_multiplier": True,
    "sigma_min": 0.03,
    "sigma_max": 20.5,
    "rho": 5.0,
    "beta_dist_alpha": 0.5,
    "beta_dist_beta": 0.7,
    "discard_next_to_last_sigma": True,
    "zero_terminal_snr": True,
    "downcast_alphas_cumprod": True,
    "old_karras_sigmas": True,
    "sigmas": (14.6146, 1e-05, 0.0),
    "cfg_rescale": 0.7,
    "apg_eta": -0.5,
    "apg_norm_threshold": 15.0,
    "apg_momentum": -0.75,
    "cfg_zero_star": True,
    "cfg_zero_init_steps": 1,
    "dynamic_thresholding_mimic_scale": 7.0,
    "dynamic_thresholding_percentile": 0.995,
    "guidance_interval_start": 0.1,
    "guidance_interval_end": 0.9,
    "s_min_uncond": 1.5,
    "s_min_uncond_all": True,
    "skip_early_cond": 0.2,
    "sd_vae": "film.safetensors",
    "refiner_checkpoint": "some/refiner",
    "refiner_switch_at": 0.6,
    "refiner_switch_by_sample_steps": True,
    "tiling": "X",
    "img2img_extra_noise": 0.05,
    "script_name": "X/Y/Z plot",
}
FULL = Txt2ImgRequest(
    **SHARED,
    enable_hr=True,
    denoising_strength=0.45,
    hr_upscaler="Lanczos",
    hr_scale=1.5,
    hr_resize_x=512,
    hr_resize_y=640,
    hr_second_pass_steps=7,
    hr_checkpoint_name="some/other",
    hr_sampler_name="Heun",
    hr_scheduler="Simple",
    hr_cfg_scale=3.5,
    hr_prompt="finer",
    hr_negative_prompt="coarse",
    hires_fix_refiner_pass="both passes",
    firstpass_image="0" * 32,
)
FULL_OF_PICTURES = Img2ImgRequest(
    **SHARED,
    resize_mode="Resize and fill",
    scale_by=1.5,
    denoising_strength=0.35,
    img2img_fix_steps=True,
    initial_noise_multiplier=1.1,
    img2img_color_correction=True,
    img2img_background_color="#123abc",
    image_cfg_scale=2.0,
    mask_from_alpha=True,
    inpainting_mask_invert=True,
    mask_blur_x=7,
    mask_blur_y=0,
    inpainting_fill="latent noise",
    inpaint_full_res=True,
    inpaint_full_res_padding=48,
    mask_round=False,
    inpainting_mask_weight=0.5,
    soft_inpainting=True,
    soft_inpainting_schedule_bias=1.5,
    soft_inpainting_preservation_strength=0.75,
    soft_inpainting_transition_contrast_boost=5.0,
    soft_inpainting_mask_influence=0.25,
    soft_inpainting_difference_threshold=0.75,
    soft_inpainting_difference_contrast=3.0,
    outpaint_left=8,
    outpaint_right=16,
    outpaint_top=24,
    outpaint_bottom=40,
    outpaint_feather=20,
    sd_upscale_upscaler="Lanczos",
    sd_upscale_by=3.0,
    sd_upscale_overlap=32,
)
KNOWN = Known(models=["some/model"], styles=["ink", "other", "film"])


@pytest.fixture
def form() -> RequestFields:
    return build_form()


@pytest.mark.parametrize("task", list(REQUESTS))
def test_every_field_of_a_request_has_its_component_or_is_composed(task: Task) -> None:
    names, composed = set(build_form(task).by_name()), COMPOSED & REQUESTS[task].model_fields.keys()
    assert names | composed == set(REQUESTS[task].model_fields) and not names & composed


@pytest.mark.parametrize("request_", [FULL, FULL_OF_PICTURES], ids=lambda request: request.task)
def test_a_filled_form_asks_for_the_same_request(request_: Txt2ImgRequest | Img2ImgRequest) -> None:
    form = build_form(request_.task)
    values, dropped = filled(form, request_, KNOWN)
    assert dropped == ()
    assert request_of(values, form) == request_


@pytest.mark.parametrize("request_", [FULL, FULL_OF_PICTURES], ids=lambda request: request.task)
def test_no_field_of_the_full_request_is_left_as_it_is_by_default(request_: Txt2ImgRequest | Img2ImgRequest) -> None:
    """Or the test above says nothing of that field."""
    fields = type(request_).model_fields
    assert {name for name, field in fields.items() if getattr(request_, name) == field.default} <= COMPOSED


def test_composed_fields_are_put_in_and_those_that_do_not_count_are_left_out() -> None:
    form, picture = build_form("img2img"), "a" * 32
    values, _ = filled(form, FULL_OF_PICTURES, KNOWN)
    composed = {"init_images": (picture,), "script_args": {"x_type": "Steps"}}
    request = request_of(values, form, composed, without={"mask_blur_x", "scale_by"})
    assert isinstance(request, Img2ImgRequest)
    assert (request.init_images, request.script_args) == ((picture,), {"x_type": "Steps"})
    assert (request.mask_blur_x, request.scale_by, request.mask_blur_y) == (4, 0.0, 0)


def test_names_that_lists_do_not_hold_are_told_and_left(form: RequestFields) -> None:
    available = Available(task="txt2img", models=("some/other",), samplers=("Heun",), schedules=("Simple",))
    values, dropped = filled(form, FULL, Known(KNOWN.models, KNOWN.styles, available))
    assert sorted(dropped) == [
        "Hires upscaler 'Lanczos' is not here; yours is kept.",
        "Refiner 'some/refiner' is not here; yours is kept.",
        "VAE 'film.safetensors' is not here; yours is kept.",
    ]
    assert form["hr_upscaler"] not in values and values[form["hr_checkpoint_name"]] == "some/other"


def test_filling_in_an_empty_option_empties_it(form: RequestFields) -> None:
    values = {**filled(form, FULL, KNOWN)[0], **filled(form, Txt2ImgRequest(model="some/model"), KNOWN)[0]}
    request = request_of(values, form)
    assert request == Txt2ImgRequest(
        **{
            name: getattr(FULL, name)
            for name in ("steps", "sampler_name", "scheduler", "cfg_scale", "width", "height", "rng", "sd_vae")
        },
        model="some/model",
    )


def test_a_seed_is_text_so_that_no_browser_rounds_it(form: RequestFields) -> None:
    values, _ = filled(form, FULL, KNOWN)
    assert values[form["seed"]] == str(MAX_SEED)
    assert values[form["subseed"]] == str(MAX_SEED - 2)
    assert values[form["wildcard_seed"]] == str(MAX_SEED - 1)


def test_a_style_that_is_not_here_is_told_and_left_out(form: RequestFields) -> None:
    values, dropped = filled(form, FULL, Known(models=KNOWN.models, styles=["ink"]))
    assert values[form["styles"]] == ["ink"]
    assert dropped == ("Style 'film' is not here; it is left out.",)


def test_empty_fields_are_left_to_the_checkpoint(form: RequestFields) -> None:
    request = request_of(values_of(form, prompt="", seed="", steps=None, model=""), form)
    assert request == Txt2ImgRequest()


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("steps", 500, "Steps 500 is too large. The most is 150."),
        ("width", 500, "Width 500 is not a multiple of 8. Choose 496 or 504."),
        ("width", 8, "Width 8 is too small. The least is 64."),
        ("cfg_scale", math.nan, "CFG scale nan is not a number. Write digits, like 20 or 7.5."),
        ("seed", "tomato", "Seed 'tomato' is not a number. Write digits, like 20 or 7.5."),
        ("steps", 20.5, "Steps 20.5 is not a whole number. Write digits only, like 20."),
        ("rng", "dice", "RNG 'dice' is not known. Choose one of 'NV', 'CPU' or 'GPU'."),
    ],
)
def test_a_refusal_names_field_value_and_remedy(form: RequestFields, field: str, value: Any, sentence: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        request_of(values_of(form, **{field: value}), form)
    assert str(refused.value) == sentence


def test_a_prompt_of_a_book_is_refused_by_a_short_sentence(form: RequestFields) -> None:
    with pytest.raises(InvalidRequest, match="Prompt .* has 100,000 characters") as refused:
        request_of(values_of(form, prompt="x" * 100_000), form)
    assert len(str(refused.value)) < 200
    assert len(request_of(values_of(form, prompt="x" * MAX_PROMPT_CHARACTERS), form).prompt) == MAX_PROMPT_CHARACTERS


def test_a_model_that_is_not_here_is_told_and_left(form: RequestFields) -> None:
    values, dropped = filled(form, FULL, Known(models=["another"], styles=KNOWN.styles))
    assert form["model"] not in values
    assert dropped == ("Model 'some/model' is not here; yours is kept.",)


def test_unknown_sampler_and_schedule_are_told_and_left(form: RequestFields) -> None:
    request = FULL.model_copy(update={"sampler_name": "Heun++", "scheduler": "Zigzag", "model": None})
    values, dropped = filled(form, request, KNOWN)
    assert form["sampler_name"] not in values and form["scheduler"] not in values
    assert sorted(dropped) == [
        "Sampler 'Heun++' is not here; yours is kept.",
        "Schedule type 'Zigzag' is not here; yours is kept.",
    ]


def test_fields_that_a_request_leaves_open_are_not_touched(form: RequestFields) -> None:
    values, _ = filled(form, Txt2ImgRequest(prompt="only words"), Known())
    assert form["steps"] not in values and form["rng"] not in values
    assert values[form["prompt"]] == "only words"


@pytest.mark.parametrize("sampler", [row.name for row in SAMPLER_NAMES])
def test_a_schedule_as_pictures_name_it_is_an_entry_of_the_list(form: RequestFields, sampler: str) -> None:
    """A picture names what was run; the list may only offer Automatic for it, which must run the same."""
    for asked in SCHEDULE_NAMES:
        run = BUILT_IN_NAMES.find_schedule(asked, BUILT_IN_NAMES.find_sampler(sampler))
        values, dropped = filled(form, Txt2ImgRequest(sampler_name=sampler, scheduler=run), Known())
        assert dropped == ()
        assert values[form["scheduler"]] in (*SCHEDULE_NAMES, CUSTOM)
        assert BUILT_IN_NAMES.find_schedule(values[form["scheduler"]], BUILT_IN_NAMES.find_sampler(sampler)) == run


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (("DPM++ 2M Karras", None), ("DPM++ 2M", "Karras")),
        (("k_dpmpp_2m_ka", "Automatic"), ("DPM++ 2M", "Karras")),
        (("DPM++ 2M Karras", "Exponential"), ("DPM++ 2M", "Exponential")),
        (("Euler", "automatic"), ("Euler", "Automatic")),
        (("Euler", "AYS"), ("Euler", "Align Your Steps")),
        (("Euler", "custom"), ("Euler", "Custom")),
        (("DDIM", "Timesteps"), ("DDIM", "Automatic")),
        (("UniPC", "Time uniform"), ("UniPC", "Automatic")),
        (("Euler", None), ("Euler", None)),
        ((None, "karras"), (None, "Karras")),
    ],
)
def test_names_of_other_times_and_places_are_shown_as_the_lists_have_them(
    form: RequestFields, given: tuple[str | None, str | None], shown: tuple[str | None, str | None]
) -> None:
    values, dropped = filled(form, Txt2ImgRequest(sampler_name=given[0], scheduler=given[1]), Known())
    assert (values.get(form["sampler_name"]), values.get(form["scheduler"])) == shown
    assert dropped == ()


def test_samplers_and_schedules_of_extensions_are_shown_where_they_are_known(form: RequestFields) -> None:
    names = BUILT_IN_NAMES.with_schedules([ScheduleName("Own line")])
    names = names.with_samplers([SamplerName("Own way", ("k_own",), "Own line")])
    request = Txt2ImgRequest(sampler_name="k_own", scheduler="own line")
    values, dropped = filled(form, request, Known(sampling=names))
    assert (values[form["sampler_name"]], values[form["scheduler"]], dropped) == ("Own way", "Own line", ())
    values, _ = filled(form, Txt2ImgRequest(scheduler="own-line"), Known(sampling=names))
    assert values[form["scheduler"]] == "Own line"
    assert len(filled(form, request, Known())[1]) == 2


def test_another_model_changes_only_what_was_left_as_recommended(form: RequestFields) -> None:
    old, new = Recommended(), Recommended(width=1024, height=1024, steps=30)
    values = values_of(form, **recommended_values(old)) | {form["width"]: 640}
    changes = following_model(values, form, old, new)
    assert form["width"] not in changes
    assert (changes[form["height"]], changes[form["steps"]]) == (1024, 30)
