"""The command line: what is understood, what is refused, and where pytest's own flags go."""

from __future__ import annotations

from pathlib import Path

import pytest

from modules.config.command_line import DEFAULT_PORT, parse_command_line, request_fields, split_words
from modules.config.request_words import REQUEST_WORDS
from modules.schema.requests import Txt2ImgRequest


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
    assert request_fields(options) == {"prompt": "", "steps": "many", "cfg_scale": "7.5", "clip_skip": "2"}


def test_there_is_one_flag_for_each_field_of_a_request() -> None:
    assert REQUEST_WORDS.keys() == Txt2ImgRequest.model_fields.keys()
    flags = [words.flag for words in REQUEST_WORDS.values() if words.flag]
    assert len(set(flags)) == len(REQUEST_WORDS) - 1  # the prompt stands without


def test_the_command_line_asks_for_any_request() -> None:
    wanted = Txt2ImgRequest.of(
        {
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
        }
    )
    assert all(value != Txt2ImgRequest.model_fields[name].default for name, value in wanted)
    assert Txt2ImgRequest.of(request_fields(parse_command_line(["generate", *typed(wanted)]))) == wanted


def typed(request: Txt2ImgRequest) -> list[str]:
    """A request as a person would type it; what stands after `--` is the prompt, whatever it looks like."""
    words: list[str] = []
    for name, value in request.model_dump(exclude={"prompt"}).items():
        flag = REQUEST_WORDS[name].flag
        if value is True:
            words.append(flag)
        elif name == "styles":
            words += [word for style in value for word in (flag, style)]
        elif name == "sigmas":
            words += [flag, ", ".join(map(str, value))]
        else:
            words += [flag, str(value)]
    return [*words, "--", request.prompt]


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
        (["generate"], "prompt"),
        (["paint"], "invalid choice: 'paint'"),
    ],
)
def test_bad_arguments_are_refused(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        parse_command_line(arguments)
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err
