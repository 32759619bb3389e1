"""A1111's always-visible scripts: sections that change prompts and finished pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modules.hooks import ChangeContext, ImageContext, Plugins, Section, Switch, Text, read_arguments
from modules.hooks.section_registry import SectionRegistry
from tests.builtin.painter import Painter, words
from tests.compat.makers import put_a1111, taken_in

TOOLS = """
import gradio as gr
import modules.scripts as scripts
from PIL import ImageOps

class Tools(scripts.Script):
    def title(self):
        return "Ink & Frame v2.1"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def ui(self, is_img2img):
        with gr.Accordion("Ink", open=False):
            enabled = gr.Checkbox(label="Enabled", value=False)
            ink = gr.Textbox(label="Ink", value="in blue ink")
            width = gr.Slider(0, 32, value=4, step=1, label="Width")
        self.infotext_fields = [(ink, "Ink colour"), (width, lambda d: d.get("x"))]
        return [enabled, ink, width]

    {moments}
"""
PROCESS = """
    def process(self, p, enabled, ink, width):
        if enabled:
            p.all_prompts = [f"{text}, {ink} {seed}" for text, seed in zip(p.all_prompts, p.all_seeds)]
"""
FRAME = """
    def postprocess_image(self, p, pp, enabled, ink, width):
        if enabled:
            pp.image = ImageOps.expand(pp.image, width, (0, 0, 255))
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "extensions"
    folder.mkdir()
    return folder


def plugins_of(root: Path, moments: str) -> Plugins:
    put_a1111(root, "ink", scripts__ink=TOOLS.replace("{moments}", moments))
    return taken_in(root, "ink")


def section_of(root: Path, moments: str) -> Section:
    plugins = plugins_of(root, moments)
    registry = SectionRegistry(plugins)
    assert plugins.failures == ()
    return registry.find("Ink Frame v2 1", "txt2img")


def arguments_of(section: Section, **given: Any) -> dict[str, Any]:
    return read_arguments(section.arguments, given, Painter(words()).available)


def changed(section: Section, index: int = 0, **given: Any) -> Any:
    return section.change_request(ChangeContext(words(), arguments_of(section, **given), index, 100 + index))


def processed(section: Section, **given: Any) -> np.ndarray | None:
    pixels = np.full((8, 8, 3), 200, np.uint8)
    request, arguments = words(), arguments_of(section, **given)
    return section.process_image(ImageContext(pixels, request, arguments, 0, 100, lambda picture: pixels))


def test_its_arguments_have_its_own_names_in_infotexts(root: Path) -> None:
    section = section_of(root, PROCESS)
    enabled, ink, width = section.arguments
    assert isinstance(enabled, Switch) and isinstance(ink, Text)
    assert section.keys == ("Ink Frame v2 1 Enabled", "Ink colour", "Ink Frame v2 1 Width")
    assert section.tasks == ("txt2img", "img2img")
    assert (section.changes_requests, section.processes_images) == (True, False)


def test_prompts_are_changed_for_each_picture_alone(root: Path) -> None:
    section = section_of(root, PROCESS)
    assert changed(section) is None
    assert changed(section, enabled=True) == {"prompt": "a red house, in blue ink 100"}
    assert changed(section, index=2, enabled=True, ink="green") == {"prompt": "a red house, green 102"}
    assert section.carried_out(arguments_of(section, enabled=True)) is None


def test_finished_pictures_are_changed(root: Path) -> None:
    section = section_of(root, FRAME)
    made = processed(section, enabled=True, width=3)
    assert made is not None and made.shape == (14, 14, 3)
    assert tuple(made[0, 0]) == (0, 0, 255) and tuple(made[7, 7]) == (200, 200, 200)
    assert not section.changes_requests and section.carried_out({"enabled": True}) == {"enabled": True}


def test_one_that_does_both_can_leave_the_prompts(root: Path) -> None:
    section = section_of(root, PROCESS + FRAME)
    again = section.carried_out(arguments_of(section, enabled=True))
    assert again is not None and changed(section, **again) is None
    made = processed(section, **again)
    assert made is not None and made.shape == (16, 16, 3)


def test_what_else_it_would_change_is_refused(root: Path) -> None:
    section = section_of(root, "def process(self, p, *args):\n        p.steps = 3\n")
    with pytest.raises(NotImplementedError, match="changing steps in process is not here"):
        changed(section)


def test_a_moment_that_is_not_here_is_named(root: Path) -> None:
    (failure,) = plugins_of(root, "def on_mask_blend(self, p, args): pass\n").failures
    assert "has on_mask_blend, which is not here" in failure.problem
