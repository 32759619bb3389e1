"""What stands in a picture's infotext, to the letter: other programs read it."""

from __future__ import annotations

from typing import Any

import pytest

from modules.schema.infotext import parse_infotext, write_infotext
from modules.schema.infotext_keys import FIELD_OF_KEY, SAYS_NOTHING_OF_THE_PICTURE
from modules.schema.requests import Img2ImgRequest, ResolvedImg2Img, ResolvedTxt2Img, Txt2ImgRequest
from tests.schema.test_requests import RESOLVED


def written(index: int = 0, **fields: Any) -> str:
    return write_infotext(ResolvedTxt2Img.of({**RESOLVED, **fields}), index=index, model_hash="0123456789")


def written_img2img(index: int = 0, **fields: Any) -> str:
    request = ResolvedImg2Img.of({**RESOLVED, "init_images": ["a" * 32, "b" * 32], **fields})
    return write_infotext(request, index=index, model_hash="0123456789")


def parameters_of(text: str) -> str:
    """What stands between the model and the version, but for the source of noise."""
    return text.partition("Model: m")[2].partition(", Infotext version")[0].replace(", RNG: NV", "").removeprefix(", ")


def test_nothing_unusual_is_not_written() -> None:
    assert written(prompt="a cat", rng="GPU") == (
        "a cat\nSteps: 20, Sampler: Euler, Schedule type: Normal, CFG scale: 7, Seed: 1, Size: 64x64, "
        "Model hash: 0123456789, Model: m, Infotext version: 2, Version: Atelier 0.1.0"
    )


def test_keys_stand_in_the_order_that_other_programs_know() -> None:
    text = written(
        prompt="a cat",
        negative_prompt="rain",
        subseed=88,
        subseed_strength=0.25,
        seed_resize_from_w=512,
        seed_resize_from_h=384,
        clip_skip=2,
        eta_noise_seed_delta=31337,
        emphasis="No norm",
        rng="CPU",
        s_noise=1.007,
    )
    assert text == (
        "a cat\nNegative prompt: rain\nSteps: 20, Sampler: Euler, Schedule type: Normal, CFG scale: 7, Seed: 1, "
        "Size: 64x64, Model hash: 0123456789, Model: m, Variation seed: 88, Variation seed strength: 0.25, "
        "Seed resize from: 512x384, Clip skip: 2, ENSD: 31337, RNG: CPU, Emphasis: No norm, Sigma noise: 1.007, "
        "Infotext version: 2, Version: Atelier 0.1.0"
    )


@pytest.mark.parametrize(
    ("field", "value", "parameter"),
    [
        ("cfg_scale", 7.5, "CFG scale: 7.5"),
        ("comma_padding_backtrack", 0, "Comma padding backtrack: 0"),
        ("pad_cond_uncond", True, "Pad conds: True"),
        ("old_prompt_timelines", True, "Old prompt editing timelines: True"),
        ("eta", 0.0, "Eta: 0"),
        ("sampler_order", 2, "Sampler order: 2"),
        ("uni_pc_variant", "bh2", "UniPC variant: bh2"),
        ("ge_gamma", 2.5, "GE gamma: 2.5"),
        ("s_churn", 4, "Sigma churn: 4"),
        ("s_tmin", 0.05, "Sigma tmin: 0.05"),
        ("s_tmax", 12, "Sigma tmax: 12"),
        ("sgm_noise_multiplier", True, "SGM noise multiplier: True"),
        ("sigma_min", 0.1, "Schedule min sigma: 0.1"),
        ("sigma_max", 10, "Schedule max sigma: 10"),
        ("rho", 5, "Schedule rho: 5"),
        ("beta_dist_alpha", 0.5, "Beta schedule alpha: 0.5"),
        ("beta_dist_beta", 0.7, "Beta schedule beta: 0.7"),
        ("discard_next_to_last_sigma", True, "Discard penultimate sigma: True"),
        ("zero_terminal_snr", True, "Noise Schedule: Zero Terminal SNR"),
        ("downcast_alphas_cumprod", True, "Downcast alphas_cumprod: True"),
        ("old_karras_sigmas", True, "Old Karras sigmas: True"),
        ("cfg_rescale", 0.7, "CFG rescale: 0.7"),
        ("apg_eta", 0, "APG eta: 0"),
        ("apg_norm_threshold", 15, "APG norm threshold: 15"),
        ("apg_momentum", -0.5, "APG momentum: -0.5"),
        ("cfg_zero_star", True, "CFG-Zero star: True"),
        ("cfg_zero_init_steps", 1, "CFG-Zero init steps: 1"),
        ("dynamic_thresholding_mimic_scale", 7, "Dynamic thresholding mimic scale: 7"),
        ("dynamic_thresholding_percentile", 0.995, "Dynamic thresholding percentile: 0.995"),
        ("guidance_interval_start", 0.1, "Guidance start: 0.1"),
        ("guidance_interval_end", 0.8, "Guidance end: 0.8"),
        ("s_min_uncond", 0.5, "NGMS: 0.5"),
        ("s_min_uncond_all", True, "NGMS all steps: True"),
        ("skip_early_cond", 0.2, "Skip Early CFG: 0.2"),
        ("template", "a {red|blue} cat", "Template: a {red|blue} cat"),
        ("negative_template", "a, b", 'Negative Template: "a, b"'),
        ("styles", ["film"], 'Styles: ["film"]'),
        ("styles", ["film, faded", "night"], r'Styles: "[\"film, faded\", \"night\"]"'),
        ("wildcards", True, "Wildcards: True"),
        ("novelai_emphasis", True, "NovelAI emphasis: True"),
    ],
)
def test_a_field_is_written_under_its_key(field: str, value: Any, parameter: str) -> None:
    assert f", {parameter}, " in written(0, **{field: value})


def test_the_timestep_samplers_have_their_own_key_for_eta() -> None:
    assert ", Eta DDIM: 0.5, " in written(sampler_name="DDIM", eta=0.5)


def test_unipc_has_its_own_key_for_the_order() -> None:
    assert ", UniPC order: 2, " in written(sampler_name="UniPC", sampler_order=2)


@pytest.mark.parametrize(("sampler", "schedule"), [("DDIM", "Timesteps"), ("UniPC", "Time uniform"), ("LCM", "LCM")])
def test_schedules_that_other_programs_do_not_know_are_automatic(sampler: str, schedule: str) -> None:
    text = written(sampler_name=sampler, scheduler=schedule)
    assert f"Sampler: {sampler}, Schedule type: Automatic, " in text


def test_sigmas_are_written_where_they_are_used() -> None:
    text = written(scheduler="Custom", steps=3, sigmas=[14.6, 3.25, 0.8, 0])
    assert "Steps: 3, Sampler: Euler, Schedule type: Custom, " in text
    assert ', Custom sigmas: "14.6, 3.25, 0.8, 0", ' in text
    assert "Custom sigmas" not in written(sigmas=[14.6, 3.25, 0.8, 0])


def test_each_picture_carries_its_own_seed() -> None:
    assert "Seed: 42" in written(index=1, batch_size=2, seed=41)


def test_with_a_variation_strength_the_seed_stays_and_the_variation_goes_on() -> None:
    text = written(index=1, batch_size=2, seed=41, subseed=6, subseed_strength=0.5)
    assert ", Seed: 41, " in text and ", Variation seed: 7, Variation seed strength: 0.5, " in text


def test_how_the_network_was_run_is_a_record() -> None:
    request = ResolvedTxt2Img.of(RESOLVED)
    text = write_infotext(request, index=0, model_hash="0", precision="bfloat16", attention="xformers")
    assert ", Precision: bfloat16, Attention: xformers, Infotext version: 2, " in text


def test_a_second_pass_is_written_as_a1111_writes_it() -> None:
    text = written(
        enable_hr=True,
        denoising_strength=0.35,
        hr_checkpoint_name="other",
        hr_sampler_name="DDIM",
        hr_scheduler="Karras",
        hr_prompt="8k, sharp",
        hr_negative_prompt="soft",
        hr_scale=1.5,
        hr_second_pass_steps=12,
        hr_upscaler="4x-UltraSharp",
    )
    hires = {
        "Denoising strength": "0.35",
        "Hires checkpoint": "other",
        "Hires sampler": "DDIM",
        "Hires schedule type": "Karras",
        "Hires prompt": "8k, sharp",
        "Hires negative prompt": "soft",
        "Hires upscale": "1.5",
        "Hires steps": "12",
        "Hires upscaler": "4x-UltraSharp",
    }
    read = parse_infotext(text).parameters
    assert {key: value for key, value in read.items() if key in hires or "Hires" in key} == hires


def test_of_a_second_pass_only_what_is_its_own_is_written() -> None:
    text = written(enable_hr=True, hr_template="x")
    assert parameters_of(text) == (
        "Denoising strength: 0.7, Hires upscale: 2, Hires upscaler: Latent, Hires Template: x"
    )
    assert parameters_of(written(hr_scale=3, hr_prompt="x", hr_template="y", denoising_strength=0.1)) == ""


def test_a_size_goes_before_a_factor() -> None:
    text = written(enable_hr=True, hr_scale=3, hr_resize_y=768)
    assert "Hires resize: 0x768" in text and "Hires upscale:" not in text


def test_schedules_of_samplers_are_automatic_in_the_second_pass_too() -> None:
    text = written(enable_hr=True, hr_sampler_name="DDIM", hr_scheduler="Timesteps")
    assert ", Hires sampler: DDIM, Hires schedule type: Automatic, " in text


def test_a_refiner_is_written_with_its_switch() -> None:
    assert parameters_of(written(refiner_checkpoint="r")) == "Refiner: r, Refiner switch at: 0.8"
    assert parameters_of(written(refiner_switch_at=0.2, refiner_switch_by_sample_steps=True)) == ""


def test_a_seamless_picture_is_written_as_a1111_writes_it() -> None:
    assert [parameters_of(written(tiling=axes)) for axes in ("None", "Both", "X")] == ["", "Tiling: True", "Tiling: X"]


def test_img2img_names_strength_and_input() -> None:
    assert parameters_of(written_img2img(index=1)) == f"Denoising strength: 0.75, Init image hash: {'b' * 32}"


@pytest.mark.parametrize(
    ("fields", "parameters"),
    [
        ({"resize_mode": "Crop and resize"}, "Resize mode: Crop and resize"),
        ({"img2img_fix_steps": True}, "Exact steps: True"),
        ({"initial_noise_multiplier": 0.9}, "Noise multiplier: 0.9"),
        ({"img2img_color_correction": True}, "Color correction: True"),
        ({"img2img_background_color": "#000000"}, "Background color: #000000"),
        ({"image_cfg_scale": 1}, "Image CFG scale: 1"),
        ({"inpainting_mask_weight": 0.5}, "Conditional mask weight: 0.5"),
        ({"img2img_extra_noise": 0.1}, "Extra noise: 0.1"),
        ({"scale_by": 2}, ""),
        ({"mask_blur_x": 9, "inpaint_full_res": True, "mask_round": False, "soft_inpainting": True}, ""),
        ({"sd_upscale_by": 3}, ""),
        (
            {"sd_upscale_upscaler": "None", "sd_upscale_overlap": 8},
            "SD upscale upscaler: None, SD upscale factor: 2, SD upscale overlap: 8",
        ),
    ],
)
def test_img2img_writes_what_has_an_effect(fields: dict[str, Any], parameters: str) -> None:
    text = parameters_of(written_img2img(**fields))
    always = f"Denoising strength: 0.75, Init image hash: {'a' * 32}"
    assert text == ", ".join(filter(None, (parameters, always)))


@pytest.mark.parametrize(
    ("fields", "parameters"),
    [
        ({"mask_blur_x": 8, "mask_blur_y": 8}, "Mask blur: 8"),
        ({"mask_blur_y": 8}, "Mask blur: 4, Mask blur y: 8"),
        ({"inpainting_mask_invert": True}, "Mask mode: Inpaint not masked, Mask blur: 4"),
        (
            {"inpaint_full_res": True, "inpaint_full_res_padding": 16},
            "Inpaint area: Only masked, Masked area padding: 16, Mask blur: 4",
        ),
        ({"inpainting_fill": 2}, "Masked content: latent noise, Mask blur: 4"),
        ({"mask_round": False}, "Mask rounding: False, Mask blur: 4"),
        (
            {"soft_inpainting": True, "soft_inpainting_schedule_bias": 2},
            "Soft inpainting enabled: True, Soft inpainting schedule bias: 2, Mask blur: 4",
        ),
    ],
)
def test_a_mask_is_written_as_a1111_writes_it(fields: dict[str, Any], parameters: str) -> None:
    text = parameters_of(written_img2img(mask="c" * 32, **fields))
    usual = f"Mask hash: {'c' * 32}, Denoising strength: 0.75, Init image hash: {'a' * 32}"
    assert set(text.split(", ")) == set(f"{parameters}, {usual}".split(", "))


def test_outpainting_is_written_with_its_sides() -> None:
    text = written_img2img(outpaint_left=64, outpaint_feather=8)
    assert ", Outpaint left: 64, Outpaint feather: 8, " in text and "Mask blur: 4" in text
    assert "Outpaint" not in written_img2img(outpaint_feather=8)


def test_a_script_is_a_record() -> None:
    assert parameters_of(written(script_name="X/Y/Z plot")) == "Script: X/Y/Z plot"


def test_every_field_that_changes_the_picture_has_a_key() -> None:
    of_the_text = {"prompt", "negative_prompt", "styles", "wildcards", "wildcard_seed", "novelai_emphasis"}
    of_the_job = {"batch_count", "batch_size", "script_name", "script_args"}
    of_extensions = {"sections"}  # they have keys of their own
    with_others = {"enable_hr", "scale_by"}  # told by the keys of a second pass, and decided as the size
    fields = Txt2ImgRequest.model_fields.keys() | Img2ImgRequest.model_fields.keys()
    assert set(FIELD_OF_KEY.values()) | of_the_text | of_the_job | of_extensions | with_others == fields
    assert not FIELD_OF_KEY.keys() & SAYS_NOTHING_OF_THE_PICTURE


@pytest.mark.parametrize("key", [key for key in FIELD_OF_KEY if not key.endswith(("-1", "-2"))])
def test_every_key_is_one_for_every_reader(key: str) -> None:
    text = f"p\nSteps: 1, Sampler: b, {key}: c, Seed: 4"
    assert key in parse_infotext(text).parameters
