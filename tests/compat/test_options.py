"""A1111's `shared.opts`: which settings come of an extension's options, and what it reads of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from modules.hooks import Choice, Number, SeveralChoices, Switch, Text
from modules.hooks.setting_registry import SettingRegistry
from tests.compat.contexts import called, plugin_with, problem_of, process, saving

OPTIONS = """
import gradio as gr
from modules import script_callbacks, shared
from modules.shared import OptionInfo, opts

def on_ui_settings():
    section = ("made", "Made")
    add = lambda key, info: shared.opts.add_option(key, info)
    add("made_on", OptionInfo(True, "On", section=section).info("at once").needs_restart())
    add("made_words", OptionInfo("ink", "Words", gr.Textbox, {"lines": 3}, section=section))
    add("made_size", OptionInfo(8, "Size", gr.Slider, {"minimum": 0, "maximum": 64, "step": 8}, section=section))
    add("made_count", OptionInfo(3, "Count", section=section))
    add("made_kind", OptionInfo("b", "Kind", gr.Dropdown, lambda: {"choices": ["a", "b"]}, section=section))
    add("made_kinds", OptionInfo(["a"], "Kinds", gr.CheckboxGroup, {"choices": ["a", "b"]}, section=section))
    add("made_files", OptionInfo(None, "Files", gr.Dropdown, {"choices": []}, section=section))
    add("made-colour", OptionInfo("#FF0000", "Colour", gr.ColorPicker, {}, section=section))
    add("made_note", OptionInfo("<p>words</p>", "", gr.HTML, {}, section=section))

script_callbacks.on_ui_settings(on_ui_settings)

def act(params):
    told = [opts.made_on, opts.made_words, opts.made_size, opts.made_kinds, getattr(opts, "made-colour")]
    told += [opts.data["made_count"], opts.data.get("made_nothing", "none"), getattr(opts, "made_nothing", "none")]
    params.pnginfo["parameters"] += ", Told: \\"" + repr(told) + "\\", Note: " + opts.made_note
script_callbacks.on_before_image_saved(act)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "extensions"
    folder.mkdir()
    return folder


def test_options_become_settings_of_their_kinds(root: Path) -> None:
    rows = SettingRegistry(plugin_with(root, OPTIONS)).rows
    found = {key: row.argument for key, row in rows.items()}
    assert list(found) == [
        f"made.made_{name}" for name in ("on", "words", "size", "count", "kind", "kinds", "files", "colour")
    ]
    on, words, size, count, kind, kinds, files, colour = found.values()
    assert isinstance(on, Switch) and on.default and (on.label, on.help) == ("On", "at once")
    assert isinstance(words, Text) and (words.default, words.lines) == ("ink", 3)
    assert isinstance(size, Number) and (size.default, size.maximum, size.step, size.whole) == (8, 64, 8, True)
    assert isinstance(count, Number) and count.default == 3
    assert isinstance(kind, Choice) and (kind.choices, kind.default) == (("a", "b"), "b")
    assert isinstance(kinds, SeveralChoices) and kinds.default == ("a",)
    assert isinstance(files, Text) and isinstance(colour, Text) and colour.default == "#ff0000"


def test_values_are_read_as_they_are_at_that_moment(root: Path, tmp_path: Path) -> None:
    plugins = plugin_with(root, OPTIONS)

    def told() -> str:
        parameters: dict[str, str] = called(plugins, "before_saving", context=saving()).parameters
        return parameters["Told"]

    assert told() == "[True, 'ink', 8, ['a'], '#ff0000', 3, 'none', 'none']"
    set_by_people = process(tmp_path, made_on=False, made_size=16, made_kinds=("b", "a"))
    called(plugins, "start", context=set_by_people)
    assert told() == "[False, 'ink', 16, ['b', 'a'], '#ff0000', 3, 'none', 'none']"


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("shared.opts.samples_format", "A1111's shared.opts.samples_format is not here"),
        ("shared.opts.onchange('x', print)", "A1111's shared.opts.onchange is not here"),
        ("shared.opts.made_on = False", "setting A1111's shared.opts.made_on is not here"),
        ("shared.OptionInfo(1, 'x', onchange=print)", "A1111's OptionInfo(onchange=...) is not here"),
        ("shared.cmd_opts.share", "A1111's shared.cmd_opts.share is not here"),
        ("shared.sd_model.cond_stage_model", "A1111's modules.shared.sd_model is not here"),
        ("shared.state.interrupt()", "A1111's shared.state.interrupt is not here"),
        ("from modules import sd_models", "A1111's modules.sd_models is not here"),
        ("from modules.sd_hijack import model_hijack", "A1111's modules.sd_hijack is not here"),
        ("import modules.sd_samplers_kdiffusion", "A1111's modules.sd_samplers_kdiffusion is not here"),
        ("import ldm.modules", "No module named 'ldm'"),
    ],
)
def test_what_is_not_here_is_named_and_nobody_else_is_hurt(root: Path, code: str, problem: str) -> None:
    assert problem in problem_of(root, f"from modules import shared\n{code}\n")


def test_what_may_be_missing_is_asked_for_in_the_usual_ways(root: Path) -> None:
    plugin_with(
        root,
        "from modules import shared\n"
        "assert not getattr(shared.cmd_opts, 'share', False) and not hasattr(shared.opts, 'sd_vae')\n"
        "assert not shared.state.interrupted and not shared.state.skipped and shared.state.job == ''\n"
        "shared.options_templates.update(shared.options_section(('a', 'A'), {'a_b': shared.OptionInfo(2, 'B')}))\n"
        "from modules import script_callbacks\n"
        "script_callbacks.on_before_ui(lambda: None if shared.opts.a_b == 2 else 1 / 0)\n",
    )
