"""Which kinds of A1111's extensions do their job in a running program, and how the others say what they miss."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest

from modules.config.paths import Paths, resolve_paths
from modules.errors import BrokenExtension
from modules.hooks.extension_files import A1111_SCRIPT
from modules.hooks.extension_folders import extension_folder
from modules.hooks.extension_states import ExtensionStates
from modules.schema.infotext import parse_infotext
from modules.services.build import Services, running_services
from modules.services.options import EngineOptions
from modules.ui.application import build_page
from modules.ui.page import Page
from tests.compat.kinds import KINDS, put_kinds
from tests.hooks.extension_makers import extensions_of, found
from tests.services.jobs_to_end import ended, made, txt2img
from tests.services.test_generate import pixels
from tests.ui.test_extension_tabs import OTHER, OWNER, answer

OPTIONS = EngineOptions(use_cpu=True, precision="full")


def switched_on(paths: Paths) -> Paths:
    """The same, with all of them."""
    put_kinds(paths.extensions)
    states = ExtensionStates(paths.extension_states)
    for name in KINDS:
        states.switch(name, content=extension_folder(paths.extensions / name).content())
    return paths


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    paths = switched_on(resolve_paths(data_dir=tmp_path_factory.mktemp("data")))
    with running_services(paths, OPTIONS) as opened:
        yield opened


def test_all_load(services: Services) -> None:
    facts = {one.name: one for one in services.extensions.all() if one.decision is not None}
    assert facts.keys() == KINDS.keys()
    assert {one.problem for one in facts.values() if not one.is_active} == set()


def test_they_are_tried_before_they_are_switched_on(tmp_path: Path) -> None:
    root = tmp_path / "extensions"
    put_kinds(root)
    file = root / "darker" / "scripts" / "darker.py"
    file.write_text(file.read_text("utf-8").replace("on_before_image_saved", "on_model_loaded"), "utf-8")
    extensions = extensions_of(root)
    extensions.enable(found(extensions, "turner"))
    with pytest.raises(BrokenExtension, match=r"A1111's modules.script_callbacks.on_model_loaded is not here"):
        extensions.enable(found(extensions, "darker"))
    # What was tried lies there as it was.
    assert found(extensions, "turner").is_wanted and found(extensions, "darker").decision == "off"


def test_a_prompt_randomiser(services: Services) -> None:
    asked = txt2img(prompt="a @@ house", batch_size=3, sections={"Word draw": {}})
    pictures = made(services, asked)
    drawn = [parse_infotext(one.infotext).prompt for one in pictures]
    assert set(drawn) <= {"a red house", "a green house", "a blue house"} and len(set(drawn)) > 1
    # One of them alone, and what its infotext brings back, are the same picture.
    (alone,) = made(services, txt2img(prompt="a @@ house", seed=7, sections={"Word draw": {}}))
    assert parse_infotext(alone.infotext).prompt == drawn[2]
    reading = services.pictures.read_text(alone.infotext)
    assert reading.not_honoured == () and reading.typed is not None and reading.typed.prompt == "a @@ house"
    (again,) = made(services, reading.request)
    assert np.array_equal(pixels(services, again), pixels(services, alone))


def test_ratio_buttons_name_what_they_cannot_change(services: Services) -> None:
    with pytest.raises(Exception, match="of the plugin ratios failed .*changing width in process is not here"):
        services.generate.submit(txt2img(sections={"Ratios": {}}))


def test_an_image_saver(services: Services, tmp_path: Path) -> None:
    services.setting_changes.change({"keeper.keeper_folder": str(tmp_path / "kept")})
    try:
        (picture,) = made(services, txt2img())
    finally:
        services.setting_changes.change({"keeper.keeper_folder": ""})
    (kept,) = (tmp_path / "kept").iterdir()
    assert kept.name == "5-a_red_house.png"
    assert kept.read_bytes() == (services.paths.outputs / picture.path).read_bytes()


def test_a_watermark(services: Services) -> None:
    (plain,) = made(services, txt2img())
    (marked,) = made(services, txt2img(sections={"Corner mark": {"side": 4}}))
    before, after = pixels(services, plain), pixels(services, marked)
    assert (after[:4, :4] == (255, 0, 255)).all()
    after[:4, :4] = before[:4, :4]
    assert np.array_equal(before, after)


def test_a_list_of_prompts(services: Services) -> None:
    pictures = made(services, txt2img(script_name="Prompt list", script_args={"prompts": "a red house\n\na boat"}))
    read = [parse_infotext(one.infotext) for one in pictures]
    assert [one.prompt for one in read] == ["a red house", "a boat"]
    assert [one.parameters["prompt-list Line"] for one in read] == ["1", "2"]
    assert services.pictures.read_text(pictures[0].infotext).not_honoured == ()


def test_settings_of_its_own(services: Services) -> None:
    (plain,) = made(services, txt2img())
    services.setting_changes.change({"darker.darker_on": True, "darker.darker_by": 4})
    try:
        (dark,) = made(services, txt2img())
    finally:
        services.setting_changes.change({"darker.darker_on": False})
    assert np.array_equal(pixels(services, dark), pixels(services, plain) // 4)


def test_infotexts_have_what_it_adds_and_bring_it_back(services: Services) -> None:
    given = {"note": "by the sea, 2: 3", "stars": 4}
    (picture,) = made(services, txt2img(sections={"Notes": given}))
    parameters = parse_infotext(picture.infotext).parameters
    assert (parameters["Note of picture"], parameters["Stars of picture"]) == ("by the sea, 2: 3", "4")
    assert parameters["notes Length"] == "11"
    reading = services.pictures.read_text(picture.infotext)
    assert reading.not_honoured == ()
    request = reading.typed or reading.request
    assert request.sections == {"Notes": given}
    (again,) = made(services, request)
    assert again.infotext == picture.infotext


def test_a_theme(services: Services) -> None:
    (files,) = [one for one in services.extensions.files() if one.extension == "dusk"]
    assert files.scripts == (A1111_SCRIPT, "javascript/theme.js") and b"--mark-of-theme" in files.of_page["style.css"]


def test_a_localisation(services: Services) -> None:
    (files,) = [one for one in services.extensions.files() if one.extension == "german"]
    assert files.locales == {"de": {"Word draw": "Wörter ziehen"}}


def test_a_tab_with_a_tool(services: Services) -> None:
    async def built() -> Page:
        return build_page(services)

    page = asyncio.run(built())
    assert services.scripts.failures == ()
    assert within(page, "tab_turner") == ["Text to turn", "Turned text", "Turn", "Clear"]
    assert within(page, "extension-turner-turner-1-tab")[:2] == ["Text to turn", "Turned text"]
    names = ("turn", "empty_both", "greet")
    events = {event.name: number for number, event in page.fns.items() if event.name in names}
    assert answer(page, events["turn"], OWNER, "boat") == ["taob"]
    assert page.fns[events["turn"]].js == "(text) => text.trim()"
    assert answer(page, events["greet"], OWNER) == ["Nothing turned yet"]
    assert page.fns[events["greet"]].targets == [(page._id, "load")]
    assert answer(page, events["empty_both"], OWNER) == [{"value": "", "__type__": "update"}] * 2
    with pytest.raises(gr.Error, match="Only an owner of this server may do that"):
        answer(page, events["turn"], OTHER, "boat")
    (tool,) = [row for row in page.config["components"] if row["props"].get("value") == "Clear"]
    assert (tool["type"], tool["props"]["variant"]) == ("button", "tool")  # of a class of its own
    # gradio would have written a file beside the class of its button.
    folder = services.paths.extensions / "turner"
    assert {one.relative_to(folder).as_posix() for one in folder.rglob("*") if one.is_file()} == KINDS["turner"].keys()
    # Another page has a form of its own.
    assert within(asyncio.run(built()), "tab_turner") == ["Text to turn", "Turned text", "Turn", "Clear"]


def within(page: Page, elem_id: str) -> list[str]:
    """The labels and captions in an element of the page, from its top on."""
    rows = {row["id"]: row["props"] for row in page.config["components"]}

    def found(node: dict[str, Any], is_in: bool) -> Iterator[str]:
        words = rows.get(node["id"], {})
        if is_in and (label := words.get("label") or words.get("value")):
            yield str(label)
        for child in node.get("children") or ():
            yield from found(child, is_in or words.get("elem_id") == elem_id)

    return list(found(page.config["layout"], False))


def test_guidance_is_rescaled(services: Services) -> None:
    def spread(**arguments: float) -> tuple[float, np.ndarray]:
        sections = {"Guidance rescale": arguments} if arguments else {}
        (picture,) = made(services, txt2img(cfg_scale=15, steps=4, sections=sections))
        found = pixels(services, picture).astype(float)
        return float(found.std()), found

    plain, whole = spread(), spread(amount=1.0)
    assert whole[0] < plain[0] * 0.95
    assert np.abs(spread(amount=0.0)[1] - plain[1]).max() <= 1
    assert np.array_equal(spread()[1], plain[1])  # nothing of it is left for others
    assert np.array_equal(spread(amount=1.0)[1], whole[1])


def test_one_that_fails_says_so_and_loses_no_picture(services: Services, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    services.setting_changes.change({"keeper.keeper_folder": str(file)})
    try:
        job = ended(services, services.generate.submit(txt2img(batch_size=2)))
    finally:
        services.setting_changes.change({"keeper.keeper_folder": ""})
    assert job.state == "failed" and "Hook 'after_saving' of the plugin keeper failed (FileExistsError" in str(
        job.error
    )
    assert len(services.pictures.of_job(job.id)) == 2
    assert len(made(services, txt2img())) == 1


def test_a_worker_of_its_own_paints_the_same(services: Services, paths: Paths) -> None:
    sections = {"Guidance rescale": {"amount": 1.0}, "Notes": {"note": "dusk"}, "Corner mark": {}}
    asked = txt2img(cfg_scale=15, batch_size=2, sections=sections)
    here = made(services, asked)
    with running_services(switched_on(paths), OPTIONS, processes=True, workers=1) as others:
        there = made(others, asked)
        assert [one.infotext for one in there] == [one.infotext for one in here]
        for one, other in zip(there, here, strict=True):
            assert np.array_equal(pixels(others, one), pixels(services, other))
