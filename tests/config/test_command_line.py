"""The command line: what is understood, what is refused, and where pytest's own flags go."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from modules.config.command_line import (
    extras_fields,
    parse_command_line,
    paths_of,
    request_fields,
    split_words,
)
from modules.config.extras_words import EXTRAS_WORDS
from modules.config.field_words import FieldWords
from modules.config.request_words import OF_IMG2IMG_ALONE, OF_TXT2IMG_ALONE, REQUEST_WORDS
from modules.config.server_flags import DEFAULT_PORT
from modules.errors import InvalidSetting
from modules.schema.extras_request import ExtrasRequest
from modules.schema.requests import Img2ImgRequest, Txt2ImgRequest


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMMANDLINE_ARGS", raising=False)


def test_no_arguments_open_the_ui() -> None:
    options = parse_command_line([])
    assert (options.command, options.port, options.listen) == ("ui", DEFAULT_PORT, False)


def test_flags_count_before_and_after_the_command() -> None:
    before = parse_command_line(["--data-dir", "there", "generate", "a red house"])
    after = parse_command_line(["generate", "a red house", "--data-dir", "there"])
    assert before.data_dir == after.data_dir == Path("there")
    assert before.command == after.command == "generate"


def test_generate_takes_every_field_as_typed() -> None:
    options = parse_command_line(["generate", "", "--steps", "many", "--cfg", "7.5", "--clip-skip", "2"])
    assert (options.prompt, options.steps, options.cfg, options.clip_skip) == ("", "many", "7.5", "2")
    fields = {"prompt": "", "steps": "many", "cfg_scale": "7.5", "clip_skip": "2"}
    assert request_fields(options) == ("txt2img", fields)


def test_there_is_one_flag_for_each_field_of_a_request() -> None:
    assert REQUEST_WORDS.keys() == Txt2ImgRequest.model_fields.keys() | Img2ImgRequest.model_fields.keys()
    assert EXTRAS_WORDS.keys() == ExtrasRequest.model_fields.keys()
    for table in (REQUEST_WORDS, EXTRAS_WORDS):
        flags = [words.flag for words in table.values() if words.flag]
        assert len(set(flags)) == len(table) - 1  # the prompt, or the pictures, stand without


def test_the_tasks_know_their_own_fields() -> None:
    assert Txt2ImgRequest.model_fields.keys() - Img2ImgRequest.model_fields.keys() == OF_TXT2IMG_ALONE
    assert Img2ImgRequest.model_fields.keys() - Txt2ImgRequest.model_fields.keys() == OF_IMG2IMG_ALONE


@pytest.mark.parametrize("request_type", [Txt2ImgRequest, Img2ImgRequest, ExtrasRequest])
def test_switches_are_typed_as_switches(request_type: type[BaseModel]) -> None:
    table = EXTRAS_WORDS if request_type is ExtrasRequest else REQUEST_WORDS
    switches = {name: field.default for name, field in request_type.model_fields.items() if field.annotation is bool}
    assert {name: table[name].kind for name in switches} == {
        name: "switched on" if default else "switch" for name, default in switches.items()
    }
    assert not any(table[name].kind.startswith("switch") for name in request_type.model_fields.keys() - switches)


PICTURES = ("0" * 32, "1" * 32)
SHARED: dict[str, Any] = {
    "prompt": "-- a red house",
    "negative_prompt": "rain",
    "styles": ["film, faded", "night"],
    "wildcards": True,
    "wildcard_seed": 8,
    "novelai_emphasis": True,
    "emphasis": "No norm",
    "comma_padding_backtrack": 0,
    "pad_cond_uncond": True,
    "old_prompt_timelines": True,
    "clip_skip": 2,
    "model": "some/model",
    "width": 256,
    "height": 320,
    "batch_count": 3,
    "batch_size": 2,
    "sampler_name": "Euler a",
    "steps": 3,
    "cfg_scale": 6.3,
    "eta": 0.5,
    "s_churn": 1,
    "s_tmin": 0.1,
    "s_tmax": 12.5,
    "s_noise": 1.007,
    "sampler_order": 2,
    "uni_pc_variant": "bh2",
    "ge_gamma": 2.5,
    "seed": 4,
    "subseed": 5,
    "subseed_strength": 0.25,
    "seed_resize_from_w": 512,
    "seed_resize_from_h": 768,
    "rng": "CPU",
    "eta_noise_seed_delta": 31337,
    "sgm_noise_multiplier": True,
    "scheduler": "Custom",
    "sigma_min": 0.1,
    "sigma_max": 10,
    "rho": 5,
    "beta_dist_alpha": 0.5,
    "beta_dist_beta": 0.7,
    "discard_next_to_last_sigma": True,
    "zero_terminal_snr": True,
    "downcast_alphas_cumprod": True,
    "old_karras_sigmas": True,
    "sigmas": [14.6, 3.2, 0.8, 0],
    "cfg_rescale": 0.7,
    "apg_eta": 0,
    "apg_norm_threshold": 15,
    "apg_momentum": -0.5,
    "cfg_zero_star": True,
    "cfg_zero_init_steps": 1,
    "dynamic_thresholding_mimic_scale": 7,
    "dynamic_thresholding_percentile": 0.995,
    "guidance_interval_start": 0.1,
    "guidance_interval_end": 0.8,
    "s_min_uncond": 0.5,
    "s_min_uncond_all": True,
    "skip_early_cond": 0.05,
    "tiling": "X",
    "img2img_extra_noise": 0.1,
    "sd_vae": "film.safetensors",
    "refiner_checkpoint": "refiner",
    "refiner_switch_at": 0.7,
    "refiner_switch_by_sample_steps": True,
    "script_name": "Prompt matrix",
    "script_args": {"margin": "4", "texts": ("a=b", "c")},
    "sections": {"Plain": {}, "Border and watermark": {"text": "a:b=c", "unit": ("Pixels", "Percent")}},
    "denoising_strength": 0.4,
}
OF_TXT2IMG: dict[str, Any] = {
    "enable_hr": True,
    "hr_upscaler": "Latent (nearest)",
    "hr_scale": 1.5,
    "hr_resize_x": 512,
    "hr_resize_y": 640,
    "hr_second_pass_steps": 5,
    "hr_checkpoint_name": "other",
    "hr_sampler_name": "DDIM",
    "hr_scheduler": "Karras",
    "hr_cfg_scale": 3,
    "hr_prompt": "sharp",
    "hr_negative_prompt": "soft",
    "hires_fix_refiner_pass": "both passes",
    "firstpass_image": PICTURES[0],
}
OF_IMG2IMG: dict[str, Any] = {
    "init_images": PICTURES,
    "resize_mode": "Crop and resize",
    "scale_by": 1.5,
    "img2img_fix_steps": True,
    "initial_noise_multiplier": 0.9,
    "img2img_color_correction": True,
    "img2img_background_color": "#102030",
    "image_cfg_scale": 1.2,
    "mask": PICTURES[1],
    "mask_from_alpha": True,
    "inpainting_mask_invert": True,
    "mask_blur_x": 2,
    "mask_blur_y": 3,
    "inpainting_fill": "latent noise",
    "inpaint_full_res": True,
    "inpaint_full_res_padding": 16,
    "mask_round": False,
    "inpainting_mask_weight": 0.5,
    "soft_inpainting": True,
    "soft_inpainting_schedule_bias": 2,
    "soft_inpainting_preservation_strength": 0.6,
    "soft_inpainting_transition_contrast_boost": 3,
    "soft_inpainting_mask_influence": 0.1,
    "soft_inpainting_difference_threshold": 0.4,
    "soft_inpainting_difference_contrast": 3,
    "outpaint_left": 8,
    "outpaint_right": 16,
    "outpaint_top": 24,
    "outpaint_bottom": 32,
    "outpaint_feather": 4,
    "sd_upscale_upscaler": "Lanczos",
    "sd_upscale_by": 3,
    "sd_upscale_overlap": 32,
}
OF_EXTRAS: dict[str, Any] = {
    "images": PICTURES,
    "resize_mode": "Scale to",
    "upscaling_resize": 3,
    "upscaling_resize_w": 500,
    "upscaling_resize_h": 700,
    "upscaling_crop": False,
    "max_side_length": 4000,
    "upscaler_1": "Nearest",
    "upscaler_2": "Lanczos",
    "extras_upscaler_2_visibility": 0.5,
    "gfpgan_visibility": 0.6,
    "codeformer_visibility": 0.7,
    "codeformer_weight": 0.8,
    "upscale_first": False,
    "accept_noncommercial": True,
    "split_oversized": True,
    "split_threshold": 0.4,
    "overlap_ratio": 0.3,
    "focal_crop": True,
    "crop_width": 256,
    "crop_height": 320,
    "auto_sized_crop": True,
    "min_side": 256,
    "max_side": 512,
    "min_area": 5000,
    "max_area": 50000,
    "crop_objective": "Minimize error",
    "crop_threshold": 0.2,
    "flipped_copies": ("horizontal", "both"),
    "postprocessing": {"Border and watermark": {"border": "9", "text": "me: you=us"}, "Plain": {}},
}


@pytest.mark.parametrize(
    ("request_type", "own"), [(Txt2ImgRequest, OF_TXT2IMG), (Img2ImgRequest, OF_IMG2IMG)], ids=["txt2img", "img2img"]
)
def test_the_command_line_asks_for_any_request(
    request_type: type[Txt2ImgRequest | Img2ImgRequest], own: dict[str, Any]
) -> None:
    wanted = request_type.of({**SHARED, **own})
    assert all(value != request_type.model_fields[name].default for name, value in wanted)
    task, fields = request_fields(parse_command_line(["generate", *typed(wanted, REQUEST_WORDS), "--", wanted.prompt]))
    assert task == wanted.task
    assert request_type.of(with_ids(fields)) == wanted


def test_the_command_line_asks_for_any_extras() -> None:
    wanted = ExtrasRequest.of(OF_EXTRAS)
    assert all(value != ExtrasRequest.model_fields[name].default for name, value in wanted)
    fields = extras_fields(parse_command_line(["upscale", *typed(wanted, EXTRAS_WORDS), "--", *wanted.images]))
    assert ExtrasRequest.of(with_ids(fields)) == wanted


def typed(request: BaseModel, table: Mapping[str, FieldWords]) -> list[str]:
    """A request as a person would type it, but for what stands without a flag."""
    words: list[str] = []
    for name, value in request:
        flag = table[name].flag
        if flag and isinstance(value, bool):
            words.append(flag if value else flag.replace("--", "--no-"))
        elif flag and table[name].kind in ("list", "pictures"):
            words += [word for entry in value for word in (flag, entry)]
        elif flag and table[name].kind == "sections":
            words += [word for section, given in value.items() for word in typed_section(flag, section, given)]
        elif flag and isinstance(value, dict):
            pairs = [(key, row) for key, rows in value.items() for row in (rows if isinstance(rows, tuple) else [rows])]
            words += [word for key, row in pairs for word in (flag, f"{key}={row}")]
        elif flag:
            words += [flag, ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)]
    return words


def typed_section(flag: str, section: str, given: dict[str, Any]) -> list[str]:
    rows = [(key, row) for key, rows in given.items() for row in (rows if isinstance(rows, tuple) else [rows])]
    return [word for row in [f"{section}:{key}={row}" for key, row in rows] or [section] for word in (flag, row)]


def with_ids(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields with ids in the place of paths, as if a picture's name were its id."""
    table = EXTRAS_WORDS | REQUEST_WORDS
    several = {name: tuple(path.name for path in fields[name]) for name in fields if table[name].kind == "pictures"}
    single = {name: fields[name].name for name in fields if table[name].kind == "picture"}
    return fields | several | single


def test_pictures_are_paths() -> None:
    _, fields = request_fields(parse_command_line(["generate", "", "--init-image", "a/b.png", "--mask", "c.png"]))
    assert fields == {"prompt": "", "init_images": [Path("a/b.png")], "mask": Path("c.png")}
    assert extras_fields(parse_command_line(["upscale", "a.png", "b.png"]))["images"] == [Path("a.png"), Path("b.png")]


BEGINS = "needs a picture to begin with: --init-image FILE or --batch-dir DIR."
NEEDS_BATCH = "needs --batch-dir DIR, the folder with the pictures to begin with."


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--mask", "m.png"], f"--mask {BEGINS}"),
        (["--no-mask-round"], f"--mask-round {BEGINS}"),
        (["--outpaint-left", "64"], f"--outpaint-left {BEGINS}"),
        (
            ["--init-image", "i.png", "--enable-hr"],
            "--enable-hr is for pictures without an input. Leave it or --init-image out.",
        ),
        (
            ["--batch-dir", "d", "--enable-hr"],
            "--enable-hr is for pictures without an input. Leave it or --batch-dir out.",
        ),
        (["--batch-mask-dir", "d"], f"--batch-mask-dir {NEEDS_BATCH}"),
        (["--batch-take", "seed"], f"--batch-take {NEEDS_BATCH}"),
        (["--batch-folder", "mine"], f"--batch-folder {NEEDS_BATCH}"),
        (
            ["--batch-dir", "d", "--init-image", "i.png"],
            "--init-image cannot stand beside --batch-dir. Leave one of them out.",
        ),
        (
            ["--batch-dir", "d", "--batch-mask-dir", "m", "--mask", "i.png"],
            "--mask cannot stand beside --batch-mask-dir. Leave one of them out.",
        ),
    ],
)
def test_flags_of_another_task_are_refused(arguments: list[str], sentence: str) -> None:
    with pytest.raises(InvalidSetting) as refused:
        request_fields(parse_command_line(["generate", "p", *arguments]))
    assert str(refused.value) == sentence


def test_a_batch_needs_no_other_picture() -> None:
    flags = ["--batch-dir", "in", "--batch-take", "seed, prompt,", "--batch-folder", "mine", "--mask", "m.png"]
    options = parse_command_line(["generate", "p", *flags, "--outpaint-left", "8"])
    assert request_fields(options) == ("img2img", {"prompt": "p", "mask": Path("m.png"), "outpaint_left": "8"})
    assert (options.batch_dir, options.batch_mask_dir) == (Path("in"), None)
    assert (options.batch_take, options.batch_folder) == (["seed", "prompt"], "mine")


def test_folders_that_the_page_may_read(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "one")
    flags = ["--allow-folder", str(tmp_path), "--allow-folder", str(tmp_path / "link")]
    assert paths_of(parse_command_line(flags)).readable_folders == (tmp_path.resolve(), (tmp_path / "one").resolve())
    assert paths_of(parse_command_line([])).readable_folders == ()
    with pytest.raises(InvalidSetting, match=r"--allow-folder .*none is no folder. Correct the path"):
        paths_of(parse_command_line(["--allow-folder", str(tmp_path / "none")]))


def test_both_tasks_have_a_strength() -> None:
    for more, task in (([], "txt2img"), (["--init-image", "i.png"], "img2img")):
        options = parse_command_line(["generate", "p", "--denoising-strength", "0.3", *more])
        assert request_fields(options)[0] == task
        assert request_fields(options)[1]["denoising_strength"] == "0.3"


def test_upscale_takes_a_factor_or_a_size() -> None:
    def asked(*arguments: str) -> ExtrasRequest:
        fields = extras_fields(parse_command_line(["upscale", PICTURES[0], *arguments]))
        return ExtrasRequest.of(with_ids(fields))

    assert (asked().resize_mode, asked().upscaling_resize, asked().upscaler_1) == ("Scale by", 2, "atelier-x2")
    assert asked("--upscale-by", "3").upscaling_resize == 3
    assert (asked("--width", "300").resize_mode, asked("--width", "300").upscaling_resize_w) == ("Scale to", 300)
    assert asked("--height", "300", "--resize-mode", "Scale by").resize_mode == "Scale by"
    assert asked("--upscaler", "None").upscaler_1 is None
    with pytest.raises(InvalidSetting, match="--upscale-by cannot stand beside --width and --height"):
        asked("--upscale-by", "3", "--height", "300")


@pytest.mark.parametrize("words", [*REQUEST_WORDS.values(), *EXTRAS_WORDS.values()], ids=lambda words: words.label)
def test_words_read_as_a_line_of_help(words: FieldWords) -> None:
    assert words.help[0] == words.help[0].lower() or words.help.startswith("Scale")
    assert not words.help.endswith(".")
    assert not any(mark in words.help.replace("__name__", "") for mark in ("`", "*", "_", "]("))


def test_pytest_gets_what_follows_test_but_our_flags() -> None:
    options = parse_command_line(["test", "--skip-install", "-k", "stamp", "-x", "tests/test_launch.py", "--reinstall"])
    assert options.command == "test"
    assert options.skip_install and options.reinstall
    assert options.pytest_arguments == ["-k", "stamp", "-x", "tests/test_launch.py"]


def test_folder_named_test_is_not_the_command() -> None:
    assert parse_command_line(["--data-dir", "test", "test", "-q"]).pytest_arguments == ["-q"]
    assert parse_command_line(["--data-dir", "test"]).command == "ui"


def test_environment_stands_before_the_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMMANDLINE_ARGS", "--port 7000 --data-dir 'my pictures' --listen")
    options = parse_command_line(["--port", "7001"])
    assert (options.port, options.data_dir, options.listen) == (7001, Path("my pictures"), True)


def test_unreadable_environment_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COMMANDLINE_ARGS", "--data-dir 'open")
    with pytest.raises(SystemExit) as stopped:
        parse_command_line([])
    assert stopped.value.code == 2
    assert "COMMANDLINE_ARGS cannot be read" in capsys.readouterr().err


def test_words_are_unquoted() -> None:
    assert split_words("--a 'b c' \"d e\"") == ["--a", "b c", "d e"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--nonsense"], "unknown arguments: --nonsense"),
        (["doctor", "--nonsense"], "unknown arguments: --nonsense"),
        (["--port", "0"], "from 1 to 65535"),
        (["--port", "eighty"], "from 1 to 65535"),
        (["--gradio-auth", "nobody"], "USER:PASSWORD"),
        (["--precision", "double"], "invalid choice: 'double'"),
        (["generate"], "required: PROMPT"),
        (["upscale"], "required: FILE"),
        (["generate", "", "--script-arg", "steps"], "'steps' is no NAME=VALUE"),
        (["generate", "", "--section", ":text=a"], "':text=a' is no NAME or NAME:ARGUMENT=VALUE"),
        (["generate", "", "--section", "Words:text"], "'text' is no NAME=VALUE"),
        (["paint"], "invalid choice: 'paint'"),
    ],
)
def test_bad_arguments_are_refused(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        parse_command_line(arguments)
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err
