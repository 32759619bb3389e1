"""One picture, large, with the text of its parameters below; both tabs that show pictures use it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component


@dataclass(frozen=True)
class PicturePanel:
    """The picture's file, its parameters as text, and what can be done with them."""

    picture: gr.Image
    parameters: gr.Textbox
    send: gr.Button

    def components(self) -> list[Component]:
        """Everything that changes with the picture."""
        return [self.picture, self.parameters, self.send]

    def showing(self, file: Path | None, infotext: str) -> dict[Component, Any]:
        """Show a picture; None hides the panel."""
        there = file is not None
        return {
            self.picture: gr.Image(value=str(file) if there else None, visible=there),
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
    return PicturePanel(picture, parameters, send)
