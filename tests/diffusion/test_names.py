"""Names of samplers and schedules are found however people and programs write them."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.diffusion.names import (
    BUILT_IN_NAMES,
    CUSTOM,
    LISTED_SCHEDULES,
    SAMPLER_NAMES,
    SCHEDULE_NAMES,
    UNLISTED_SCHEDULES,
)
from modules.diffusion.samplers import SamplerOptions
from modules.diffusion.schedules import SCHEDULES
from modules.errors import InvalidRequest
from modules.schema.infotext_keys import SCHEDULES_OF_SAMPLERS

# Name, API aliases, schedule of Automatic and the rest as A1111 1.10 lists them.
A1111 = {
    "DPM++ 2M": (["k_dpmpp_2m"], "Karras"),
    "DPM++ SDE": (["k_dpmpp_sde"], "Karras"),
    "DPM++ 2M SDE": (["k_dpmpp_2m_sde"], "Exponential"),
    "DPM++ 2M SDE Heun": (["k_dpmpp_2m_sde_heun"], "Exponential"),
    "DPM++ 2S a": (["k_dpmpp_2s_a"], "Karras"),
    "DPM++ 3M SDE": (["k_dpmpp_3m_sde"], "Exponential"),
    "Euler a": (["k_euler_a", "k_euler_ancestral"], "Uniform"),
    "Euler": (["k_euler"], "Uniform"),
    "LMS": (["k_lms"], "Uniform"),
    "Heun": (["k_heun"], "Uniform"),
    "DPM2": (["k_dpm_2"], "Karras"),
    "DPM2 a": (["k_dpm_2_a"], "Karras"),
    "DPM fast": (["k_dpm_fast"], "Uniform"),
    "DPM adaptive": (["k_dpm_ad"], "Uniform"),
    "Restart": (["restart"], "Karras"),
    "DDIM": (["ddim"], "Timesteps"),
    "DDIM CFG++": (["ddim_cfgpp"], "Timesteps"),
    "PLMS": (["plms"], "Timesteps"),
    "UniPC": (["unipc"], "Time uniform"),
    "LCM": (["k_lcm"], "LCM"),
}


@pytest.mark.parametrize("name", A1111)
def test_all_of_a1111_are_there(name: str) -> None:
    aliases, automatic = A1111[name]
    for called in (name, name.lower(), name.upper(), f" {name} ", *aliases):
        assert BUILT_IN_NAMES.find_sampler(called).name == name
    assert BUILT_IN_NAMES.find_schedule("Automatic", BUILT_IN_NAMES.find_sampler(name)) == automatic


def test_there_are_more() -> None:
    names = [row.name for row in SAMPLER_NAMES]
    assert names[:20] == list(A1111)
    assert len(names) >= 30


def test_no_name_means_two_samplers() -> None:
    for row in SAMPLER_NAMES:
        assert all(BUILT_IN_NAMES.split_sampler(name) == (row, None) for name in (row.name, *row.aliases))


def test_what_a1111_says_of_its_samplers() -> None:
    rows = SAMPLER_NAMES[:20]
    assert {row.name for row in rows if row.second_order} == {
        *("DPM++ SDE", "DPM++ 2S a", "Heun", "DPM2", "DPM2 a", "Restart")
    }
    assert {row.name for row in rows if row.brownian} == {
        *("DPM++ SDE", "DPM++ 2M SDE", "DPM++ 2M SDE Heun", "DPM++ 3M SDE")
    }
    assert {row.name for row in rows if row.uses_ensd} == {
        *("DPM++ 2S a", "Euler a", "DPM2 a", "DPM fast", "DPM adaptive")
    }
    assert {row.name for row in rows if row.discards_penultimate} == {"DPM++ 3M SDE", "DPM2", "DPM2 a"}
    assert {row.name for row in rows if row.reads_negative} == {"DDIM CFG++"}
    assert BUILT_IN_NAMES.find_sampler("DDIM CFG++").cfg_divisor == 12.5


def test_schedules_are_functions() -> None:
    assert {row.name for row in (*LISTED_SCHEDULES, *UNLISTED_SCHEDULES)} - {"Automatic"} == SCHEDULES.keys()
    for row in SAMPLER_NAMES:
        assert row.automatic in row.schedules
        assert {*row.schedules} <= SCHEDULES.keys()


def test_options_are_fields() -> None:
    fields = SamplerOptions.__dataclass_fields__.keys()
    for row in SAMPLER_NAMES:
        assert {*row.options} <= fields
        assert (row.usual_eta is not None) == ("eta" in row.options)
        assert not row.brownian or row.stochastic


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("karras", "Karras"),
        ("SGMUniform", "SGM Uniform"),
        ("sgm_uniform", "SGM Uniform"),
        ("kl_optimal", "KL Optimal"),
        ("align_your_steps", "Align Your Steps"),
        ("ays", "Align Your Steps"),
        ("linear quadratic", "Linear-Quadratic"),
        ("ddim_uniform", "DDIM"),
        ("Custom", "Custom"),
    ],
)
def test_schedules_are_found(written: str, name: str) -> None:
    assert BUILT_IN_NAMES.find_schedule(written, BUILT_IN_NAMES.find_sampler("Euler")) == name


def test_samplers_of_timesteps_keep_their_own() -> None:
    for name in ("DDIM", "DDIM CFG++", "PLMS"):
        assert {
            BUILT_IN_NAMES.find_schedule(schedule, BUILT_IN_NAMES.find_sampler(name)) for schedule in SCHEDULE_NAMES
        } == {"Timesteps"}
    assert BUILT_IN_NAMES.find_schedule("Karras", BUILT_IN_NAMES.find_sampler("UniPC")) == "Time uniform"
    assert BUILT_IN_NAMES.find_schedule("Timesteps", BUILT_IN_NAMES.find_sampler("Euler")) == "Uniform"


RUN_NO_CUSTOM = ["DPM fast", "DPM adaptive", "Restart", "DDIM", "DDIM CFG++", "PLMS", "UniPC"]


@pytest.mark.parametrize("name", RUN_NO_CUSTOM)
def test_a_sampler_that_cannot_run_custom_sigmas_says_so(name: str) -> None:
    problem = rf"^Schedule type 'custom' cannot be run by {re.escape(name)}\. Choose another sampler, such as Euler, or"
    with pytest.raises(InvalidRequest, match=problem):
        BUILT_IN_NAMES.find_schedule("custom", BUILT_IN_NAMES.find_sampler(name))
    with pytest.raises(InvalidRequest, match=problem):
        BUILT_IN_NAMES.find_pair(name, "custom")


def test_all_other_samplers_run_custom_sigmas() -> None:
    able = [row for row in SAMPLER_NAMES if row.name not in RUN_NO_CUSTOM]
    assert {BUILT_IN_NAMES.find_schedule(CUSTOM, row) for row in able} == {CUSTOM}


def test_schedules_that_other_programs_do_not_know_are_automatic_for_their_samplers() -> None:
    """Infotexts say Automatic in their place."""
    assert {row.name for row in UNLISTED_SCHEDULES} == {CUSTOM, *SCHEDULES_OF_SAMPLERS}
    for row in SAMPLER_NAMES:
        assert {row.automatic} >= SCHEDULES_OF_SAMPLERS & {*row.schedules}


@pytest.mark.parametrize(
    ("combined", "sampler", "schedule"),
    [
        ("DPM++ 2M Karras", "DPM++ 2M", "Karras"),
        ("DPM++ SDE Exponential", "DPM++ SDE", "Exponential"),
        ("DPM++ 2M SDE Heun Karras", "DPM++ 2M SDE Heun", "Karras"),
        ("DPM++ 3M SDE Exponential", "DPM++ 3M SDE", "Exponential"),
        ("LMS Karras", "LMS", "Karras"),
        ("DPM2 a Karras", "DPM2 a", "Karras"),
        ("euler a sgm uniform", "Euler a", "SGM Uniform"),
        ("k_dpmpp_2m_ka", "DPM++ 2M", "Karras"),
        ("k_dpmpp_3m_sde_exp", "DPM++ 3M SDE", "Exponential"),
        ("DPM++ 2M Automatic", "DPM++ 2M", "Karras"),
        ("DDIM Karras", "DDIM", "Timesteps"),
    ],
)
def test_combined_names_are_taken_apart(combined: str, sampler: str, schedule: str) -> None:
    assert BUILT_IN_NAMES.find_sampler(combined).name == sampler
    for unnamed in (None, "", "Automatic"):
        found, runs = BUILT_IN_NAMES.find_pair(combined, unnamed)
        assert (found.name, runs) == (sampler, schedule)


def test_a_schedule_that_is_named_wins() -> None:
    assert BUILT_IN_NAMES.find_pair("DPM++ 2M Karras", "Exponential")[1] == "Exponential"
    assert BUILT_IN_NAMES.find_pair("Euler", None)[1] == "Uniform"


@pytest.mark.parametrize("sampler", SAMPLER_NAMES, ids=lambda row: row.name)
def test_every_combination_is_taken_apart(sampler: object) -> None:
    for schedule in LISTED_SCHEDULES:
        assert BUILT_IN_NAMES.split_sampler(f"{sampler.name} {schedule.name}") == (sampler, schedule.name)  # type: ignore[attr-defined]


def test_unknown_names_answer_with_the_nearest() -> None:
    with pytest.raises(InvalidRequest, match=r"Sampler 'Eulr' is not known\. Nearest: Euler"):
        BUILT_IN_NAMES.find_sampler("Eulr")
    with pytest.raises(InvalidRequest, match=r"Nearest: DPM\+\+ 2M"):
        BUILT_IN_NAMES.find_sampler("dpm++2m")
    with pytest.raises(InvalidRequest, match=r"Schedule type 'Karas' is not known\. Nearest: Karras"):
        BUILT_IN_NAMES.find_schedule("Karas", BUILT_IN_NAMES.find_sampler("Euler"))
    with pytest.raises(InvalidRequest, match=r"Choose one of: Automatic"):
        BUILT_IN_NAMES.find_schedule("???", BUILT_IN_NAMES.find_sampler("Euler"))


@given(st.text(max_size=60))
def test_any_text_is_a_sampler_or_refused(text: str) -> None:
    try:
        assert BUILT_IN_NAMES.find_pair(text, None)[0] in SAMPLER_NAMES
    except InvalidRequest as error:
        assert "Sampler" in str(error)


def test_names_come_without_torch() -> None:
    code = "import sys, modules.diffusion.names; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
