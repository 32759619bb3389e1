"""Layout of the finished picture that takes the place of the first pass."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr
from gradio.components import Component

from modules.config.request_words import REQUEST_WORDS
from modules.ui.file_choice import FILE_TYPES
from modules.ui.notices import lay_out_remark

FIELD = "firstpass_image"
_PLACE = "firstpass"


@dataclass(frozen=True)
class FirstPass:
    """Where it is chosen, shown and removed; `source`, a field of the form, holds its id, empty without one."""

    source: gr.Textbox
    file: gr.File
    picture: gr.Image
    remove: gr.Button

    def components(self) -> set[Component]:
        """Everything that changes with the picture."""
        return {self.source, self.file, self.picture, self.remove}


def lay_out_first_pass() -> FirstPass:
    """Without a picture."""
    source = gr.Textbox("", visible="hidden", elem_id="firstpass-image")
    file = gr.File(
        label=f"{REQUEST_WORDS[FIELD].label} (optional)",
        file_types=FILE_TYPES,
        height=110,
        elem_id=f"{_PLACE}-file",
    )
    picture = gr.Image(
        type="filepath",
        interactive=False,
        show_label=False,
        container=False,
        visible=False,
        buttons=["fullscreen"],
        elem_id=f"{_PLACE}-picture",
        elem_classes=["large-picture", "source-picture"],
    )
    with gr.Row(elem_classes=["tool-row", "source-line"]):
        lay_out_remark(f"{_PLACE}-help", text="This picture takes the place of the first pass.")
        remove = gr.Button(
            "Remove",
            size="sm",
            scale=0,
            min_width=36,
            visible=False,
            elem_id=f"{_PLACE}-remove",
            elem_classes=["chip"],
        )
    return FirstPass(source, file, picture, remove)
