"""Sections that lay themselves out: what of it is a part of the form, and what a failing layout leaves behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import gradio as gr
import numpy as np
import pytest
from gradio.context import Context

from modules.config.paths import Paths, resolve_paths
from modules.hooks import (
    Argument,
    Available,
    Choice,
    Colour,
    Number,
    Picture,
    Section,
    SectionLayout,
    SeveralChoices,
    Switch,
    TabContext,
    Text,
)
from modules.services.build import Services, build_services
from modules.services.options import EngineOptions
from modules.ui.application import build_page
from modules.ui.section_layout import SectionOwners
from modules.ui.section_panel import SectionPanel, SectionPart, lay_out_sections
from tests.hooks.test_section_docs import PAGE, example, made
from tests.services.test_extension_hooks import switched_on
from tests.ui.form import laid_out

HERE = Available(task="txt2img", samplers=("Euler", "Heun"))


class Shaped(Section):
    """All kinds of arguments, laid out by what a test says."""

    name = "Shaped"
    arguments: ClassVar[tuple[Argument, ...]] = (  # type: ignore[misc]
        Switch(name="deep", label="Deep"),
        Number(name="width", label="Width", default=5, minimum=0, maximum=100),
        Choice(name="look", label="Look", choices=("Soft", "Hard"), default="Hard"),
        SeveralChoices(name="samplers", label="Samplers", choices=lambda available, others: available.samplers),
        Colour(name="colour", label="Colour", default="#102030"),
        Text(name="words", label="Words", default="sea"),
        Picture(name="logo", label="Logo"),
    )

    def __init__(self, lay_out: Callable[[SectionLayout], None]) -> None:
        self._lay_out = lay_out

    def build(self, context: SectionLayout) -> None:
        self._lay_out(context)


def laid(
    lay_out: Callable[[SectionLayout], None], folder: Path = Path(), *others: Section
) -> tuple[SectionPanel, gr.Blocks]:
    """The panel with a section of that layout, and others, on a page."""
    owners = SectionOwners(lambda section: "mine", lambda plugin: TabContext(folder=folder / plugin))

    def build() -> tuple[SectionPanel, gr.Blocks]:
        panel = lay_out_sections("img2img", [Shaped(lay_out), *others], HERE, owners)
        page = Context.root_block
        gr.Markdown("behind it")
        return panel, page

    return laid_out(build)


def shown(page: gr.Blocks) -> list[gr.blocks.Block]:
    """Everything that stands on a page, from above to below."""

    def below(block: gr.blocks.Block) -> Iterator[gr.blocks.Block]:
        for child in getattr(block, "children", []):
            yield child
            yield from below(child)

    return list(below(page))


def values(part: SectionPart, **given: Any) -> dict[Any, Any]:
    known: dict[Any, Any] = {part.switch: True} | {control: control.value for control in part.controls.values()}
    return known | {part.controls[name]: value for name, value in given.items()}


def everything(context: SectionLayout) -> None:
    with gr.Row():
        context.bind("deep", gr.Checkbox(True))
        context.bind("width", gr.Slider(0, 50, value=40, elem_id="mine"))
        context.bind("look", gr.Radio(["Nothing of it"], type="index"))
    with gr.Tab("More"):
        context.bind("samplers", gr.CheckboxGroup())
        context.bind("colour", gr.ColorPicker())
        context.bind("words", gr.Textbox(lines=4))
    context.component("logo")


def test_own_components_hold_the_arguments() -> None:
    panel, _ = laid(everything)
    part = panel.parts["Shaped"]
    kinds = [gr.Checkbox, gr.Slider, gr.Radio, gr.CheckboxGroup, gr.ColorPicker, gr.Textbox, gr.Textbox]
    assert [type(control) for control in part.controls.values()] == kinds
    assert list(part.controls) == [row.name for row in Shaped.arguments]
    usual = {"deep": False, "width": 5, "look": "Hard", "samplers": (), "colour": "#102030", "words": "sea", "logo": ""}
    assert part.read(values(part)) == usual
    offered = {name: part.controls[name].choices for name in ("look", "samplers")}
    assert offered == {"look": [("Soft", "Soft"), ("Hard", "Hard")], "samplers": [("Euler", "Euler"), ("Heun", "Heun")]}
    assert part.controls["width"].elem_id == "mine"
    assert part.controls["colour"].elem_id == "img2img-section-shaped-colour"
    assert set(part.pictures) == {"logo"} and part.pictures["logo"].source is part.controls["logo"]
    assert panel.remembered()["section:Shaped/width"] is part.controls["width"]


def test_values_reach_the_request_as_they_come() -> None:
    part = laid(everything)[0].parts["Shaped"]
    for name, sent, read in (
        ("width", 70, 70),
        ("look", "Hard", "Hard"),
        ("look", "Unknown", "Unknown"),
        ("samplers", ["Gone"], ["Gone"]),
        ("colour", "rgba(255, 0, 16, 1)", "#ff0010"),
    ):
        assert part.controls[name].preprocess(sent) == read


def test_what_is_not_placed_is_laid_out_behind_it() -> None:
    def one(context: SectionLayout) -> None:
        with gr.Row():
            gr.Markdown("own")
            context.component("width")

    panel, page = laid(one)
    part = panel.parts["Shaped"]
    assert list(part.controls) == [row.name for row in Shaped.arguments]
    order = [block for block in shown(page) if block in (*part.controls.values(), part.switch)]
    of_layout = [part.switch, part.controls["width"]]
    assert order == [*of_layout, *(control for name, control in part.controls.items() if name != "width")]


def test_it_is_told_whose_it_is(tmp_path: Path) -> None:
    told: list[SectionLayout] = []
    laid(told.append, tmp_path)
    (context,) = told
    assert (context.task, context.place, context.folder) == ("img2img", "img2img-section-shaped", tmp_path / "mine")
    assert dict(context.settings) == {}


def raising(context: SectionLayout) -> None:
    with gr.Row():
        lost = gr.Textbox(label="Lost")
        lost.submit(len, lost, lost)
        context.bind("words", lost)
        context.component("logo")
        raise SystemExit("gone <b>away</b>")


def never_left(context: SectionLayout) -> None:
    gr.Row().__enter__()
    context.component("unknown")


def bound_elsewhere(context: SectionLayout) -> None:
    context.bind("words", gr.Textbox(label="Lost", render=False))


def bound_twice(context: SectionLayout) -> None:
    context.component("width")
    context.bind("width", gr.Number())


def two_in_one(context: SectionLayout) -> None:
    words = context.bind("words", gr.Textbox())
    context.bind("colour", words)


@pytest.mark.parametrize(
    ("lay_out", "problem"),
    [
        (raising, "SystemExit: gone <b>away</b>"),
        (never_left, "ValueError: 'unknown' is no argument of 'Shaped'"),
        (bound_elsewhere, "ValueError: what holds 'words' is not laid out in this section"),
        (bound_twice, "ValueError: 'width' is placed already"),
        (two_in_one, "ValueError: a component cannot hold 'colour' and another argument"),
        (
            lambda context: context.bind("width", gr.Textbox()),
            "ValueError: Textbox cannot hold 'width'; choose from: gradio.Slider, gradio.Number",
        ),
        (
            lambda context: context.bind("logo", gr.Image()),
            "ValueError: Image cannot hold 'logo'; choose from: context.component",
        ),
        (
            lambda context: context.bind("look", gr.Dropdown(multiselect=True)),
            "ValueError: the list of 'look' has to have multiselect=False",
        ),
    ],
)
def test_a_layout_that_fails_leaves_its_error_and_the_programs_layout(
    lay_out: Callable[[SectionLayout], None], problem: str
) -> None:
    class Next(Section):
        name = "Next"
        arguments = (Number(name="depth", label="Depth", default=1, minimum=0, maximum=9),)

    panel, page = laid(lay_out, Path(), Next())
    part = panel.parts["Shaped"]
    assert list(part.controls) == [row.name for row in Shaped.arguments] and set(part.pictures) == {"logo"}
    blocks = shown(page)
    assert {*part.controls.values(), *panel.parts["Next"].controls.values()} <= set(blocks)
    said = [block.value for block in blocks if isinstance(block, gr.HTML)]
    assert said == [f"The extension mine could not lay out this section ({problem})."]
    assert blocks[-1] is page.children[-1] and blocks[-1].value == "behind it"
    assert [block for block in blocks if getattr(block, "label", "") == "Lost"] == [] and page.fns == {}
    assert {block._id for block in blocks} == set(page.blocks)


def test_the_browser_keeps_what_its_events_change() -> None:
    def with_events(context: SectionLayout) -> None:
        width, count = context.component("width"), gr.Number()
        gr.Button().click(lambda: 3, None, width)
        width.change(lambda now: now, width, count)
        gr.Button().click(None, width, width, js="(now) => now + 1")

    clicked, followed, counted, over, failed, kept = laid(with_events)[1].fns.values()
    assert "formsFilling" in clicked.js and followed.js is None and counted.js == "(now) => now + 1"
    assert all("formsFilled" in one.js and one.trigger_after == clicked._id for one in (over, failed))
    assert failed.trigger_only_on_failure and not (over.trigger_only_on_success or over.trigger_only_on_failure)
    assert "formsChanged" in kept.js and kept.trigger_after == counted._id


SECTION = PAGE[PAGE.index("class Tint(") :].split("```")[0]
CODE = f"import numpy as np\nfrom modules.hooks import *\n{SECTION}"
FAILS = """
from modules.hooks import Section, Switch, hookimpl

class Torn(Section):
    name = "Torn"
    arguments = (Switch(name="wide", label="Wide"),)

    def build(self, context):
        raise OSError("no wind")

@hookimpl
def register_sections():
    return [Torn()]
"""


@pytest.fixture
def services(paths: Paths) -> Iterator[Services]:
    switched_on(paths, tint=CODE, torn=FAILS)
    built = build_services(resolve_paths(data_dir=paths.data), EngineOptions(use_cpu=True))
    yield built
    built.close()


def test_the_page_has_the_layouts_of_extensions(services: Services) -> None:
    async def build() -> Any:
        return build_page(services)

    components = asyncio.run(build()).config["components"]
    assert services.scripts.failures == ()
    labels = [row["props"].get("label") for row in components]
    assert labels.count("How much") == labels.count("Which colour") == 2
    texts = [str(row["props"].get("value")) for row in components if row["type"] == "html"]
    assert texts.count("The extension torn could not lay out this section (OSError: no wind).") == 2
    assert labels.count("Wide") == 2
    assert (services.paths.extension_data / "tint").is_dir()


def test_the_example_mixes_its_colour() -> None:
    section = example(PAGE, "Tint")
    assert section.has_layout and not example(PAGE, "Vignette").has_layout
    mixed = made(section, np.full((2, 2, 4), 100, np.uint8), strength=50, colour="#c80064")
    assert mixed[0, 0].tolist() == [150, 50, 100, 100]
