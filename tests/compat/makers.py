"""Extensions in the style of A1111's, which a test puts into a folder."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from modules.hooks import Plugins, Script, ScriptRegistry
from modules.hooks.extension_code import import_extension, prepare_for
from modules.hooks.extension_folders import extension_folder
from modules.schema.requests import Task

TWO_SIZES = """
import os
import modules.scripts as scripts
import gradio as gr
from modules.processing import process_images, Processed
from PIL import Image
from sizes_of_two import doubled

class Script(scripts.Script):
    def title(self):
        return "Two sizes"

    def show(self, is_img2img):
        return not is_img2img

    def ui(self, is_img2img):
        with gr.Row():
            factor = gr.Slider(minimum=1, maximum=4, step=1, value=2, label="Factor")
            strength = gr.Slider(minimum=0.0, maximum=1.0, step=0.05, value=0.5, label="Strength")
        mark = gr.Checkbox(label="Mark", value=False)
        order = gr.Radio(["small first", "large first"], value="small first", type="index", label="Order")
        words = gr.Textbox(label="Words", lines=2, value="at dusk")
        several = gr.Dropdown(["a", "b", "c"], multiselect=True, value=["a"], label="Several")
        gr.HTML("<p>not asked</p>")
        count = gr.Number(label="Count", value=3, precision=0)
        return [factor, strength, mark, order, words, several, count]

    def run(self, p, factor, strength, mark, order, words, several, count):
        assert os.path.isdir(scripts.basedir())
        assert (type(factor), type(strength), type(order), type(count)) == (int, float, int, int)
        p.prompt = f"{p.prompt}, {words} {''.join(several)} {count}"
        p.do_not_save_samples = not mark
        small = process_images(p)
        p.width, p.height = doubled(p.width, factor), doubled(p.height, factor)
        large = process_images(p)
        p.extra_generation_params["Two sizes strength"] = strength
        pair = [small.images[0].resize(large.images[0].size), large.images[0]]
        pair = pair[::-1] if order == 1 else pair
        sheet = Image.new("RGB", (2 * pair[0].width, pair[0].height))
        for place, image in enumerate(pair):
            sheet.paste(image, (place * image.width, 0))
        return Processed(p, [sheet, *small.images, *large.images], small.seed, small.info)
"""
SIZES = "def doubled(side, factor):\n    return side * factor\n"


def put_a1111(root: Path, name: str, **files: str) -> Path:
    """A folder below `root`; files by their paths, in which __ stands for / and the ending is .py."""
    folder = root / name
    for path, text in files.items():
        file = folder / f"{path.replace('__', '/')}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    return folder


def taken_in(root: Path, *names: str) -> Plugins:
    """Extensions, taken in as a server does with those that are switched on."""
    plugins = Plugins(())
    for name in names:
        prepare_for(extension_folder(root / name))
        plugins.take_in(name, partial(import_extension, extension_folder(root / name)))
    return plugins


def script_of(plugins: Plugins, name: str, task: Task = "txt2img") -> Script:
    """A script that was contributed."""
    return ScriptRegistry(plugins).find(name, task)
