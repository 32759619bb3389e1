"""Sections in the forms: what is laid out, asked for, remembered and filled in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import gradio as gr
import pytest

from modules.config.paths import resolve_paths
from modules.hooks import Available, Choice, Section
from modules.schema.requests import REQUESTS, Task, Txt2ImgRequest
from modules.services.build import Services, build_services
from modules.services.options import EngineOptions
from modules.services.presets import NewPreset
from modules.ui.asking import request_of_words, requested
from modules.ui.extras_tab import ExtrasTab
from modules.ui.filling import FillHandlers
from modules.ui.generation_handlers import GenerationHandlers
from modules.ui.generation_tab import GenerationTab, WhatThereIs, lay_out_generation
from modules.ui.page_state import PageState, lay_out_state
from modules.ui.prompt_panel import WordLists
from modules.ui.section_handlers import SectionHandlers
from tests.services.jobs_to_end import drawn_file
from tests.ui.form import laid_out

pytestmark = pytest.mark.filterwarnings("ignore:The value passed into gr.Dropdown")
"""gradio says so of a change that is made outside of an event."""
BORDER = "Border and watermark"
INFOTEXT = (
    "a house\nSteps: 3, Sampler: Euler a, Seed: 42, Size: 64x64, Template: house, "
    'Sections: "Prompt tools, Border and watermark", Prompt tools before: a, Border width: 12, Watermark text: me'
)


class Sampled(Section):
    """A list that follows from what there is."""

    name = "Sampled"
    tasks = ("txt2img",)
    arguments = (Choice(name="one", label="One", choices=lambda available, others: available.samplers, default="Heun"),)


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    built = build_services(resolve_paths(data_dir=tmp_path_factory.mktemp("data")), EngineOptions(use_cpu=True))
    yield built
    built.close()


@pytest.fixture(scope="module")
def page(services: Services) -> tuple[dict[Task, GenerationTab], PageState]:
    def lay_out() -> tuple[dict[Task, GenerationTab], PageState]:
        tabs: dict[Task, GenerationTab] = {}
        model = gr.Dropdown()
        with gr.Tabs() as shown:
            for task in REQUESTS:
                card, available = services.models.current().card, Available(task=task, samplers=("Euler", "Heun"))
                sections = [one for one in (*services.sections.all(task), Sampled()) if task in one.tasks]
                there = WhatThereIs(
                    card.recommended, [], WordLists([], []), {"rng": "NV"}, available, [], sections=sections
                )
                tabs[task] = lay_out_generation(task, model, there)
        return tabs, lay_out_state(shown)

    return laid_out(lay_out)


@pytest.fixture
def tab(page: tuple[dict[Task, GenerationTab], PageState]) -> GenerationTab:
    return page[0]["txt2img"]


@pytest.fixture
def forms(
    services: Services, tab: GenerationTab, page: tuple[dict[Task, GenerationTab], PageState]
) -> GenerationHandlers:
    return GenerationHandlers(services, tab, page[1])


def values_of(tab: GenerationTab, **given: Any) -> dict[Any, Any]:
    """The values of the form as it is laid out, with others by the names under which they are remembered."""
    known = tab.remembered()
    return {component: component.value for component in tab.asked()} | {known[name]: one for name, one in given.items()}


def asked(services: Services, tab: GenerationTab, **given: Any) -> dict[str, dict[str, Any]]:
    sections: dict[str, dict[str, Any]] = requested(services, tab, values_of(tab, **given)).sections
    return sections


def test_a_section_is_a_part_of_the_request_while_it_is_on(services: Services, tab: GenerationTab) -> None:
    assert asked(services, tab) == {}
    assert asked(services, tab, **{f"section:{BORDER}/border": 5}) == {}
    on = {f"section:{BORDER}": True, f"section:{BORDER}/border": 5, f"section:{BORDER}/opacity": None}
    given = asked(services, tab, **on)
    assert set(given) == {BORDER}
    assert given[BORDER]["border"] == 5 and "opacity" not in given[BORDER]
    untouched = asked(services, tab, **{f"section:{BORDER}": True})
    request = Txt2ImgRequest.of({"sections": {BORDER: {}}})
    by_page = services.resolver.resolve(Txt2ImgRequest.of({"sections": untouched}))
    assert by_page.sections == services.resolver.resolve(request).sections


def test_every_section_is_laid_out_closed_and_off(page: tuple[dict[Task, GenerationTab], PageState]) -> None:
    ids: list[str] = []
    for task, tab in page[0].items():
        assert list(tab.sections.parts) == ["Prompt tools", BORDER, *(["Sampled"] if task == "txt2img" else [])]
        for name, part in tab.sections.parts.items():
            assert list(part.controls) == [row.name for row in part.section.arguments]
            assert part.switch.value is False
            assert tab.accordions[part.place] == [f"section:{name}"]
            ids += [part.switch.elem_id, *(control.elem_id for control in part.controls.values())]
    assert len(set(ids)) == len(ids)
    assert "img2img-section-prompt-tools-on" in ids and "section-border-and-watermark-border-colour" in ids


def test_words_are_shown_as_sections_change_them(services: Services, tab: GenerationTab) -> None:
    on = {"section:Prompt tools": True, "section:Prompt tools/suffix": "at sea", f"section:{BORDER}": True}
    request = request_of_words(tab, values_of(tab, prompt="a house", **on))
    assert services.generate.preview_prompts(request) == [("a house, at sea", "")]


def test_an_infotext_switches_its_sections_on_and_all_others_off(
    services: Services, page: tuple[dict[Task, GenerationTab], PageState]
) -> None:
    tab, extras = page[0]["txt2img"], SimpleNamespace(mode=None, notice=None, shown_source=tuple)
    filling = FillHandlers(services, page[0], cast(ExtrasTab, extras), page[1])
    changes = filling.fill(INFOTEXT)
    parts = tab.sections.parts
    assert {name: changes[part.switch] for name, part in parts.items()} == {
        "Prompt tools": True,
        BORDER: True,
        "Sampled": False,
    }
    assert changes[tab.form["prompt"]] == "house"
    held = {name: changes[control] for name, control in parts[BORDER].controls.items()}
    assert (held["border"], held["text"], held["opacity"], held["picture"]) == (12, "me", 70, "")
    assert changes[parts["Prompt tools"].controls["prefix"]] == "a"
    assert not set(parts["Sampled"].controls.values()) & changes.keys()
    assert changes[tab.notice] == ""
    assert changes.keys() <= filling.outputs()
    of_sections = {one: changes[one] for one in tab.sections.remembered().values() if one in changes}
    asked_again = requested(services, tab, values_of(tab) | of_sections)
    assert asked_again.sections[BORDER]["border"] == 12
    other = filling.fill(INFOTEXT, "img2img")
    assert other[page[0]["img2img"].sections.parts[BORDER].switch] is True


def test_a_reload_and_a_preset_bring_sections_back(
    services: Services, tab: GenerationTab, forms: GenerationHandlers, tmp_path: Path
) -> None:
    picture = services.inputs.add_file(drawn_file(tmp_path / "logo.png"))
    kept = {f"section:{BORDER}": True, f"section:{BORDER}/border": 9, f"section:{BORDER}/picture": picture}
    part = tab.sections.parts[BORDER]
    preset = services.presets.save(NewPreset("txt2img", "Framed", kept), "")
    for changes in (forms.welcome(kept), forms.put_in(preset.values)[0]):
        assert (changes[part.switch], changes[part.controls["border"]]) == (True, 9)
        assert changes[part.controls["picture"]] == picture
        assert changes[part.pictures["picture"].remove].visible is True
        of_list = changes[tab.sections.parts["Sampled"].controls["one"]]
        assert "Heun" in [value for _, value in of_list.choices]
    gone = forms.welcome({**kept, f"section:{BORDER}/picture": "ab" * 16, "section:Gone": True})
    assert gone[part.controls["picture"]] == ""
    assert part.switch not in forms.put_in({"steps": 3})[0]


def test_a_picture_is_stored_shown_and_removed(services: Services, tab: GenerationTab, tmp_path: Path) -> None:
    handlers, box = SectionHandlers(services, tab), tab.sections.parts[BORDER].pictures["picture"]
    file = drawn_file(tmp_path / "logo.png")
    changes = handlers.take_in(BORDER, "picture", {box.file: str(file)})
    assert changes[box.source] == services.inputs.add_file(file)
    assert changes[box.picture].visible is True and changes.keys() == box.components()
    assert handlers.remove(BORDER, "picture")[box.source] == ""
    assert handlers.take_in(BORDER, "picture", {box.file: None}) == {}
    (tmp_path / "no.png").write_text("no picture")
    refused = handlers.take_in(BORDER, "picture", {box.file: str(tmp_path / "no.png")})
    assert "no.png" in refused[tab.notice] or "picture" in refused[tab.notice]
    assert box.source not in refused
