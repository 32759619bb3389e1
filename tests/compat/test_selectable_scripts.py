"""Scripts of A1111's list: their components become arguments, and what they paint becomes requests."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from modules.errors import BrokenExtension
from modules.hooks import Choice, Interrupted, Number, Plugins, ScriptRegistry, SeveralChoices, Switch, Text
from tests.builtin.painter import INPUT, INPUT_SIZES, Painter, colour_of, picture, run, words
from tests.compat.contexts import called, saving
from tests.compat.makers import SIZES, TWO_SIZES, put_a1111, script_of, taken_in
from tests.hooks.extension_makers import extensions_of, found

TITLE = "Two sizes"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "extensions"
    folder.mkdir()
    return folder


def script(run: str, *, name: str = "Made", show: str = "True", before: str = "") -> str:
    return (
        f"from modules import scripts, processing\n{before}\n"
        f"class Made(scripts.Script):\n    def title(self): return {name!r}\n"
        f"    def show(self, is_img2img): return {show}\n"
        f"    def run(self, p):\n        {run}\n"
    )


def test_its_components_are_typed_arguments(root: Path) -> None:
    put_a1111(root, "Two-Sizes", scripts__two=TWO_SIZES, sizes_of_two=SIZES)
    found = script_of(taken_in(root, "Two-Sizes"), TITLE)
    factor, strength, mark, order, text, several, count = found.arguments
    assert isinstance(factor, Number) and (factor.minimum, factor.maximum, factor.default) == (1, 4, 2) and factor.whole
    assert isinstance(strength, Number) and strength.step == 0.05 and not strength.whole
    assert isinstance(mark, Switch) and not mark.default
    assert isinstance(order, Choice) and order.choices == ("small first", "large first")
    assert isinstance(text, Text) and (text.lines, text.default) == (2, "at dusk")
    assert isinstance(several, SeveralChoices) and several.default == ("a",)
    assert isinstance(count, Number) and count.whole and count.default == 3
    assert [one.key for one in found.arguments][:2] == ["Two sizes Factor", "Two sizes Strength"]
    assert found.tasks == ("txt2img",)


def test_what_it_paints_are_requests_and_what_it_puts_together_is_saved(root: Path) -> None:
    put_a1111(root, "Two-Sizes", scripts__two=TWO_SIZES, sizes_of_two=SIZES)
    found = script_of(taken_in(root, "Two-Sizes"), TITLE)
    painter = run(found, words(), factor=3, order="large first", several=["c", "b"])
    assert [(one.width, one.height, one.prompt) for one in painter.asked] == [
        (64, 64, "a red house, at dusk cb 3"),
        (192, 192, "a red house, at dusk cb 3"),
    ]
    assert painter.shown == [False, False]
    (sheet, parameters, _), *others = painter.grids
    assert sheet.shape == (192, 384, 3) and parameters == {"Two sizes strength": "0.5"}
    assert tuple(sheet[0, 0]) == colour_of(painter.asked[1]) and tuple(sheet[0, -1]) == colour_of(painter.asked[0])
    assert len(others) == 2  # it asked that they be no results of their own, and returned them

    painter = run(found, words(), mark=True)
    assert painter.shown == [True, True] and len(painter.grids) == 1


def test_pictures_that_it_begins_with_are_those_of_the_request(root: Path) -> None:
    code = script(
        "p.init_images = [p.init_images[0].rotate(90, expand=True)]; p.denoising_strength = 0.25; p.resize_mode = 2;"
        " return processing.process_images(p)",
        show="is_img2img",
    )
    put_a1111(root, "turned", scripts__turn=code)
    painter = run(script_of(taken_in(root, "turned"), "Made", "img2img"), picture())
    (asked,) = painter.asked
    fields = asked.model_dump()
    assert (fields["denoising_strength"], fields["resize_mode"]) == (0.25, "Resize and fill")
    assert painter.kept[fields["init_images"][0]].shape == (*INPUT_SIZES[INPUT], 3)
    assert painter.grids == []


def test_nothing_returned_is_the_plain_request(root: Path) -> None:
    put_a1111(root, "plain", scripts__plain=script("p.steps = 7"))
    painter = run(script_of(taken_in(root, "plain"), "Made"), words())
    assert [one.steps for one in painter.asked] == [7] and painter.shown == [True]


def test_two_extensions_have_files_of_the_same_names(root: Path) -> None:
    for name, steps in (("one", 3), ("two", 4)):
        code = script("p.steps = STEPS", name=name, before="from lib_steps import STEPS")
        put_a1111(root, name, scripts__main=code, lib_steps=f"STEPS = {steps}\n")
    plugins = taken_in(root, "one", "two")
    made = {name: run(script_of(plugins, name), words()).asked[0].steps for name in ("one", "two")}
    assert made == {"one": 3, "two": 4}


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("import modules.sd_hijack\n", "A1111's modules.sd_hijack is not here"),
        ("from modules import scripts, gfpgan_model\n", "A1111's modules.gfpgan_model is not here"),
        ("from modules.scripts import ScriptBuiltinUI\n", "A1111's modules.scripts.ScriptBuiltinUI is not here"),
        ("import modules.scripts as s\ns.scripts_current\n", "A1111's modules.scripts.scripts_current is not here"),
        ("from modules.ui import create_refresh_button\n", "A1111's modules.ui is not here"),
        ("import nowhere_at_all\n", "No module named 'nowhere_at_all'"),
        ("x = (", "SyntaxError"),
    ],
)
def test_what_is_not_here_is_named(root: Path, code: str, sentence: str) -> None:
    put_a1111(root, "wanting", scripts__main=code)
    (failure,) = taken_in(root, "wanting").failures
    assert failure.plugin == "wanting" and sentence in failure.problem


def test_our_own_rooms_are_not_seen_nor_replaced(root: Path) -> None:
    put_a1111(root, "curious", scripts__main=script("pass", before="import modules\nassert not hasattr(modules, 'ui')"))
    assert script_of(taken_in(root, "curious"), "Made")
    assert importlib.import_module("modules.ui").__name__ == "modules.ui"


def test_it_is_tried_switched_on_and_taken_in_by_the_next_start(root: Path) -> None:
    put_a1111(root, "Tried", scripts__main=script("p.steps = 5"))
    extensions = extensions_of(root)
    assert found(extensions, "Tried").decision == "off"
    extensions.enable(found(extensions, "Tried"))
    plugins = Plugins(())
    extensions.load_into(plugins)
    assert plugins.names == ("Tried",) and run(script_of(plugins, "Made"), words()).asked[0].steps == 5


def test_one_fails_alone(root: Path) -> None:
    put_a1111(root, "falling", scripts__main=script("raise OSError('no drive')", name="Falling"))
    put_a1111(root, "good", scripts__main=script("pass", name="Good"))
    plugins = taken_in(root, "falling", "good")
    with pytest.raises(OSError, match="no drive"):
        run(script_of(plugins, "Falling"), words())
    assert len(run(script_of(plugins, "Good"), words()).asked) == 1
    assert ScriptRegistry(plugins).names("img2img") == ("Falling", "Good")


def test_its_requirements_are_known(root: Path) -> None:
    folder = put_a1111(root, "needy", scripts__main=script("pass"))
    (folder / "requirements.txt").write_text("# packages\nnumpy>=1  # here\n\nnowhere-at-all==2\n")
    (folder / "metadata.ini").write_text("[Extension]\nName = Needy Thing\n")
    extensions = extensions_of(root)
    with pytest.raises(BrokenExtension, match="needs nowhere-at-all==2, which is not installed"):
        extensions.enable(found(extensions, "needy"))
    assert (manifest := found(extensions, "needy").folder.manifest) and manifest.shown_name == "Needy Thing"
    (folder / "requirements.txt").write_text("git+https://example.org/x.git\n")
    assert "Its requirements.txt has requirements.0" in found(extensions, "needy").problem


def test_what_process_images_gives_are_the_painted_pixels(root: Path) -> None:
    seen = "p.extra_generation_params['Seen'] = made.images[0].getpixel((3, 3)); made.images = [made.images[0].copy()]"
    put_a1111(root, "looking", scripts__main=script(f"made = processing.process_images(p); {seen}; return made"))
    painter = run(script_of(taken_in(root, "looking"), "Made"), words())
    ((pixels, parameters, _),) = painter.grids
    assert tuple(pixels[3, 3]) == colour_of(painter.asked[0])
    assert parameters == {"Seen": str(colour_of(painter.asked[0]))}


def test_pictures_are_put_together_and_saved_once(root: Path) -> None:
    code = script(
        "made = [processing.process_images(p).images[0] for p.steps in (3, 4, 5)];"
        " sheet = images.image_grid(made, rows=1); images.save_image(sheet, 'x', 'y', p=p);"
        " small = images.resize_image(1, sheet, 32, 32); return processing.Processed(p, [sheet, small, *made])",
        before="from modules import images",
    )
    put_a1111(root, "sheets", scripts__main=code)
    painter = run(script_of(taken_in(root, "sheets"), "Made"), words())
    assert [one.steps for one in painter.asked] == [3, 4, 5]
    assert [pixels.shape for pixels, _, _ in painter.grids] == [(64, 192, 3), (32, 32, 3)]


def test_the_state_of_the_job_is_told_and_asked(root: Path) -> None:
    code = script(
        "state.job_count = 3; state.textinfo = 'three of them'\n"
        "        for _ in range(3):\n"
        "            if state.interrupted: break\n"
        "            processing.process_images(p); state.nextjob()\n"
        "        return processing.Processed(p, [])",
        before="from modules.shared import state",
    )
    put_a1111(root, "telling", scripts__main=code)
    made = script_of(taken_in(root, "telling"), "Made")
    painter = run(made, words())
    assert painter.planned == (3, None) and len(painter.asked) == 3
    stopped = Painter(words(), stop_at=1)
    with pytest.raises(Interrupted):
        run(made, words(), stopped)
    assert len(stopped.asked) == 1


def test_samplers_are_named(root: Path) -> None:
    code = script(
        "pass", before="from modules import sd_samplers\nassert 'Euler a' in [x.name for x in sd_samplers.samplers]"
    )
    put_a1111(root, "naming", scripts__main=code)
    assert taken_in(root, "naming").names == ("naming",)


OLD_GRADIO = """
import gradio as gr
from modules import scripts

class Row(gr.Row):
    pass

class Old(scripts.Script):
    def title(self): return "Old"

    def ui(self, is_img2img):
        with gr.Box():
            with Row():
                words = gr.Textbox(label="Words", value="x").style(container=False)
                button = gr.Button("Swap", variant="tool")
        picture = gr.Image(label="Picture", source="upload", tool="editor")
        turned = lambda text: gr.Textbox.update(value=text[::-1])
        button.click(fn=turned, _js="(x) => x", inputs=[words], outputs=[words])
        assert isinstance(words, gr.Textbox) and not isinstance(button, gr.Textbox)
        return [words, picture]

    def run(self, p, words, picture):
        assert picture is None
        p.prompt = words
"""


def test_a_form_in_the_gradio_of_that_time(root: Path) -> None:
    put_a1111(root, "old", scripts__main=OLD_GRADIO)
    plugins = taken_in(root, "old")
    assert plugins.failures == ()
    painter = run(script_of(plugins, "Old"), words(), words="a cup")
    assert [one.prompt for one in painter.asked] == ["a cup"]


def test_what_it_draws_follows_from_the_seed(root: Path) -> None:
    code = script("p.prompt = str(random.random()); return processing.process_images(p)", before="import random")
    put_a1111(root, "drawing", scripts__main=code)
    made = script_of(taken_in(root, "drawing"), "Made")
    first, again, other = (run(made, words(seed=seed)).asked[0].prompt for seed in (1, 1, 2))
    assert first == again != other


def test_a_run_finds_nothing_of_the_last_one(root: Path) -> None:
    behind = (
        "self.seen = getattr(self, 'seen', 0) + 1; script_callbacks.on_before_image_saved(lambda params: 1 / 0); "
        "p.prompt += f' {self.seen}'"
    )
    put_a1111(root, "made", scripts__made=script(behind, before="from modules import script_callbacks"))
    plugins = taken_in(root, "made")
    found = script_of(plugins, "Made")
    for _ in range(2):
        assert [one.prompt for one in run(found, words()).asked] == ["a red house 1"]
    assert called(plugins, "before_saving", context=saving()) is None
