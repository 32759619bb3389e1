"""Callbacks of A1111's: what they are told, what becomes of what they change, and which are not here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from modules.hooks import ChangeContext, SavingChange
from modules.hooks.section_registry import SectionRegistry
from tests.builtin.painter import words
from tests.compat.contexts import (
    INFOTEXT,
    after_guidance,
    before_network,
    before_pass,
    called,
    plugin_with,
    problem_of,
    process,
    saved,
    saving,
)

CALLBACKS = "from modules import script_callbacks\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "extensions"
    folder.mkdir()
    return folder


def before_image_saved(does: str) -> str:
    return f"{CALLBACKS}def act(params):\n    {does}\nscript_callbacks.on_before_image_saved(act)\n"


def test_a_picture_and_its_infotext_are_changed_before_saving(root: Path) -> None:
    code = before_image_saved(
        "params.image = params.image.rotate(90, expand=True);"
        " params.pnginfo['parameters'] += f', Turned by: 90, Was wide: {params.p.width}'"
    )
    change = called(plugin_with(root, code), "before_saving", context=saving())
    assert isinstance(change, SavingChange) and change.pixels is not None
    assert change.pixels.shape == (6, 4, 3) and change.parameters == {"Turned by": "90", "Was wide": "64"}


def test_who_only_looks_changes_nothing(root: Path) -> None:
    plugins = plugin_with(root, before_image_saved("assert params.pnginfo['parameters'].endswith('Size: 64x64')"))
    assert called(plugins, "before_saving", context=saving()) is None


@pytest.mark.parametrize(
    ("does", "problem"),
    [
        ("params.filename = 'x.png'", "naming the file in on_before_image_saved is not here"),
        ("params.filename.upper()", "A1111's ImageSaveParams.filename is not here"),
        ("params.pnginfo['notes'] = 'x'", r"\(pnginfo\['notes'\]\) is not here"),
        ("params.pnginfo['parameters'] = 'gone'", "changing an infotext in on_before_image_saved is not here"),
        ("params.p.sampler.name", "A1111's p.sampler is not here"),
    ],
)
def test_what_cannot_be_changed_is_named(root: Path, does: str, problem: str) -> None:
    plugins = plugin_with(root, before_image_saved(does))
    with pytest.raises((NotImplementedError, AttributeError), match=problem):
        called(plugins, "before_saving", context=saving())


def test_a_saved_picture_is_told_of_with_its_file(root: Path, tmp_path: Path) -> None:
    code = (
        f"{CALLBACKS}def act(params):\n    with open(params.filename + '.txt', 'w') as file:\n"
        "        file.write(f\"{params.image.size} {params.p.seed} {params.pnginfo['parameters']}\")\n"
        "script_callbacks.on_image_saved(act, name='notes')\n"
    )
    picture = tmp_path / "one.png"
    Image.new("RGB", (6, 4)).save(picture)
    called(plugin_with(root, code), "after_saving", context=saved(picture))
    assert (tmp_path / "one.png.txt").read_text() == f"(6, 4) 100 {INFOTEXT}"


SPY = """
from modules import script_callbacks, shared
seen = []
def act(params):
    seen.append((tuple(params.x.shape), tuple(params.sigma.shape), float(params.sigma[0]),
                 params.sampling_step, params.total_sampling_steps, shared.state.sampling_step))
    {does}
script_callbacks.on_cfg_denoiser(act)
def denoised(params):
    assert params.x.shape == (2, 4, 2, 2)
    params.x[:1] *= 2
def after(params):
    params.x = params.x - 3
"""


def test_the_denoiser_is_told_with_rows_for_both_prompts(root: Path) -> None:
    plugins = plugin_with(root, SPY.format(does="params.x += 1") + "script_callbacks.on_image_saved(print)\n")
    context = before_network()
    changed = called(plugins, "before_network", context=context)
    assert torch.equal(changed, context.latents + 1) and float(context.latents[0, 0, 0, 0]) == 0
    plugins = plugin_with(root, SPY.format(does="assert seen[-1] == ((2, 4, 2, 2), (2,), 2.5, 1, 3, 1)"))
    assert called(plugins, "before_network", context=context) is None


@pytest.mark.parametrize(
    ("does", "problem"),
    [
        ("params.x[0] += 1", "for the negative prompts alone"),
        ("params.x = params.x[:1]", r"CFGDenoiserParams.x was made \(1, 4, 2, 2\) in the place of \(2, 4, 2, 2\)"),
        ("params.text_cond.shape", "A1111's CFGDenoiserParams.text_cond is not here"),
    ],
)
def test_what_a_denoiser_cannot_do_is_named(root: Path, does: str, problem: str) -> None:
    plugins = plugin_with(root, SPY.format(does=does))
    with pytest.raises((NotImplementedError, AttributeError, ValueError), match=problem):
        called(plugins, "before_network", context=before_network())


def test_what_goes_into_guidance_and_comes_out_is_changed(root: Path) -> None:
    both = "script_callbacks.on_cfg_denoised(denoised)\nscript_callbacks.on_cfg_after_cfg(after)\n"
    plugins = plugin_with(root, SPY.format(does="pass") + both)
    negative = torch.full((1, 4, 2, 2), 0.5)
    made = called(plugins, "after_guidance", context=after_guidance(negative))
    assert torch.allclose(made, negative + (2 - negative) * 7 - 3)  # as if the positive had been 2
    made = called(plugins, "after_guidance", context=after_guidance(None))
    assert torch.allclose(made, torch.full((1, 4, 2, 2), -1.0))
    plugins = plugin_with(root, SPY.format(does="pass"))
    assert called(plugins, "after_guidance", context=after_guidance(negative)) is None


@pytest.mark.parametrize("kind", ["cfg_denoised", "cfg_after_cfg"])
def test_who_only_looks_changes_no_guidance(root: Path, kind: str) -> None:
    code = SPY.format(does="pass") + f"def look(params):\n    params.x.mean()\nscript_callbacks.on_{kind}(look)\n"
    context = after_guidance(torch.full((1, 4, 2, 2), 0.5))
    assert called(plugin_with(root, code), "after_guidance", context=context) is None


SECTION = """
from modules import scripts, script_callbacks

class Adding(scripts.Script):
    def __init__(self):
        self.amount = 0
        script_callbacks.on_cfg_denoiser(self.act)

    def title(self): return "Adding"
    def show(self, is_img2img): return scripts.AlwaysVisible
    def process(self, p, *args): self.amount += len(p.all_prompts) + p.batch_size

    def act(self, params):
        params.x += self.amount
"""


def test_the_script_knows_of_its_pass_and_of_no_request(root: Path) -> None:
    plugins = plugin_with(root, SECTION)
    section = SectionRegistry(plugins).find("Adding", "txt2img")
    for _ in range(3):  # what is asked when requests are accepted leaves nothing in the script
        section.change_request(ChangeContext(words(), {}, 0, 100))
    context = before_network({"Adding": {}})
    called(plugins, "before_pass", context=before_pass({"Adding": {}}))
    # That of img2img has the same callback, and is not asked.
    assert torch.equal(called(plugins, "before_network", context=context), context.latents + 2)
    assert called(plugins, "before_network", context=before_network()) is None


def test_a_callback_can_be_taken_back_and_counts_once(root: Path) -> None:
    twice = SPY.format(does="params.x += 1") + "script_callbacks.on_cfg_denoiser(act)\n"
    context = before_network()
    assert torch.equal(called(plugin_with(root, twice), "before_network", context=context), context.latents + 1)
    gone = twice + "script_callbacks.remove_callbacks_for_function(act)\n"
    assert plugin_with(root, gone).implementations("before_network") == ()


def test_moments_of_the_page_and_of_the_end(root: Path, tmp_path: Path) -> None:
    code = (
        f"{CALLBACKS}order = []\nscript_callbacks.on_before_ui(lambda: order.append('before_ui'))\n"
        "def at_the_end():\n    with open(TOLD, 'w') as file: file.write(' '.join(order))\n"
        "script_callbacks.on_script_unloaded(at_the_end)\n"
        "script_callbacks.on_after_component(lambda component, **words: order.append('never'))\n"
        "script_callbacks.on_before_component(lambda component, **words: order.append('never'))\n"
    )
    told = tmp_path / "told.txt"
    called(plugin_with(root, f"TOLD = {str(told)!r}\n{code}"), "stop", context=process(tmp_path))
    assert told.read_text() == "before_ui"


@pytest.mark.parametrize("name", ["on_model_loaded", "on_list_unets", "on_before_token_counter", "on_extra_noise"])
def test_callbacks_that_are_not_here_are_named(root: Path, name: str) -> None:
    problem = f"A1111's modules.script_callbacks.{name} is not here"
    assert problem in problem_of(root, f"{CALLBACKS}script_callbacks.{name}(print)\n")
    assert problem in problem_of(root, f"from modules.script_callbacks import {name}\n")


def test_pixels_with_alpha_stay_as_they_are(root: Path) -> None:
    pixels = np.full((4, 6, 4), 90, np.uint8)
    plugins = plugin_with(root, before_image_saved("assert params.image.mode == 'RGBA'"))
    assert called(plugins, "before_saving", context=saving(pixels=pixels)) is None
