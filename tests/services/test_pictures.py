"""What the infotext of a picture asks for in vain is told, names and networks included."""

from __future__ import annotations

import pytest

from modules.services.build import Services
from modules.services.pictures import PictureService

AFTER = "CFG scale: 7, Seed: 5"


@pytest.fixture
def service(idle_services: Services) -> PictureService:
    return idle_services.pictures


@pytest.mark.parametrize(
    "names",
    [
        "Sampler: Euler a",
        "Sampler: DPM++ 2M Karras",
        "Sampler: k_dpmpp_2m_ka, Schedule type: Automatic",
        "Sampler: DPM++ SDE, Schedule type: sgm_uniform",
        "Sampler: DDIM, Schedule type: Karras",
        "Sampler: UniPC, Schedule type: Time uniform",
    ],
)
def test_names_that_are_known_are_followed(service: PictureService, names: str) -> None:
    assert service.read_text(f"a cat\nSteps: 20, {names}, {AFTER}").not_honoured == ()


@pytest.mark.parametrize(
    ("names", "lines"),
    [
        ("Sampler: Eulr", ["Sampler: Eulr (is not known. Nearest: Euler"]),
        ("Sampler: Euler, Schedule type: Karas", ["Schedule type: Karas (is not known. Nearest: Karras"]),
        (
            "Sampler: Eulr, Schedule type: Karas",
            ["Sampler: Eulr (is not known. Nearest: Euler", "Schedule type: Karas (is not known. Nearest: Karras"],
        ),
        (
            'Sampler: DDIM, Schedule type: Custom, Custom sigmas: "3, 1, 0"',
            ["Schedule type: Custom (cannot be run by DDIM. Choose another sampler"],
        ),
    ],
)
def test_names_that_are_not_known_are_listed(service: PictureService, names: str, lines: list[str]) -> None:
    told = service.read_text(f"a cat\nSteps: 20, {names}, {AFTER}").not_honoured
    assert len(told) == len(lines)
    assert all(row.startswith(line) and row.endswith(")") for row, line in zip(told, lines, strict=True))


def test_networks_that_the_prompts_name_are_listed_once_each(service: PictureService) -> None:
    text = (
        "a cat <lora:fluffy:0.8>, <lora:fluffy:0.8> (by night <hypernet:ink>:1.2)\n"
        f"Negative prompt: <lyco:mud:0.5:1>\nSteps: 20, Sampler: Euler, {AFTER}"
    )
    reading = service.read_text(text)
    assert reading.not_honoured == (
        "Prompt: <lora:fluffy:0.8> (this LoRA is not here)",
        "Prompt: <hypernet:ink> (there are no hypernetworks)",
    )
    assert "<lora:fluffy:0.8>" in reading.request.prompt


def test_what_looks_like_a_network_and_is_none_is_text(service: PictureService) -> None:
    text = f"a <b> c < d, <3:4>\n# <lora:in_a_comment:1>\nSteps: 20, Sampler: Euler, {AFTER}"
    assert service.read_text(text).not_honoured == ()


def test_words_alone_have_no_names(service: PictureService) -> None:
    assert service.read_text("a cat").not_honoured == ()


PLOT = 'Script: X/Y/Z plot, X Type: Seed, X Values: "-1, 9", Fixed X Values: "3, 9", Y Type: Size, Y Values: 64x128'


def test_the_infotext_of_a_grid_sets_its_script_up_again(service: PictureService) -> None:
    reading = service.read_text(f"a cat\nSteps: 20, Sampler: Euler, {AFTER}, {PLOT}, Template: a __pet__")
    assert reading.not_honoured == ()
    assert reading.typed is not None
    for request in (reading.request, reading.typed):
        assert request.script_name == "X/Y/Z plot"
        assert request.script_args == {"x_type": "Seed", "x_values": "3, 9", "y_type": "Size", "y_values": "64x128"}
    assert (reading.request.prompt, reading.typed.prompt) == ("a cat", "a __pet__")


def test_arguments_have_their_types(service: PictureService) -> None:
    text = f"a cat\nSteps: 20, Sampler: Euler, {AFTER}, Script: x/y/z plot, Grid legend: False, Grid margin: 12"
    assert service.read_text(text).request.script_args == {"draw_legend": False, "margin_size": 12}


@pytest.mark.parametrize(
    ("script", "line"),
    [
        ("Script: Ultimate SD upscale", "Script: Ultimate SD upscale (is not known. Choose one of: Prompt matrix, "),
        ("Script: Loopback", "Script: Loopback (does not run with txt2img. Use img2img)"),
        ("Script: X/Y/Z plot, X Type: Aura, X Values: a", "Script: X/Y/Z plot (X type 'Aura' is not known."),
    ],
)
def test_a_script_that_cannot_be_run_stays_listed(service: PictureService, script: str, line: str) -> None:
    reading = service.read_text(f"a cat\nSteps: 20, Sampler: Euler, {AFTER}, {script}")
    assert reading.request.script_name is None
    assert reading.not_honoured[0].startswith(line)
    rest = [row.split(":")[0] for row in reading.not_honoured[1:]]
    assert rest == (["X Type", "X Values"] if "Aura" in script else [])


def test_what_is_no_part_of_the_script_stays_listed(service: PictureService) -> None:
    told = service.read_text(f"a cat\nSteps: 20, Sampler: Euler, {AFTER}, {PLOT}, Nonesuch: 3").not_honoured
    assert told == ("Nonesuch: 3 (the key is not known)",)


def test_wildcards_of_a_script_alone_are_read_back(service: PictureService) -> None:
    text = f"a cat\nSteps: 20, Sampler: Euler, {AFTER}, Wildcards: True, {PLOT}, Infotext version: 1"
    typed = service.read_text(text).typed
    assert typed is not None
    assert (typed.wildcards, typed.script_name) == (True, "X/Y/Z plot")
    assert service.read_text(text.replace(PLOT, "Tiling: False")).typed is None
