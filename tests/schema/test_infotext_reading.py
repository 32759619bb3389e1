"""Infotexts of other programs and of older versions become requests, and what they ask in vain is listed."""

from __future__ import annotations

from typing import Any

import pytest

from modules.schema.infotext import Reading, parse_infotext, request_of
from modules.schema.infotext_versions import version_of
from modules.schema.requests import MAX_PROMPT_CHARACTERS, Img2ImgRequest, Options, Txt2ImgRequest

BEFORE = "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5"


def read(text: str) -> Reading:
    return request_of(parse_infotext(text))


def test_a1111_text_becomes_a_request() -> None:
    reading = read(
        "a lighthouse on a cliff\nNegative prompt: blurry\nSteps: 25, Sampler: Euler a, Schedule type: Karras, "
        "CFG scale: 6.5, Seed: 12345, Size: 512x768, Model hash: 6ce0161689, Model: v1-5, VAE: other.pt"
    )
    assert reading.request.prompt == "a lighthouse on a cliff"
    assert (reading.request.steps, reading.request.width, reading.request.height) == (25, 512, 768)
    assert reading.request.rng == "GPU"
    assert isinstance(reading.request, Txt2ImgRequest) and not reading.request.enable_hr
    assert reading.request.sd_vae == "other.pt" and reading.refused == ()


@pytest.mark.parametrize(
    ("parameters", "fields"),
    [
        ("Clip skip: 2, ENSD: 31337, RNG: CPU", {"clip_skip": 2, "eta_noise_seed_delta": 31337, "rng": "CPU"}),
        ("Variation seed: 88, Variation seed strength: 0.25", {"subseed": 88, "subseed_strength": 0.25}),
        ("Variation seed: 3", {"subseed": 3, "subseed_strength": 0.0}),
        ("Seed resize from: 512x384", {"seed_resize_from_w": 512, "seed_resize_from_h": 384}),
        ("Seed resize from: 500x390", {"seed_resize_from_w": 496, "seed_resize_from_h": 384}),
        ("Eta: 0.67", {"eta": 0.67}),
        ("Eta DDIM: 0.67", {"eta": 0.67}),
        ("Eta DDIM: 0.67, Eta: 0.1", {"eta": 0.1}),
        ("UniPC order: 2, UniPC variant: bh2", {"sampler_order": 2, "uni_pc_variant": "bh2"}),
        ("UniPC skip type: time_uniform, UniPC lower order final: True", {}),
        (
            "Sigma churn: 4, Sigma tmin: 0.05, Sigma tmax: 50, Sigma noise: 1.003",
            {"s_churn": 4, "s_tmin": 0.05, "s_tmax": 50, "s_noise": 1.003},
        ),
        ("Emphasis: No norm", {"emphasis": "No norm"}),
        (
            "Schedule type: karras, Schedule max sigma: 10.0, Schedule min sigma: 0.1, Schedule rho: 5.0",
            {"scheduler": "karras", "sigma_max": 10, "sigma_min": 0.1, "rho": 5},
        ),
        ("Schedule min sigma: 0, Schedule max sigma: 0, Schedule rho: 0", {"sigma_min": 0, "sigma_max": 0, "rho": 0}),
        ("Beta schedule alpha: 0.5, Beta schedule beta: 0.7", {"beta_dist_alpha": 0.5, "beta_dist_beta": 0.7}),
        ("Beta scheduler alpha: 0.5", {"beta_dist_alpha": 0.5}),
        ("Discard penultimate sigma: True", {"discard_next_to_last_sigma": True}),
        ("SGM noise multiplier: True", {"sgm_noise_multiplier": True}),
        ("NGMS: 0.5, NGMS all steps: True", {"s_min_uncond": 0.5, "s_min_uncond_all": True}),
        ("Skip Early CFG: 0.2", {"skip_early_cond": 0.2}),
        ("Pad conds: True", {"pad_cond_uncond": True}),
        ("Noise Schedule: Zero Terminal SNR", {"zero_terminal_snr": True}),
        ("Noise Schedule: Default", {"zero_terminal_snr": False}),
        ("Downcast alphas_cumprod: True", {"downcast_alphas_cumprod": True}),
        ("Old prompt editing timelines: True", {"old_prompt_timelines": True}),
        ("VAE hash: 0123456789, Hashes: x, User: me, Version: v1.10.1, Batch size: 4, Batch pos: 2", {}),
        ("FP8 weight: Disable, VAE Encoder: Full, Tiling: False", {}),
        ("Tiling: True", {"tiling": "Both"}),
        ("Tiling: X", {"tiling": "X"}),
        (
            "Refiner: xl/refiner.safetensors [7440042bbd], Refiner switch at: 0.6",
            {"refiner_checkpoint": "xl/refiner", "refiner_switch_at": 0.6},
        ),
        ("Refiner switch by sampling steps: True", {"refiner_switch_by_sample_steps": True}),
        ("Mask mode: Inpaint masked, Inpaint area: Whole picture", {}),
    ],
)
def test_a1111_parameters_are_followed(parameters: str, fields: dict[str, Any]) -> None:
    reading = read(f"p\n{BEFORE}, {parameters}")
    assert reading.refused == ()
    assert {name: getattr(reading.request, name) for name in fields} == fields
    untouched = Options.model_fields.keys() - fields.keys()
    assert all(getattr(reading.request, name) == Options.model_fields[name].default for name in untouched)


@pytest.mark.parametrize(
    ("parameter", "why"),
    [
        ("Hires upscale: 2", "the text names no denoising strength for a second pass"),
        ("Mask blur: 4", "txt2img has no such parameter"),
        ("First pass size: 512x0512x0", "the size of the first pass cannot be told from that of the picture"),
        ("Refiner switch at: 2", "is too large. The most is 1"),
        ("Tiling: maybe", "is not known. Choose one of 'None', 'Both', 'X' or 'Y'"),
        ("Pad conds v0: True", "texts are brought to one length by whole chunks only"),
        ("Face restoration: CodeFormer", "faces are restored in Extras only"),
        ("UniPC skip type: logSNR", "UniPC has no other schedule and no other end"),
        ("Style Selector Style: base", "the key is not known"),
        ("Variation seed strength: 0.1", "the text names no variation seed"),
        ("Clip skip: 30", "is too large. The most is 12"),
        ("Pad conds: maybe", "is neither on nor off. Write True or False"),
        ("Noise Schedule: new", "is neither on nor off. Write True or False"),
        ("Seed resize from: 0x512", "names one side only. Give both, or none"),
        ("Seed resize from: 512x80000000000", "is too large. The most is 4096"),
        ("Schedule type: ", "is empty. Leave it out or name one"),
    ],
)
def test_what_cannot_be_honoured_is_listed_with_the_reason(parameter: str, why: str) -> None:
    reading = read(f"p\n{BEFORE}, {parameter}")
    assert [str(row) for row in reading.refused] == [f"{parameter} ({why})"]
    assert (reading.request.prompt, reading.request.steps, reading.request.seed) == ("p", 20, 5)


def hires(parameters: str = "", before: str = BEFORE) -> tuple[Txt2ImgRequest, list[str]]:
    """The request of a text with a second pass, and the keys that are not honoured."""
    reading = read(f"p\n{before}, Denoising strength: 0.5, {parameters}")
    assert isinstance(reading.request, Txt2ImgRequest)
    return reading.request, [row.key for row in reading.refused]


def image(parameters: str = "") -> tuple[Img2ImgRequest, Reading]:
    """The request of a text of a picture that was painted from another."""
    reading = read(f"p\n{BEFORE}, Denoising strength: 0.5, {parameters}")
    assert isinstance(reading.request, Img2ImgRequest)
    return reading.request, reading


def differing(request: Txt2ImgRequest | Img2ImgRequest) -> dict[str, Any]:
    """The fields that are not at their defaults."""
    return {name: value for name, value in request if value != type(request).model_fields[name].default}


def test_a_second_pass_of_a1111() -> None:
    reading = read(
        "portrait of a fox\nsoft light <lora:ink:0.8>\nNegative prompt: text,\nwatermark\n"
        "Steps: 25, Sampler: Euler a, Schedule type: Automatic, CFG scale: 6, Seed: 99, Size: 832x1216, Model hash: "
        "abcdef0123, Model: mySDXL, VAE hash: 0123456789, VAE: sdxl_vae.safetensors, Denoising strength: 0.35, "
        'RNG: NV, Hires prompt: "portrait of a fox, 8k <lora:ink:0.5>", Hires upscale: 1.5, Hires steps: 12, '
        'Hires upscaler: 4x-UltraSharp, Lora hashes: "ink: 1a2b3c4d5e6f", Version: v1.10.1'
    )
    assert isinstance(reading.request, Txt2ImgRequest)
    assert differing(reading.request) == {
        "prompt": "portrait of a fox\nsoft light <lora:ink:0.8>",
        "negative_prompt": "text,\nwatermark",
        "steps": 25,
        "sampler_name": "Euler a",
        "scheduler": "Automatic",
        "cfg_scale": 6,
        "seed": 99,
        "width": 832,
        "height": 1216,
        "model": "mySDXL",
        "rng": "NV",
        "enable_hr": True,
        "denoising_strength": 0.35,
        "hr_prompt": "portrait of a fox, 8k <lora:ink:0.5>",
        "hr_scale": 1.5,
        "hr_second_pass_steps": 12,
        "hr_upscaler": "4x-UltraSharp",
        "sd_vae": "sdxl_vae.safetensors",
    }
    assert reading.refused == ()


def test_inpainting_of_a1111() -> None:
    reading = read(
        "fill the gap\nSteps: 30, Sampler: DPM++ SDE, Schedule type: Karras, CFG scale: 5.5, Seed: 7, Size: 768x768, "
        "Model hash: 1111111111, Model: inpaint-v2, Denoising strength: 0.6, Conditional mask weight: 1.0, "
        "Mask blur: 4, Inpaint area: Only masked, Masked area padding: 32, Masked content: latent noise, "
        "Version: v1.10.1"
    )
    assert isinstance(reading.request, Img2ImgRequest)
    assert differing(reading.request) == {
        "prompt": "fill the gap",
        "steps": 30,
        "sampler_name": "DPM++ SDE",
        "scheduler": "Karras",
        "cfg_scale": 5.5,
        "seed": 7,
        "width": 768,
        "height": 768,
        "model": "inpaint-v2",
        "rng": "GPU",
        "sd_vae": "None",
        "denoising_strength": 0.6,
        "inpaint_full_res": True,
        "inpainting_fill": "latent noise",
    }
    assert reading.not_honoured == ("Mask blur: 4 (the mask itself is not in the text: choose it again)",)


def test_tiled_upscaling_of_a1111() -> None:
    request, reading = image("Size: 512x512, SD upscale overlap: 32, SD upscale upscaler: R-ESRGAN 4x+")
    assert (request.sd_upscale_upscaler, request.sd_upscale_overlap) == ("R-ESRGAN 4x+", 32)
    assert (request.sd_upscale_by, request.width, request.height) == (2, 512, 512)
    assert reading.refused == ()


@pytest.mark.parametrize(
    ("parameters", "fields"),
    [
        ("", {}),
        ("Init image hash: 0123456789abcdef0123456789abcdef", {"init_images": ("0123456789abcdef" * 2,)}),
        ("Noise multiplier: 0.9, Extra noise: 0.05", {"initial_noise_multiplier": 0.9, "img2img_extra_noise": 0.05}),
        ("Image CFG scale: 1.2", {"image_cfg_scale": 1.2}),
        ("Conditional mask weight: 0.4", {"inpainting_mask_weight": 0.4}),
        (f"Mask hash: {'a' * 32}, Mask blur: 7", {"mask": "a" * 32, "mask_blur_x": 7, "mask_blur_y": 7}),
        (
            f"Mask hash: {'a' * 32}, Mask blur y: 2, Mask blur: 7, Mask mode: Inpaint not masked, Mask rounding: False",
            {
                "mask": "a" * 32,
                "mask_blur_x": 7,
                "mask_blur_y": 2,
                "inpainting_mask_invert": True,
                "mask_round": False,
            },
        ),
        (
            f"Mask hash: {'a' * 32}, Soft inpainting enabled: True, Soft inpainting schedule bias: 2, "
            "Soft inpainting mask influence: 0.5",
            {
                "mask": "a" * 32,
                "soft_inpainting": True,
                "soft_inpainting_schedule_bias": 2,
                "soft_inpainting_mask_influence": 0.5,
            },
        ),
    ],
)
def test_a_strength_without_a_second_pass_means_img2img(parameters: str, fields: dict[str, Any]) -> None:
    request, reading = image(parameters)
    assert reading.refused == ()
    usual = {"prompt": "p", "steps": 20, "sampler_name": "Euler a", "scheduler": "Automatic", "cfg_scale": 7}
    usual |= {"seed": 5, "rng": "GPU", "sd_vae": "None"}
    assert differing(request) == {**usual, "denoising_strength": 0.5, **fields}


@pytest.mark.parametrize(
    ("parameters", "key", "why"),
    [
        ("Hires steps: 5", "Hires steps", "img2img has no such parameter"),
        ("Hires checkpoint: m [0123456789]", "Hires checkpoint", "img2img has no such parameter"),
        ("Init image hash: ../x", "Init image hash", "is no stored picture"),
        ("Mask blur: 70, Mask hash: " + "a" * 32, "Mask blur", "is too large. The most is 64"),
        ("Inpaint area: Only masked", "Inpaint area", "the mask itself is not in the text"),
        ("Mask colour: red", "Mask colour", "masks have nothing of that name"),
        ("SD upscale overlap: 3", "SD upscale overlap", "is not a multiple of 8"),
        ("Background color: white", "Background color", "is no colour. Write #"),
    ],
)
def test_what_img2img_cannot_honour_is_listed(parameters: str, key: str, why: str) -> None:
    request, reading = image(parameters)
    assert request.denoising_strength == 0.5
    assert [row.key for row in reading.refused] == [key]
    assert reading.refused[0].why.startswith(why)


@pytest.mark.parametrize(
    ("parameters", "fields"),
    [
        ("Hires upscaler: Latent", {"hr_upscaler": "Latent", "hr_scale": 2}),
        ("Hires resize: 1000x1500", {"hr_resize_x": 1000, "hr_resize_y": 1496}),
        ("Hires resize: 0x768", {"hr_resize_x": 0, "hr_resize_y": 768}),
        (
            "Hires upscale: 2, Hires checkpoint: dir/other.ckpt [abcdef0123]",
            {"hr_checkpoint_name": "dir/other", "hr_scale": 2},
        ),
        ("Hires upscale: 2, Hires checkpoint: model [final]", {"hr_checkpoint_name": "model [final]"}),
        (
            "Hires upscale: 2, Hires sampler: DDIM, Hires schedule type: Karras, Hires CFG Scale: 3",
            {"hr_sampler_name": "DDIM", "hr_scheduler": "Karras", "hr_cfg_scale": 3},
        ),
        (
            "Hires upscale: 2, Hires sampler: Use same sampler, Hires Module 1: Use same choices",
            {"hr_sampler_name": None},
        ),
        ("Hires upscale: 2, Refiner: r, Hires refiner: both passes", {"hires_fix_refiner_pass": "both passes"}),
        ("Hires upscale: 2, Extra noise: 0.1", {"img2img_extra_noise": 0.1}),
    ],
)
def test_a_strength_beside_a_key_of_hires_fix_means_a_second_pass(parameters: str, fields: dict[str, Any]) -> None:
    request, refused = hires(parameters)
    assert refused == []
    assert request.enable_hr and request.denoising_strength == 0.5
    assert {name: getattr(request, name) for name in fields} == fields


@pytest.mark.parametrize(
    ("parameters", "keys"),
    [
        ("Hires upscale: 0.5", ["Hires upscale"]),
        ("Hires upscale: 2, Mask blur: 4", ["Mask blur"]),
        ("Hires upscale: 2, Hires smell: 4", ["Hires smell"]),
        ("Hires resize: 9000x9000", ["Hires resize"]),
    ],
)
def test_what_a_second_pass_cannot_honour_is_listed(parameters: str, keys: list[str]) -> None:
    request, refused = hires(parameters)
    assert request.enable_hr and refused == keys


@pytest.mark.parametrize(
    ("first", "final", "sides"),
    [
        ("448x576", "896x1152", (448, 576, 896, 1152)),
        ("0x0", "1024x1024", (512, 512, 1024, 1024)),
        ("0x0", "1152x768", (640, 448, 1152, 768)),  # 627.07 and 418.05, up to the next 64
        ("0x512", "512x512", (512, 512, 512, 512)),
    ],
)
def test_sizes_of_both_passes_as_they_were_until_2023(first: str, final: str, sides: tuple[int, int, int, int]) -> None:
    request, refused = hires(f"Size: {final}, First pass size: {first}")
    assert refused == [] and request.enable_hr and request.hr_upscaler == "Latent"
    assert (request.width, request.height, request.hr_resize_x, request.hr_resize_y) == sides


@pytest.mark.parametrize(
    "sizes", ["First pass size: 0x0", "First pass size: 64x64, Size: 0x64", "Size: 8x8, First pass size: 9999999x1"]
)
def test_old_sizes_that_make_no_sense_are_listed(sizes: str) -> None:
    reading = read(f"p\n{BEFORE}, Denoising strength: 0.5, {sizes}")
    assert any(row.key.startswith("First pass size") for row in reading.refused)


def test_the_refiner_was_switched_by_steps_before_1_8() -> None:
    def by_steps(version: str) -> bool:
        return aged(version, parameters=", Refiner: r [0123456789]").request.refiner_switch_by_sample_steps

    assert by_steps("v1.7.0") and not by_steps("v1.8.0")
    assert not aged("v1.7.0").request.refiner_switch_by_sample_steps


def test_old_timelines_may_stand_in_a_prompt_of_the_second_pass() -> None:
    parameters = ", Denoising strength: 0.5, Hires upscale: 2, Hires prompt: [a|b]"
    assert aged("v1.5.1", parameters=parameters).request.old_prompt_timelines


def test_a_template_of_a_second_pass_counts_where_there_is_one() -> None:
    parameters = "Hires Template: x __colour__, Version: Atelier 0.1.0, Infotext version: 2"
    reading = read(f"p\n{BEFORE}, Denoising strength: 0.5, Hires upscale: 2, {parameters}")
    assert isinstance(reading.typed, Txt2ImgRequest) and reading.typed.hr_prompt == "x __colour__"
    assert image(parameters)[1].typed is None


@pytest.mark.parametrize("parameter", ["Seed resize from-1: wide, Seed resize from-2: 64", "Seed resize from-2: 64"])
def test_sides_that_do_not_come_as_a_size_are_listed(parameter: str) -> None:
    reading = read(f"p\n{BEFORE}, {parameter}")
    assert [row.key for row in reading.refused] == ["Seed resize from"]
    assert reading.request.seed == 5


def test_bad_values_are_listed_not_raised() -> None:
    reading = read("p\nSteps: -3, Sampler: Euler, Size: 100x64, CFG scale: high")
    assert (reading.request.steps, reading.request.width, reading.request.height) == (None, None, 64)
    assert [(row.key, row.value) for row in reading.refused] == [
        ("Steps", "-3"),
        ("Size-1", "100"),
        ("CFG scale", "high"),
    ]


def test_of_two_that_disagree_the_first_is_taken() -> None:
    reading = read(f"p\n{BEFORE}, Guidance start: 0.8, Guidance end: 0.5")
    assert (reading.request.guidance_interval_start, reading.request.guidance_interval_end) == (0.8, 1.0)
    assert [row.key for row in reading.refused] == ["Guidance end"]


def test_a_prompt_of_a_book_is_left_out() -> None:
    reading = read("x" * (MAX_PROMPT_CHARACTERS + 1) + f"\n{BEFORE}")
    assert (reading.request.prompt, reading.request.seed) == ("", 5)
    assert [row.key for row in reading.refused] == ["Prompt"]
    assert len(reading.not_honoured[0]) < 200


def test_a_checkpoint_known_by_its_hash_alone_is_told() -> None:
    reading = read(f"p\n{BEFORE}, Model hash: 6ce0161689")
    assert [row.key for row in reading.refused] == ["Model hash"]
    assert read(f"p\n{BEFORE}, Model hash: 6ce0161689, Model: m").refused == ()


def test_combined_sampler_names_are_kept_as_text() -> None:
    request = read("p\nSteps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7, Version: v1.6.0").request
    assert (request.sampler_name, request.scheduler) == ("DPM++ 2M Karras", "Automatic")


def test_words_without_parameters_leave_all_choices_open() -> None:
    request = read("just a prompt").request
    assert (request.prompt, request.rng, request.scheduler) == ("just a prompt", None, None)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("v1.10.1", (1, 10, 1, 0)),
        ("1.6.0", (1, 6, 0, 0)),
        ("v1.7.0-225-gabcdef0", (1, 7, 0, 225)),
        ("v1.6.0-RC-28-g1", (1, 6, 0, 0)),
        ("v1.2", (1, 2, 0, 0)),
        ("f2.0.1v1.10.1-previous-665-gae278f79", (1, 10, 1, 0)),
        ("Atelier 0.1.0", None),
        ("ComfyUI", None),
        ("neo", None),
        ("1", None),
        ("", None),
        ("v" + "9" * 100_000, None),
        ("v1.²", None),
    ],
)
def test_versions_are_read(text: str, version: tuple[int, ...] | None) -> None:
    assert version_of(text) == version


def aged(version: str, prompt: str = "p", parameters: str = "") -> Reading:
    return read(f"{prompt}\n{BEFORE}{parameters}, Version: {version}")


def test_old_texts_of_a1111_have_their_old_meaning() -> None:
    assert aged("v1.5.1", "[a:b:3.0]").request.old_prompt_timelines
    assert not aged("v1.5.1", "a").request.old_prompt_timelines
    assert not aged("v1.6.0", "[a:b:3.0]").request.old_prompt_timelines
    assert aged("v1.7.0-224-g1").request.downcast_alphas_cumprod
    assert not aged("v1.7.0-225-g1").request.downcast_alphas_cumprod
    assert not aged("v1.7.0", parameters=", Downcast alphas_cumprod: False").request.downcast_alphas_cumprod


@pytest.mark.parametrize(
    ("sampler", "version", "schedule"),
    [
        ("DPM++ 2M", "v1.8.0", "Uniform"),
        ("DPM++ 2M Karras", "v1.8.0", "Automatic"),
        ("Restart", "v1.8.0", "Automatic"),
        ("DPM++ 2M", "v1.9.0", "Automatic"),
    ],
)
def test_samplers_had_no_schedule_of_their_own_before_1_9(sampler: str, version: str, schedule: str) -> None:
    request = read(f"p\nSteps: 20, Sampler: {sampler}, CFG scale: 7, Version: {version}").request
    assert request.scheduler == schedule


def test_a_schedule_that_is_named_goes_before_the_version() -> None:
    text = "p\nSteps: 20, Sampler: DPM++ 2M, Schedule type: exponential, Version: v1.8.0"
    assert read(text).request.scheduler == "exponential"


def test_old_padding_is_told_where_it_may_count() -> None:
    def lost(prompt: str, sampler: str = "DDIM") -> list[str]:
        reading = read(f"{prompt}\nSteps: 20, Sampler: {sampler}, CFG scale: 7, Version: v1.5.1")
        return [row.key for row in reading.refused]

    assert lost("a short prompt") == []
    assert lost("a long prompt " * 20) == ["Version"]
    assert lost("a BREAK b") == ["Version"]
    assert lost("a long prompt " * 20, "Euler") == []


def test_the_first_version_of_ours_knew_no_emphasis_and_padded() -> None:
    first = aged("Atelier 0.1.0", "(a:1.2) " * 20).request
    assert (first.emphasis, first.comma_padding_backtrack, first.pad_cond_uncond) == ("None", 0, True)
    plain = aged("Atelier 0.1.0", "a red house").request
    assert (plain.emphasis, plain.comma_padding_backtrack, plain.pad_cond_uncond) == ("Original", 20, False)
    now = aged("Atelier 0.1.0", "(a:1.2) " * 20, ", Infotext version: 2").request
    assert (now.emphasis, now.comma_padding_backtrack, now.pad_cond_uncond) == ("Original", 20, False)


def test_a_text_of_a_later_version_is_told() -> None:
    reading = aged("Atelier 9.0", parameters=", Infotext version: 3")
    assert [(row.key, row.value) for row in reading.refused] == [("Infotext version", "3")]


def test_a_template_of_the_wildcard_extension_is_what_was_typed() -> None:
    reading = read(f'a red cat\nNegative prompt: rain\n{BEFORE}, Template: "a __colour__ cat", Version: v1.10.1')
    assert reading.request.prompt == "a red cat" and not reading.request.wildcards
    assert reading.typed is not None and reading.typed.wildcards
    assert (reading.typed.prompt, reading.typed.negative_prompt) == ("a __colour__ cat", "rain")
    assert reading.refused == ()


@pytest.mark.parametrize(
    "parameter", ['Styles: "[1, 2"', "Styles: film", "Styles: 3", f'Template: "{"x:" * MAX_PROMPT_CHARACTERS}"']
)
def test_what_was_typed_and_cannot_be_read_is_left_alone(parameter: str) -> None:
    reading = read(f"p\n{BEFORE}, {parameter}")
    assert (reading.request.prompt, reading.typed) == ("p", None)


def test_deep_lists_are_no_styles() -> None:
    assert read(f"p\n{BEFORE}, Styles: " + "[" * 100_000).typed is None
