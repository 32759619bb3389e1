"""Every script's declarations become controls that hold what the script would have without them."""

from __future__ import annotations

import asyncio
import csv
from functools import partial
from typing import Any

import gradio as gr
import pytest

from modules.hooks import Available, Drawn, Plugins, Script, ScriptRegistry, Text, read_arguments
from modules.schema.requests import REQUESTS, Task
from modules.ui.script_panel import choices_now, lay_out_scripts, slug
from tests.ui.form import laid_out

REGISTRY = ScriptRegistry(Plugins())


def available(task: Task) -> Available:
    names: dict[str, Any] = {"samplers": ("Euler", "Heun"), "schedules": ("Automatic",), "models": ("a, b",)}
    return Available(task=task, **names)


def scripts(task: Task) -> list[Script]:
    return [REGISTRY.find(name, task) for name in REGISTRY.names(task)]


@pytest.mark.parametrize("task", list(REQUESTS))
def test_untouched_controls_mean_what_no_arguments_mean(task: Task) -> None:
    panel = laid_out(lambda: lay_out_scripts(task, scripts(task), available(task)))
    assert {"X/Y/Z plot", "Prompt matrix"} <= set(panel.parts)
    for part in panel.parts.values():
        asked = [row.name for row in part.script.arguments if not isinstance(row, Drawn)]
        assert list(part.controls) == asked
        given = part.read({control: control.value for control in part.controls.values()})
        arguments = part.script.arguments
        assert read_arguments(arguments, given, available(task)) == read_arguments(arguments, {}, available(task))


def test_ids_are_plain_and_differ_between_tabs_and_scripts() -> None:
    ids = []
    for task in REQUESTS:
        panel = laid_out(partial(lay_out_scripts, task, scripts(task), available(task)))
        ids += [control.elem_id for part in panel.parts.values() for control in part.controls.values()]
    assert len(set(ids)) == len(ids) > 40
    assert slug("X/Y/Z plot") == "x-y-z-plot" and "img2img-script-loopback-loops" in ids


def test_suggestions_follow_from_the_axis() -> None:
    plot = REGISTRY.find("X/Y/Z plot", "txt2img")
    values = next(row for row in plot.arguments if row.name == "x_values")
    assert choices_now(values, available("txt2img"), {"x_type": "Sampler"}) == ["Euler", "Heun"]
    assert choices_now(values, available("txt2img"), {"x_type": "Steps"}) == []
    assert choices_now(values, available("txt2img"), {"x_type": "unheard of"}) == []


@pytest.mark.parametrize("words", [["Euler", "Heun"], ["a, b", "c"], ['say "x"', "y, z"], []])
def test_a_list_of_words_is_read_back_as_it_was(words: list[str]) -> None:
    assert next(csv.reader([Text.joined(words)], skipinitialspace=True), []) == words


def test_what_kept_scripts_away_is_told_in_the_accordion_and_not_all_of_it() -> None:
    def told(failures: list[str]) -> list[str]:
        async def build() -> gr.Blocks:
            with gr.Blocks(analytics_enabled=False) as page:
                lay_out_scripts("txt2img", [], available("txt2img"), failures)
            return page

        blocks = asyncio.run(build()).blocks.values()
        return [str(one.value) for one in blocks if isinstance(one, gr.HTML) and one.elem_id == "script-failures"]

    assert told([]) == []
    assert told(["ladder is left out: no module"]) == ["ladder is left out: no module"]
    (long,) = told([f"plugin {number} is left out" for number in range(100)])
    assert long.splitlines()[-1] == "… and 80 more"
