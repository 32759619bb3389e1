"""Layout of the PNG Info tab: a picture is dropped, its parameters are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from modules.ui.notices import lay_out_notice
from modules.ui.picture_panel import SENDING

_HINT = """
<div class="empty">
  <strong>How was this picture made?</strong>
  <span>Drop a picture of this or another program: what it says of itself is listed here.</span>
</div>
"""


@dataclass(frozen=True)
class PngInfoTab:
    """Everything on the tab that is wired."""

    tab: gr.Tab
    file: gr.File
    picture: gr.Image
    hint: gr.HTML
    notice: gr.HTML
    prompt: gr.Textbox
    negative_prompt: gr.Textbox
    parameters: gr.Dataframe
    not_honoured: gr.Textbox
    infotext: gr.Textbox
    send: gr.Button
    sending: dict[str, gr.Button]
    """Carry the picture itself to another tab."""
    tools: gr.Row

    def results(self) -> list[Any]:
        """What is shown of a picture that was read."""
        return [
            self.picture,
            self.hint,
            self.prompt,
            self.negative_prompt,
            self.parameters,
            self.not_honoured,
            self.infotext,
            self.send,
            self.tools,
        ]


def lay_out_png_info() -> PngInfoTab:
    """The tab, waiting for a picture."""
    with gr.Tab("PNG Info", id="png-info", elem_id="png-info-tab") as tab, gr.Row():
        with gr.Column(scale=4, min_width=320):
            # A File and not an Image: it hands over the very bytes that were dropped, text and all.
            file = gr.File(label="Picture", show_label=False, height=190, elem_id="dropped-file")
            notice = lay_out_notice()
            picture = gr.Image(
                type="filepath",
                interactive=False,
                show_label=False,
                container=False,
                visible=False,
                buttons=["fullscreen"],
                elem_id="dropped-picture",
                elem_classes=["large-picture"],
            )
        with gr.Column(scale=5, min_width=320):
            hint = gr.HTML(_HINT, elem_id="png-info-hint")
            send = gr.Button("Send to txt2img", variant="primary", visible=False, elem_id="send-to-txt2img")
            with gr.Row(visible=False, elem_classes=["tool-row"], elem_id="info-tools") as tools:
                gr.HTML("<span>Send the picture to</span>", elem_classes=["tool-title"])
                sending = {
                    place: gr.Button(
                        label, size="sm", scale=0, min_width=36, elem_id=f"info-to-{place}", elem_classes=["chip"]
                    )
                    for place, label in SENDING.items()
                }
            prompt = _text("Prompt", "info-prompt", lines=2)
            negative_prompt = _text("Negative prompt", "info-negative-prompt", lines=1)
            parameters = gr.Dataframe(
                headers=["Parameter", "Value"],
                datatype="str",
                type="array",
                interactive=False,
                wrap=True,
                show_label=False,
                buttons=[],
                visible=False,
                elem_id="info-parameters",
            )
            not_honoured = _text("Not understood by this version, and left out", "info-not-honoured", lines=1)
            infotext = _text("As written in the file", "info-text", lines=3)
    return PngInfoTab(
        tab,
        file,
        picture,
        hint,
        notice,
        prompt,
        negative_prompt,
        parameters,
        not_honoured,
        infotext,
        send,
        sending,
        tools,
    )


def _text(label: str, name: str, *, lines: int) -> gr.Textbox:
    return gr.Textbox(
        label=label, lines=lines, max_lines=12, interactive=False, visible=False, buttons=["copy"], elem_id=name
    )
