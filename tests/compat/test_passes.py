"""A1111's scripts in passes: nothing that one picture, request or job leaves in them reaches another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modules.hooks import ChangeContext, ImageContext, Plugins, Section
from modules.hooks.section_registry import SectionRegistry
from tests.builtin.painter import words
from tests.compat.contexts import before_network, before_pass, called, plugin_with, saving

SCRIPT = """
import random
import gradio as gr
import numpy as np
from modules import scripts, script_callbacks

class Adding(scripts.Script):
    def title(self):
        return "Adding"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def ui(self, is_img2img):
        self.boxes = [gr.Checkbox(label="Enabled", value=True)]
        return self.boxes
"""
ON: dict[str, Any] = {"enabled": True}
PIXELS = np.zeros((4, 6, 3), np.uint8)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "extensions"
    folder.mkdir()
    return folder


def section_of(plugins: Plugins) -> Section:
    return SectionRegistry(plugins).find("Adding", "txt2img")


def added(plugins: Plugins, arguments: dict[str, Any] | None = None, **fields: Any) -> float:
    """What callbacks add to the latents of a pass."""
    sections = None if arguments is None else {"Adding": arguments}
    called(plugins, "before_pass", context=before_pass(sections, **fields))
    return added_in_step(plugins, sections, **fields)


def added_in_step(plugins: Plugins, sections: dict[str, Any] | None, **fields: Any) -> float:
    context = before_network(sections, **fields)
    changed = called(plugins, "before_network", context=context)
    return 0.0 if changed is None else float((changed - context.latents)[0, 0, 0, 0])


def around(plugins: Plugins, arguments: dict[str, Any], seed: int = 100) -> None:
    """Everything else that is done for a picture: its request is accepted, it is finished and saved."""
    section, request = section_of(plugins), words(sections={"Adding": arguments})
    section.change_request(ChangeContext(request, arguments, 0, seed))
    section.process_image(ImageContext(PIXELS, request, arguments, 0, seed, lambda picture: PIXELS))
    called(plugins, "before_saving", context=saving(request))


GIVEN_ANEW = """
    def process(self, p, enabled):
        if enabled:
            script_callbacks.on_cfg_denoiser(self.act)

    def postprocess(self, p, processed, *args):
        script_callbacks.remove_callbacks_for_function(self.act)

    def act(self, params):
        params.x += 1
"""


def test_a_callback_that_is_given_for_each_picture_is_called_once(root: Path) -> None:
    plugins = plugin_with(root, SCRIPT + GIVEN_ANEW)
    for _ in range(3):
        around(plugins, ON)
        assert added(plugins, ON) == 1
        around(plugins, ON)
    assert added(plugins, {"enabled": False}) == 0


def test_a_callback_may_be_taken_back_for_one_pass(root: Path) -> None:
    code = """
    def __init__(self):
        script_callbacks.on_cfg_denoiser(self.act)

    def process(self, p, enabled):
        if not enabled:
            script_callbacks.remove_callbacks_for_function(self.act)

    def act(self, params):
        params.x += 1
        if params.sampling_step == 1:
            script_callbacks.remove_callbacks_for_function(self.act)
"""
    plugins = plugin_with(root, SCRIPT + code)
    assert [added(plugins, {"enabled": on}) for on in (False, True)] == [0, 1]
    assert added_in_step(plugins, {"Adding": ON}) == 0  # taken back by itself
    assert added(plugins, ON) == 1


def test_a_callback_for_saving_is_that_of_the_pass(root: Path) -> None:
    code = """
    def process(self, p, enabled):
        if enabled:
            script_callbacks.on_before_image_saved(self.act)

    def act(self, params):
        params.pnginfo["parameters"] += ", Added: 1"
"""
    plugins = plugin_with(root, SCRIPT + code)
    for _ in range(2):
        around(plugins, ON)
        added(plugins, ON)
        change = called(plugins, "before_saving", context=saving(words(sections={"Adding": ON})))
        assert change.parameters == {"Added": "1"}
    assert called(plugins, "before_saving", context=saving()) is None


COUNTING = """
    def __init__(self):
        self.amount, self.seen, self.rows, self.array = 0, set(), {"rows": [0]}, np.zeros(1)
        self.same = self.rows["rows"]
        script_callbacks.on_cfg_denoiser(self.act)

    def ui(self, is_img2img):
        self.boxes = [gr.Checkbox(label="Enabled", value=True)]
        made.append(self.boxes[0])
        return self.boxes

    def process(self, p, enabled):
        assert any(self.boxes[0] is one for one in made)
        self.amount += 1
        self.seen.add(len(self.seen))
        self.same[0] += 1
        self.array += 1
        counts = [self.amount, len(self.seen), self.rows["rows"][0], int(self.array[0])]
        p.all_prompts = [" ".join(map(str, counts)) for _ in p.all_prompts]

    def act(self, params):
        self.amount += len(self.seen)
        params.x += self.amount

made = []
"""


def test_what_a_script_keeps_ends_with_the_picture_and_with_the_pass(root: Path) -> None:
    plugins = plugin_with(root, SCRIPT + COUNTING)
    section = section_of(plugins)
    for _ in range(2):
        for _ in range(2):
            assert section.change_request(ChangeContext(words(), ON, 0, 100)) == {"prompt": "1 1 1 1"}
        assert added(plugins, ON) == 2
        around(plugins, ON)
        assert added_in_step(plugins, {"Adding": ON}) == 3  # the same pass goes on


DRAWING = """
import random
from modules import script_callbacks

def act(params):
    params.x += random.random()

def mark(params):
    params.pnginfo["parameters"] += f", Drawn: {random.random()}"

script_callbacks.on_cfg_denoiser(act)
script_callbacks.on_before_image_saved(mark)
"""


def test_what_callbacks_draw_follows_from_the_seed_of_the_picture(root: Path) -> None:
    plugins = plugin_with(root, DRAWING)
    first, other, again = (added(plugins, seed=seed) for seed in (100, 101, 100))
    assert first == again != other

    def drawn(seed: int) -> str:
        context = saving(words(seed=seed))
        return str(called(plugins, "before_saving", context=context).parameters["Drawn"])

    first_drawn, other_drawn, drawn_again = (drawn(seed) for seed in (100, 101, 100))
    assert first_drawn == drawn_again != other_drawn
    without_request = replace(saving(), request=None)
    one, same = (called(plugins, "before_saving", context=without_request).parameters for _ in range(2))
    assert one == same


def test_what_is_drawn_for_a_pass_goes_on_where_it_was(root: Path) -> None:
    code = """
    def __init__(self):
        script_callbacks.on_cfg_denoiser(self.act)

    def process(self, p, enabled):
        random.random()

    def act(self, params):
        params.x += random.random()
"""
    plugins = plugin_with(root, SCRIPT + code)
    first, second = added(plugins, ON), added_in_step(plugins, {"Adding": ON})
    assert first != second
    assert added(plugins, ON) == first
    around(plugins, ON, seed=7)
    assert added_in_step(plugins, {"Adding": ON}) == second
