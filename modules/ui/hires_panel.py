"""Layout of the second pass: its switch, its fields, and what it will lead to."""

from __future__ import annotations

import gradio as gr
from gradio.components import Component

from modules.ui.assets import asset
from modules.ui.first_pass_panel import FIELD, FirstPass, lay_out_first_pass
from modules.ui.request_controls import RequestControls

OFF = ""


def lay_out_hires(controls: RequestControls) -> tuple[dict[str, Component], FirstPass, gr.HTML]:
    """The accordion; the line tells both sizes in its title, and is empty while it is off."""
    with gr.Accordion("Hires. fix", open=False, elem_id="hires-fields"):
        fields: dict[str, Component] = {}
        with gr.Row(elem_classes=["fields"]):
            fields |= controls.lay_out(["enable_hr"])
        first = ["hr_upscaler", "hr_scale", "hr_second_pass_steps", "denoising_strength"]
        with gr.Row(elem_classes=["fields"]):
            fields |= controls.lay_out(first)
        with gr.Row(elem_classes=["fields"]):
            fields |= controls.lay_out(controls.fields_of("hires", {"enable_hr", FIELD, *first}))
        first_pass = lay_out_first_pass()
    # Not inside: what is in a closed accordion is not there, and cannot write into its title.
    line = gr.HTML(
        value=OFF,
        html_template='<p role="status"></p>',
        js_on_load=asset("title_line.js"),
        elem_classes=["text-box", "spoken"],
        elem_id="hires-sizes",
    )
    return {**fields, FIELD: first_pass.source}, first_pass, line
