"""One picture, large, with what can be done with it and the text of its parameters; every tab with pictures has one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.schema.pictures import Picture
from modules.ui.notices import lay_out_remark

SENDING = {"img2img": "img2img", "inpaint": "Inpaint", "extras": "Extras"}
"""Where a picture can be sent, and what the buttons are called."""
REMIXES = {
    "Make": {"upscale": "Upscale 2x", "vary-subtle": "Vary (subtle)", "vary-strong": "Vary (strong)"},
    "Extend": {
        "zoom-out-1-5": "Zoom out 1.5x",
        "zoom-out-2": "Zoom out 2x",
        "pan-left": "← left",
        "pan-right": "right →",
        "pan-up": "↑ up",
        "pan-down": "↓ down",
    },
}
"""What one click on a finished picture queues, row by row."""


@dataclass(frozen=True)
class PicturePanel:
    """The picture's file and id, its parameters as text, and what can be done with them."""

    picture: gr.Image
    chosen: gr.Textbox
    """Id of the picture that is shown; empty without one."""
    tools: gr.Column
    remixing: gr.Column
    sending: dict[str, gr.Button]
    remixes: dict[str, gr.Button]
    remark: gr.HTML
    parameters: gr.Textbox
    send: gr.Button

    def components(self) -> list[Component]:
        """Everything that changes with the picture."""
        return [self.picture, self.chosen, self.tools, self.remixing, self.remark, self.parameters, self.send]

    def showing(self, file: Path | None, picture: Picture | None) -> dict[Component, Any]:
        """Show a picture; None hides the panel."""
        there = file is not None and picture is not None
        infotext = picture.infotext if picture is not None else ""
        return {
            self.picture: gr.Image(value=str(file) if there else None, visible=there),
            self.chosen: str(picture.id) if picture is not None else "",
            self.tools: gr.Column(visible=there),
            self.remixing: gr.Column(visible=there and bool(infotext)),
            self.remark: "",
            self.parameters: gr.Textbox(value=infotext, visible=there),
            self.send: gr.Button(visible=there and bool(infotext)),
        }


def lay_out_picture(name: str, *, send_label: str, between: Component | None = None) -> PicturePanel:
    """An empty panel; `name` starts the ids of its parts, `between` is put below the picture."""
    picture = gr.Image(
        type="filepath",
        interactive=False,
        show_label=False,
        container=False,
        visible=False,
        buttons=["download", "fullscreen"],
        elem_id=f"{name}-picture",
        elem_classes=["large-picture"],
    )
    if between is not None:
        between.render()
    chosen = gr.Textbox(visible="hidden", elem_id=f"{name}-chosen")
    with gr.Column(visible=False, elem_classes=["picture-tools"], elem_id=f"{name}-tools") as tools:
        sending = _lay_out_row("Send to", SENDING, f"{name}-to")
        with gr.Column(elem_classes=["remixing"]) as remixing:
            rows = [_lay_out_row(title, row, name) for title, row in REMIXES.items()]
        remixes = {key: button for row in rows for key, button in row.items()}
        remark = lay_out_remark(f"{name}-remark")
    parameters = gr.Textbox(
        label="Parameters of this picture",
        lines=2,
        max_lines=12,
        interactive=False,
        visible=False,
        buttons=["copy"],
        elem_id=f"{name}-parameters",
        elem_classes=["parameters"],
    )
    send = gr.Button(send_label, visible=False, size="md", elem_id=f"{name}-send")
    return PicturePanel(picture, chosen, tools, remixing, sending, remixes, remark, parameters, send)


def _lay_out_row(title: str, labels: Mapping[str, str], name: str) -> dict[str, gr.Button]:
    with gr.Row(elem_classes=["tool-row"]):
        gr.HTML(f"<span>{title}</span>", elem_classes=["tool-title"])
        return {
            key: gr.Button(label, size="sm", scale=0, min_width=36, elem_id=f"{name}-{key}", elem_classes=["chip"])
            for key, label in labels.items()
        }
