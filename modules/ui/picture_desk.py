"""The invisible place through which scripts of the page hand pictures to its forms and its queue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

SENDING = {"txt2img": "txt2img", "img2img": "img2img", "inpaint": "Inpaint", "extras": "Extras"}
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
REMIX_LABELS = {key: label for row in REMIXES.values() for key, label in row.items()}


@dataclass(frozen=True)
class PictureDesk:
    """`select` asks for a form to be filled, `submit` for a job to be queued."""

    desk: gr.HTML
    """Its value is what is told: a refusal as text, or a remark."""


def lay_out_desk() -> PictureDesk:
    """The desk; its first value says which buttons a picture has."""
    desk = gr.HTML(
        value={"sending": _rows(SENDING), "remixes": [[title, _rows(row)] for title, row in REMIXES.items()]},
        html_template="<span></span>",
        js_on_load="window.atelier.pictures.mountDesk(props, trigger, watch);",
        elem_id="picture-desk",
    )
    return PictureDesk(desk)


def remark(text: str) -> dict[str, Any]:
    """What the desk shows for a while."""
    return {"remark": text}


def _rows(labels: dict[str, str]) -> list[list[str]]:
    return [[key, label] for key, label in labels.items()]
