"""A1111's smaller modules: components of its own, folders, errors and infotexts."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from modules.compat import ui_components
from modules.hooks import Choice, Colour, SeveralChoices, Switch, Text
from modules.hooks.section_registry import SectionRegistry
from tests.compat.contexts import plugin_with, problem_of
from tests.compat.makers import script_of


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "extensions"
    folder.mkdir()
    return folder


COMPONENTS = """
import gradio as gr
from modules import scripts
from modules.infotext_utils import PasteField
from modules.ui_components import DropdownEditable, DropdownMulti, FormColorPicker, FormRow, InputAccordion, ToolButton

class Made(scripts.Script):
    def title(self): return "Made"
    def show(self, is_img2img): return scripts.AlwaysVisible

    def ui(self, is_img2img):
        with InputAccordion(True, label="Made", elem_id=self.elem_id("on")) as enabled:
            assert isinstance(enabled, gr.Checkbox)
            with FormRow(elem_classes="row"):
                kinds = DropdownMulti(["a", "b"], value=["b"], label="Kinds")
                kind = DropdownEditable(choices=["a", "b"], value="a", label="Kind")
                button = ToolButton(value="x", tooltip="Turn", elem_id="turn")
                colour = FormColorPicker(value="#00FF00", label="Colour")
        button.click(fn=lambda: "b", inputs=[], outputs=[kind])
        self.infotext_fields = [PasteField(enabled, "Made on", api="made_on"), (kind, "Made kind")]
        return [enabled, kinds, kind, colour]

    def postprocess_image(self, p, pp, enabled, kinds, kind, colour):
        pass
"""


def test_components_of_a1111_are_arguments(root: Path) -> None:
    section = SectionRegistry(plugin_with(root, COMPONENTS)).find("Made", "img2img")
    enabled, kinds, kind, colour = section.arguments
    assert isinstance(enabled, Switch) and enabled.default and enabled.label == "Made"
    assert isinstance(kinds, SeveralChoices) and kinds.default == ("b",)
    assert isinstance(kind, Choice) and kind.default == "a"
    assert isinstance(colour, Colour) and colour.default == "#00ff00"
    assert section.keys[0] == "Made on" and section.keys[2] == "Made kind"


def test_folders_errors_and_infotexts(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        plugin_with(
            root,
            "from modules import errors, paths\n"
            "from modules.paths_internal import data_path\n"
            "from modules.generation_parameters_copypaste import parse_generation_parameters\n"
            f"assert paths.extensions_dir == {str(root)!r} and data_path == {str(root.parent)!r}\n"
            "read = parse_generation_parameters('a boat\\nNegative prompt: fog\\nSteps: 3, Seed: 4, Size: 64x32')\n"
            "assert (read['Prompt'], read['Negative prompt'], read['Steps'], read['Size-2']) == "
            "('a boat', 'fog', '3', '32')\n"
            "errors.report('no wind')\n"
            "errors.display(OSError('no sail'), 'sailing')\n",
        )
    assert [one.getMessage() for one in caplog.records] == [
        "The extension made says: no wind",
        "The extension made failed in sailing",
    ]


DERIVED = """
import gradio as gr
from modules import scripts

class Tool(gr.Button):
    def __init__(self, **words):
        super().__init__(variant="secondary", **words)

class Words(gr.Textbox):
    pass

class Made(scripts.Script):
    def title(self): return "Made"

    def ui(self, is_img2img):
        with gr.Row():
            words = Words(label="Words", value="ink")
            Tool(value="Clear").click(lambda: "", outputs=[words])
        assert isinstance(words, gr.Textbox)
        return [words]
"""


def test_components_of_its_own_leave_its_folder_as_it_was(root: Path) -> None:
    plugins = plugin_with(root, DERIVED)
    (words,) = script_of(plugins, "Made").arguments
    assert isinstance(words, Text) and words.default == "ink"
    assert [one.name for one in (root / "made").rglob("*")] == ["scripts", "made.py"]
    assert not Path(str(ui_components.__file__)).with_suffix(".pyi").exists()


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("from modules.paths import models_path", "A1111's modules.paths.models_path is not here"),
        ("from modules.ui_components import FormTree", "A1111's modules.ui_components.FormTree is not here"),
    ],
)
def test_other_names_of_these_are_missing(root: Path, code: str, problem: str) -> None:
    assert problem in problem_of(root, code)
