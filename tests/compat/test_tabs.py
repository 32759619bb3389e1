"""Tabs of A1111's extensions, by `on_ui_tabs`: which are taken, and what wrong ones leave behind."""

from __future__ import annotations

from pathlib import Path

import pytest
from gradio.context import Context

from modules.hooks import Tab
from modules.hooks.tab_contributions import tabs_of
from tests.compat.contexts import called, plugin_with


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "extensions"
    folder.mkdir()
    return folder


TABS = "import gradio as gr\nfrom modules import script_callbacks\nscript_callbacks.on_ui_tabs(lambda: tabs())\n"


def tabs_with(root: Path, body: str) -> list[Tab]:
    made: list[Tab] = called(plugin_with(root, f"{TABS}def tabs():\n{body}"), "register_tabs")
    return made


def test_they_are_those_that_all_callbacks_return(root: Path) -> None:
    several = "    return [(gr.Blocks(), 'One', 'one'), [gr.Blocks(), 'Two', 'two']]\n"
    more = "script_callbacks.on_ui_tabs(lambda: None)\n"
    more += "script_callbacks.on_ui_tabs(lambda: [(gr.Blocks(), 'Three', '3')])\n"
    assert [(one.title, one.audience) for one in tabs_with(root, several + more)] == [
        ("One", "owner"),
        ("Two", "owner"),
        ("Three", "owner"),
    ]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("    return [(gr.Textbox(), 'One', 'one')]\n", "on_ui_tabs returned Textbox instead of gradio.Blocks"),
        ("    with gr.Blocks():\n        raise OSError('no sail')\n", "OSError: no sail"),
        ("    return [(gr.Blocks(), 'Txt2img', 'one')]\n", "there is a tab 'Txt2img' already"),
    ],
)
def test_wrong_ones_leave_the_extension_out(root: Path, body: str, problem: str) -> None:
    plugins = plugin_with(root, f"{TABS}def tabs():\n{body}")
    assert tabs_of(plugins, ["txt2img"]) == []
    (failure,) = plugins.failures
    assert failure.plugin == "made" and problem in failure.problem
    assert (Context.root_block, Context.block) == (None, None)
