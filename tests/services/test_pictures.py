"""What the infotext of a picture asks for in vain is told, names and networks included."""

from __future__ import annotations

import pytest

from modules.config.database import Database
from modules.config.paths import Paths
from modules.gallery.records import PictureRecords
from modules.services.pictures import PictureService

AFTER = "CFG scale: 7, Seed: 5"


@pytest.fixture
def service(paths: Paths, database: Database) -> PictureService:
    return PictureService(database, PictureRecords(database), paths.outputs, paths.cache / "thumbnails")


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
        "Prompt: <lora:fluffy:0.8> (there are no LoRAs yet)",
        "Prompt: <hypernet:ink> (there are no hypernetworks)",
    )
    assert "<lora:fluffy:0.8>" in reading.request.prompt


def test_what_looks_like_a_network_and_is_none_is_text(service: PictureService) -> None:
    text = f"a <b> c < d, <3:4>\n# <lora:in_a_comment:1>\nSteps: 20, Sampler: Euler, {AFTER}"
    assert service.read_text(text).not_honoured == ()


def test_words_alone_have_no_names(service: PictureService) -> None:
    assert service.read_text("a cat").not_honoured == ()
