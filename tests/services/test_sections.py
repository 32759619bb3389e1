"""Sections in jobs: from a request to its pictures, into their infotexts and back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from modules.builtin.border_and_watermark import PERCENT, PIXELS, POSITIONS
from modules.config.extras_words import USUAL_UPSCALER
from modules.config.paths import resolve_paths
from modules.errors import InvalidRequest, NotFound, PluginFailed
from modules.hooks.extension_states import ExtensionStates
from modules.hooks.extensions import Extensions
from modules.schema.extras_request import ExtrasRequest
from modules.schema.infotext import write_infotext
from modules.services.build import Services, running_services
from modules.services.options import EngineOptions
from tests.hooks.extension_makers import found, put_extension
from tests.schema.strategies import TEXT
from tests.services.jobs_to_end import drawing, drawn_file, ended, img2img, made, txt2img
from tests.services.test_generate import pixels

EXTENSION = """
import numpy as np

from modules.hooks import Choice, InvalidRequest, Number, Section, Switch, Text, hookimpl


class Kinds(Section):
    name = "Kinds 3x4"
    arguments = (
        Text(name="words", label="Words", default="usual"),
        Number(name="share", label="Share", default=0.5, minimum=-1e6, maximum=1e6, step=0.01),
        Switch(name="loud", label="Loud", default=True),
    )


class Broken(Section):
    name = "Broken"
    was_asked = False
    tasks = ("txt2img",)
    arguments = (Text(name="place", label="Place"),)

    def check(self, request, arguments, context):
        if arguments["place"] == "check":
            raise KeyError("nothing there")
        if arguments["place"] == "drafting":
            changed = context.changed(request, {"steps": request.steps + 1})
            raise InvalidRequest("Steps", changed.steps, f"with {len(changed.sections)} sections", "No.")

    def change_request(self, context):
        if context.arguments["place"] == "change":
            raise SystemExit(3)
        if context.arguments["place"] == "steps":
            return {"steps": "3"}

    def process_image(self, context):
        context.pixels[:] = 0  # a copy
        place = context.arguments["place"]
        if place == "process":
            return context.pixels / (context.index - 1)[0]
        if place == "hungry":
            raise MemoryError
        if place == "hungry once" and not Broken.was_asked:
            Broken.was_asked = True
            raise MemoryError
        if place == "floats":
            return np.zeros((4, 4, 3))
        if place == "grey":
            return np.zeros((4, 4), np.uint8)
        if place == "long":
            return np.zeros((1, 20_000, 3), np.uint8)
        if place == "alpha":
            return np.full((2, 3, 4), 7, np.uint8)

    def carried_out(self, arguments):
        return arguments


@hookimpl
def register_sections():
    return [Kinds(), Broken()]
"""
BORDER = {"Border and watermark": {"border": 5, "border_colour": "#102030"}}


@pytest.fixture(scope="module")
def demo_services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Services at work with an extension."""
    paths = resolve_paths(data_dir=tmp_path_factory.mktemp("data"))
    put_extension(paths.extensions, "kinds", EXTENSION)
    extensions = Extensions(paths.extensions, ExtensionStates(paths.extension_states))
    extensions.enable(found(extensions, "kinds"))
    with running_services(paths, EngineOptions(use_cpu=True, precision="full")) as services:
        yield services


def test_a_border_is_around_what_is_painted_without_it(demo_services: Services) -> None:
    (plain,) = made(demo_services, txt2img())
    (framed,) = made(demo_services, txt2img(sections=BORDER))
    assert (framed.width, framed.height) == (74, 74)
    whole = pixels(demo_services, framed)
    assert np.array_equal(whole[5:-5, 5:-5], pixels(demo_services, plain))
    assert (whole[:5] == (16, 32, 48)).all()
    assert "Sections: Border and watermark, Border width: 5, Border colour: #102030, " in framed.infotext
    assert "Border" not in plain.infotext


def test_the_infotext_makes_the_same_picture_again(demo_services: Services) -> None:
    (framed,) = made(demo_services, txt2img(sections={"border AND watermark": {"border": "3", "text": "a, b: c"}}))
    reading = demo_services.pictures.read_text(framed.infotext)
    assert reading.not_honoured == () and reading.typed is None
    assert reading.request.sections == {"Border and watermark": {"border": 3.0, "text": "a, b: c"}}
    (again,) = made(demo_services, reading.request)
    assert np.array_equal(pixels(demo_services, again), pixels(demo_services, framed))
    assert again.infotext == framed.infotext


def test_all_pictures_of_a_batch_are_as_they_are_alone(demo_services: Services) -> None:
    sections = {"Prompt tools": {"prefix": "a red house", "shuffle": True, "keep": 0}, **BORDER}
    asked = {"prompt": "night, sea, boat, star", "sections": sections}
    several = made(demo_services, txt2img(**asked, batch_size=2, batch_count=2, seed=11))
    prompts = [one.infotext.split("\n")[0] for one in several]
    assert len(set(prompts)) > 1
    for number in (1, 3):
        (alone,) = made(demo_services, txt2img(**asked, seed=11 + number))
        assert alone.infotext.split("\n")[0] == prompts[number]
        difference = np.abs(pixels(demo_services, alone) - pixels(demo_services, several[number]))
        assert difference.max() <= 1


def test_what_was_typed_and_what_was_painted_make_the_same_picture(demo_services: Services) -> None:
    sections = {"Prompt tools": {"suffix": "at {night|noon}", "replace": "green => red"}, **BORDER}
    (painted,) = made(demo_services, txt2img(prompt="a green  house,,", wildcards=True, sections=sections))
    assert painted.infotext.startswith("a red house, at n")
    reading = demo_services.pictures.read_text(painted.infotext)
    assert reading.not_honoured == ()
    assert set(reading.request.sections) == {"Border and watermark"}
    assert reading.typed is not None
    assert reading.typed.prompt == "a green  house,,"
    assert set(reading.typed.sections) == {"Prompt tools", "Border and watermark"}
    for request in (reading.request, reading.typed):
        (again,) = made(demo_services, request)
        assert np.array_equal(pixels(demo_services, again), pixels(demo_services, painted))


def test_a_section_that_changed_nothing_is_still_in_what_was_typed(demo_services: Services) -> None:
    (painted,) = made(demo_services, txt2img(prompt="a house", sections={"Prompt tools": {}}))
    reading = demo_services.pictures.read_text(painted.infotext)
    assert reading.request.sections == {}
    assert reading.typed is not None and reading.typed.sections == {"Prompt tools": {}}


def test_a_watermark_picture_is_a_stored_one(demo_services: Services) -> None:
    logo = demo_services.inputs.add(Image.new("RGB", (8, 8), "#ff0000"))
    given = {"picture": logo, "size": 25, "margin": 0, "opacity": 100, "position": "Top left"}
    (marked,) = made(demo_services, txt2img(sections={"Border and watermark": given}))
    (plain,) = made(demo_services, txt2img())
    whole = pixels(demo_services, marked)
    assert (whole[:16, :16] == (255, 0, 0)).all()
    assert np.array_equal(whole[16:], pixels(demo_services, plain)[16:])
    assert f"Watermark picture: {logo}" in marked.infotext
    assert demo_services.pictures.read_text(marked.infotext).request.sections["Border and watermark"]["picture"] == logo
    gone = demo_services.pictures.read_text(marked.infotext.replace(logo, "ab" * 16))
    assert gone.request.sections == {}
    assert gone.not_honoured[0].startswith("Sections: Border and watermark (")
    with pytest.raises(NotFound):
        demo_services.generate.submit(txt2img(sections={"Border and watermark": {"picture": "ab" * 16}}))


def test_cells_of_a_plot_have_sections_of_their_words(demo_services: Services) -> None:
    plot = {"x_type": "Prompt S/R", "x_values": "green, blue", "draw_legend": False, "include_lone_images": True}
    sections = {"Prompt tools": {"replace": "green => red"}, **BORDER}
    asked = txt2img(prompt="a green house", sections=sections, script_name="X/Y/Z plot", script_args=plot)
    *cells, grid = made(demo_services, asked)
    assert [cell.infotext.split("\n")[0] for cell in cells] == ["a red house", "a blue house"]
    assert (grid.width, grid.height) == (148, 74)
    reading = demo_services.pictures.read_text(grid.infotext)
    assert reading.typed is not None
    assert (reading.typed.prompt, reading.typed.script_name) == ("a green house", "X/Y/Z plot")
    assert set(reading.typed.sections) == {"Prompt tools", "Border and watermark"}


def test_a_border_is_not_put_around_a_picture_that_has_it(demo_services: Services) -> None:
    (framed,) = made(demo_services, txt2img(sections={"Prompt tools": {"prefix": "a red"}, **BORDER}))
    assert demo_services.remix.request(framed, "upscale").sections == {}
    assert demo_services.remix.request(framed, "zoom-out-2").sections == {}
    assert set(demo_services.remix.request(framed, "vary-subtle").sections) == {"Border and watermark"}


@pytest.mark.parametrize(
    ("sections", "sentence"),
    [
        ({"Border": {}}, "Section 'Border' is not known. Nearest: Border and watermark"),
        ({"Prompt tools": {"sufix": "a"}}, "Section argument 'sufix' is not known. Nearest: suffix"),
        ({"Prompt tools": {"keep": 76}}, "First parts that stay in their places 76 is too large. The most is 75"),
        ({"Prompt tools": {"replace": "cat"}}, "Replace 'cat' is no replacement"),
        ({"Border and watermark": {"border_colour": "red"}}, "Border colour 'red' is no colour"),
        ({"Border and watermark": {"border": 60, "unit": PERCENT}}, "The most is 50 percent"),
        ({"Prompt tools": {}, "prompt TOOLS": {}}, "Section 'Prompt tools' is named twice"),
    ],
)
def test_what_a_section_cannot_use_is_refused_before_queueing(
    idle_services: Services, sections: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InvalidRequest, match=sentence):
        idle_services.generate.submit(txt2img(sections=sections))
    assert idle_services.generate.active_jobs() == []


def test_what_is_no_section_at_all_is_refused() -> None:
    wrong: Any
    for wrong in (["Prompt tools"], {"Prompt tools": 3}, {"Prompt tools": {"prefix": {}}}):
        with pytest.raises(InvalidRequest, match="Sections .* cannot be used. Give names of sections"):
            txt2img(sections=wrong)


def test_an_infotext_tells_of_sections_that_are_not_here(idle_services: Services) -> None:
    text = "a house\nSteps: 2, Sampler: Euler, Seed: 1, Size: 64x64, Template: house, Sections: {}, Sparkle amount: 3"
    reading = idle_services.pictures.read_text(text.format('"Sparkle, Prompt tools"'))
    assert reading.not_honoured[0].startswith("Sections: Sparkle (is not known. ")
    assert "Sparkle amount: 3 (the key is not known)" in reading.not_honoured
    assert reading.typed is None  # without that section it would be another picture
    assert reading.request.prompt == "a house"
    wrong = idle_services.pictures.read_text(text.format("Border and watermark, Border width: wide"))
    assert "Border width 'wide' is not a number" in wrong.not_honoured[0]
    assert wrong.request.sections == {}
    assert not any("key is not known" in row and "Border" in row for row in wrong.not_honoured)


_SECTIONS = st.fixed_dictionaries(
    {},
    optional={
        "Kinds 3x4": st.fixed_dictionaries(
            {}, optional={"words": TEXT, "share": st.floats(-1e6, 1e6), "loud": st.booleans()}
        ),
        "Border and watermark": st.fixed_dictionaries(
            {},
            optional={
                "border": st.floats(0, 50),
                "unit": st.sampled_from([PIXELS, PERCENT]),
                "border_colour": st.sampled_from(["#ffffff", "#ABCDEF", "#000000"]),
                "text": TEXT,
                "position": st.sampled_from(list(POSITIONS)),
                "opacity": st.floats(0, 100),
            },
        ),
        "Prompt tools": st.fixed_dictionaries(
            {}, optional={"prefix": TEXT, "tidy": st.booleans(), "keep": st.integers(0, 75), "shuffle": st.booleans()}
        ),
    },
)


@settings(max_examples=300, deadline=None)
@given(sections=_SECTIONS, prompt=TEXT, seed=st.integers(0, 2**32))
def test_request_to_infotext_to_request_is_the_identity(
    demo_services: Services, sections: dict[str, Any], prompt: str, seed: int
) -> None:
    services = demo_services
    resolved = services.resolver.resolve(txt2img(prompt=prompt, seed=seed, sections=sections))
    further = services.sections.parameters(resolved)
    reading = services.pictures.read_text(write_infotext(resolved, index=0, model_hash="0123456789", further=further))
    assert [row for row in reading.not_honoured if "LoRA" not in row] == []
    painted = services.resolver.resolve(reading.request)
    assert painted.prompt == resolved.prompt
    tools = {"Prompt tools"}
    assert painted.sections == {name: row for name, row in resolved.sections.items() if name not in tools}
    again = services.resolver.resolve(reading.typed or reading.request)
    assert (again.prompt, again.template, again.sections) == (resolved.prompt, resolved.template, resolved.sections)


@pytest.mark.parametrize(
    ("place", "problem"),
    [
        ("check", "KeyError: 'nothing there'"),
        ("change", "EndedItself: SystemExit: 3"),
        ("steps", "ValueError: it changes 'steps', and only prompts can be changed"),
    ],
)
def test_an_extension_that_fails_at_submit_is_named(demo_services: Services, place: str, problem: str) -> None:
    with pytest.raises(PluginFailed) as failed:
        demo_services.generate.submit(txt2img(sections={"Broken": {"place": place}}))
    assert str(failed.value).startswith(f"Section 'Broken' of the plugin kinds failed ({problem}")
    assert made(demo_services, txt2img(sections={"Kinds 3x4": {}}))  # and nobody else is hurt


@pytest.mark.parametrize(
    ("place", "problem"),
    [
        ("process", "TypeError: "),
        ("floats", "ValueError: it returned float64 in the place of an array of uint8"),
        ("grey", "ValueError: it returned an array (4, 4) in the place of one"),
        ("long", "ValueError: it returned 20000 x 1; the most is 16384 a side"),
    ],
)
def test_an_extension_that_fails_with_a_picture_is_named_in_its_job(
    demo_services: Services, place: str, problem: str
) -> None:
    job = ended(demo_services, demo_services.generate.submit(txt2img(sections={"Broken": {"place": place}})))
    assert job.state == "failed"
    assert (job.error or "").startswith(f"Section 'Broken' of the plugin kinds failed ({problem}")
    assert made(demo_services, txt2img())


def test_too_little_memory_is_no_fault_of_a_section(demo_services: Services) -> None:
    job = ended(demo_services, demo_services.generate.submit(txt2img(sections={"Broken": {"place": "hungry"}})))
    told = "There is too little memory for 'Broken' of the plugin kinds. Make the picture smaller, or switch it off."
    assert (job.state, job.error) == ("failed", told)


def test_a_section_that_lacks_memory_is_tried_again_with_more_room(demo_services: Services) -> None:
    upscaled = {"images": [demo_services.inputs.add(drawing(16, 16))], "upscaler_1": USUAL_UPSCALER}
    assert ended(demo_services, demo_services.generate.submit_extras(ExtrasRequest.of(upscaled))).state == "done"
    (again,) = made(demo_services, txt2img(sections={"Broken": {"place": "hungry once"}}))
    (plain,) = made(demo_services, txt2img(sections={"Broken": {"place": "nowhere"}}))
    assert np.array_equal(pixels(demo_services, again), pixels(demo_services, plain))


def test_what_a_section_writes_into_its_copy_is_not_in_the_picture(demo_services: Services) -> None:
    (plain,) = made(demo_services, txt2img())
    (same,) = made(demo_services, txt2img(sections={"Broken": {}}))
    assert np.array_equal(pixels(demo_services, same), pixels(demo_services, plain))


def test_a_picture_may_come_back_with_alpha_and_of_any_size(demo_services: Services) -> None:
    (picture,) = made(demo_services, txt2img(sections={"Broken": {"place": "alpha"}}))
    assert (picture.width, picture.height) == (3, 2)
    with Image.open(demo_services.pictures.file(picture)) as image:
        assert image.mode == "RGBA"


def test_what_is_drafted_in_a_check_has_no_sections(demo_services: Services) -> None:
    with pytest.raises(InvalidRequest, match="Steps 3 with 0 sections. No."):
        demo_services.generate.submit(txt2img(sections={"Broken": {"place": "drafting"}}))


def test_a_section_is_a_part_of_its_tasks_alone(demo_services: Services) -> None:
    source = demo_services.inputs.add(drawing())
    with pytest.raises(InvalidRequest, match="Section 'Broken' is no part of img2img. Use txt2img."):
        demo_services.generate.submit(img2img(init_images=[source], sections={"Broken": {}}))
    (framed,) = made(demo_services, img2img(init_images=[source], sections=BORDER))
    assert (framed.width, framed.height) == (74, 74)


def test_a_plugin_is_told_of_its_own_sections(demo_services: Services) -> None:
    resolved = demo_services.resolver.resolve(txt2img(sections={"kinds 3X4": {"share": 2}, **BORDER}))
    kinds = {"Kinds 3x4": {"words": "usual", "share": 2.0, "loud": True}}
    assert demo_services.sections.of_plugin("kinds", resolved) == kinds
    assert demo_services.sections.of_plugin("other", resolved) == {}


def test_files_stand_for_pictures_on_a_command_line(demo_services: Services, tmp_path: Path) -> None:
    file = drawn_file(tmp_path / "logo.png")
    given = {"border and watermark": {"picture": str(file), "text": str(file)}, "Nonesuch": {"picture": "a"}}
    found = demo_services.sections.with_files(given, demo_services.inputs.add_file)
    assert found["border and watermark"] == {"picture": demo_services.inputs.add_file(file), "text": str(file)}
    assert found["Nonesuch"] == {"picture": "a"}
