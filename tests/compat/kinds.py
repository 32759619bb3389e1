"""Small extensions in the style of the kinds that A1111's users install most, each written for these tests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

_VISIBLE = """
import gradio as gr
from modules import scripts, shared, script_callbacks, images, processing

class Made(scripts.Script):
    def title(self):
        return "{title}"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

"""

PROMPT_RANDOMISER = (
    "import random\nfrom pathlib import Path\n"
    + _VISIBLE.replace("{title}", "Word draw")
    + """
    def ui(self, is_img2img):
        with gr.Accordion("Word draw", open=False):
            enabled = gr.Checkbox(label="Draw words", value=True)
            mark = gr.Dropdown(["{{", "@@"], value="@@", label="Mark")
        self.infotext_fields = [(enabled, "Word draw enabled")]
        return [enabled, mark]

    def process(self, p, enabled, mark):
        if not enabled:
            return
        words = (Path(scripts.basedir()) / "words.txt").read_text().split()
        for place, (prompt, seed) in enumerate(zip(p.all_prompts, p.all_seeds)):
            p.all_prompts[place] = prompt.replace(mark, random.Random(seed).choice(words))
"""
)

ASPECT_RATIO = (
    _VISIBLE.replace("{title}", "Ratios")
    + """
    def ui(self, is_img2img):
        with gr.Row():
            ratio = gr.Radio(["1:1", "2:1"], value="2:1", label="Ratio")
            button = gr.Button("Apply")
        return [ratio]

    def process(self, p, ratio):
        across, down = map(int, ratio.split(":"))
        p.width = p.height * across // down
"""
)

IMAGE_SAVER = """
import os
import shutil
from modules import script_callbacks, shared

def on_ui_settings():
    section = ("keeper", "Keeper")
    shared.opts.add_option("keeper_folder", shared.OptionInfo("", "Folder of the copies", section=section))
    shared.opts.add_option("keeper_pattern", shared.OptionInfo("{seed}-{prompt}", "Names", section=section))

def on_image_saved(params):
    if not shared.opts.keeper_folder:
        return
    name = shared.opts.keeper_pattern.format(seed=params.p.seed, prompt=params.p.prompt.replace(" ", "_"))
    os.makedirs(shared.opts.keeper_folder, exist_ok=True)
    ending = os.path.splitext(params.filename)[1]
    shutil.copyfile(params.filename, os.path.join(shared.opts.keeper_folder, name + ending))

script_callbacks.on_ui_settings(on_ui_settings)
script_callbacks.on_image_saved(on_image_saved)
"""

WATERMARK = (
    "from PIL import ImageDraw\n"
    + _VISIBLE.replace("{title}", "Corner mark")
    + """
    def ui(self, is_img2img):
        size = gr.Slider(minimum=1, maximum=32, step=1, value=8, label="Side")
        colour = gr.ColorPicker(value="#ff00ff", label="Colour")
        return [size, colour]

    def postprocess_image(self, p, pp, size, colour):
        ImageDraw.Draw(pp.image).rectangle((0, 0, size - 1, size - 1), fill=colour)
"""
)

BATCH_LIST = """
import gradio as gr
from modules import scripts
from modules.processing import Processed, process_images
from modules.shared import state

class Made(scripts.Script):
    def title(self):
        return "Prompt list"

    def ui(self, is_img2img):
        return [gr.Textbox(label="Prompts", lines=5, value="")]

    def run(self, p, text):
        lines = [line for line in text.splitlines() if line.strip()]
        state.job_count = len(lines)
        made = []
        for number, line in enumerate(lines, 1):
            state.job = f"{number} of {len(lines)}"
            p.prompt = line
            p.extra_generation_params["Line"] = number
            made += process_images(p).images
        return Processed(p, made, p.seed, "")
"""

SETTINGS = """
import gradio as gr
from modules import script_callbacks, shared
from modules.shared import OptionInfo, opts

def on_ui_settings():
    section = ("darker", "Darker")
    add = shared.opts.add_option
    add("darker_on", OptionInfo(False, "Save darker pictures", gr.Checkbox, section=section))
    add("darker_by", OptionInfo(2, "By", gr.Slider, {"minimum": 1, "maximum": 8, "step": 1}, section=section))

def darken(params):
    if opts.darker_on:
        params.image = params.image.point(lambda value: value // opts.darker_by)

script_callbacks.on_ui_settings(on_ui_settings)
script_callbacks.on_before_image_saved(darken)
"""

INFOTEXT = (
    _VISIBLE.replace("{title}", "Notes")
    + """
    def ui(self, is_img2img):
        note = gr.Textbox(label="Note")
        stars = gr.Number(label="Stars", value=0, precision=0)
        self.infotext_fields = [(note, "Note of picture"), (stars, "Stars of picture")]
        self.paste_field_names = ["Note of picture", "Stars of picture"]
        return [note, stars]

    def process(self, p, note, stars):
        p.extra_generation_params["Note of picture"] = note
        p.extra_generation_params["Stars of picture"] = stars
        p.extra_generation_params["Length"] = len(p.all_prompts[0])
"""
)

THEME = {
    "style.css": "body { --mark-of-theme: 3px; }",
    "javascript/theme.js": (
        "onUiLoaded(() => { gradioApp().querySelector('body').dataset.theme = 'dusk'; });\n"
        "let updates = 0;\nonUiUpdate(() => { document.body.dataset.updates = ++updates; });\n"
    ),
}

LOCALISATION = {"localizations/de_DE.json": json.dumps({"Word draw": "Wörter ziehen"})}

CFG_RESCALE = (
    _VISIBLE.replace("{title}", "Guidance rescale")
    + """
    def __init__(self):
        self.amount = 0.0
        self.positive = None
        script_callbacks.on_cfg_denoised(self.on_cfg_denoised)
        script_callbacks.on_cfg_after_cfg(self.on_cfg_after_cfg)
        script_callbacks.on_cfg_denoiser(self.on_cfg_denoiser)

    def ui(self, is_img2img):
        amount = gr.Slider(minimum=0, maximum=1, step=0.05, value=0.7, label="Amount")
        self.infotext_fields = [(amount, "Guidance rescale amount")]
        return [amount]

    def process_batch(self, p, amount, batch_number, prompts, seeds, subseeds):
        self.amount = amount

    def on_cfg_denoiser(self, params):
        assert params.x.shape[0] == params.sigma.shape[0] and params.sampling_step < params.total_sampling_steps

    def on_cfg_denoised(self, params):
        self.positive = params.x[: params.x.shape[0] // 2]

    def on_cfg_after_cfg(self, params):
        axes = tuple(range(1, params.x.ndim))
        factor = self.positive.std(axes, keepdim=True) / params.x.std(axes, keepdim=True)
        params.x = params.x * (self.amount * factor + 1 - self.amount)
"""
)

TAB = """
import gradio as gr
from modules import script_callbacks

class Tool(gr.Button):
    def __init__(self, **words):
        super().__init__(variant="tool", **words)

def turn(text):
    return text[::-1]

def empty_both():
    return gr.Textbox.update(value=""), gr.update(value="")

def greet():
    return "Nothing turned yet"

def on_ui_tabs():
    with gr.Blocks(analytics_enabled=False) as tab:
        with gr.Row().style(equal_height=True):
            text = gr.Textbox(label="Text to turn")
            turned = gr.Textbox(label="Turned text")
        button = gr.Button("Turn", elem_id="turner_turn")
        button.click(fn=turn, _js="(text) => text.trim()", inputs=[text], outputs=[turned])
        Tool(value="Clear").click(fn=empty_both, inputs=[], outputs=[text, turned])
        tab.load(fn=greet, inputs=[], outputs=[turned])
    return [(tab, "Turner", "turner")]

script_callbacks.on_ui_tabs(on_ui_tabs)
"""

KINDS: Mapping[str, Mapping[str, str]] = {
    "word-draw": {"scripts/draw.py": PROMPT_RANDOMISER, "words.txt": "red green blue"},
    "ratios": {"scripts/ratios.py": ASPECT_RATIO},
    "keeper": {"scripts/keeper.py": IMAGE_SAVER},
    "corner-mark": {"scripts/mark.py": WATERMARK},
    "prompt-list": {"scripts/listed.py": BATCH_LIST},
    "darker": {"scripts/darker.py": SETTINGS},
    "notes": {"scripts/notes.py": INFOTEXT},
    "dusk": THEME,
    "german": LOCALISATION,
    "rescale": {"scripts/rescale.py": CFG_RESCALE},
    "turner": {"scripts/turner.py": TAB},
}
"""The files of each, by its name."""


def put_kinds(root: Path) -> None:
    """A folder of each."""
    for name, files in KINDS.items():
        for path, text in files.items():
            (root / name / path).parent.mkdir(parents=True, exist_ok=True)
            (root / name / path).write_text(text, "utf-8")
