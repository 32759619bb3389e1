"""Layout of what every tab that queues jobs has: its buttons, how the jobs are getting on, and the pictures."""

from __future__ import annotations

from typing import Any, Protocol

import gradio as gr

from modules.schema.requests import REQUESTS
from modules.ui.look_inside_panel import lay_out_look_inside
from modules.ui.notices import lay_out_notice
from modules.ui.picture_panel import PicturePanel, lay_out_pictures
from modules.ui.request_controls import element_id
from modules.ui.status_panel import lay_out_status

HINTS = {
    "txt2img": "Describe one, or choose an example, and press Generate.",
    "img2img": "Choose one to begin with, describe the result, and press Generate.",
    "extras": "Choose one to enlarge, and press Generate.",
}
"""How the first picture of each tab comes about."""


class JobPanel(Protocol):
    """Where a tab queues jobs and shows them, whoever queued them."""

    @property
    def generate(self) -> gr.Button: ...
    @property
    def interrupt(self) -> gr.Button: ...
    @property
    def skip(self) -> gr.Button: ...
    @property
    def notice(self) -> gr.HTML: ...
    @property
    def status(self) -> gr.HTML: ...
    @property
    def result(self) -> PicturePanel: ...


def lay_out_jobs(task: str) -> dict[str, Any]:
    """The column of buttons and result; its parts by the names that a JobPanel has."""
    with gr.Column(scale=6, min_width=320, elem_classes=["right"]):
        with gr.Column(elem_id=element_id("actions", task), elem_classes=["actions"]):
            parts = _lay_out_actions(task)
        with gr.Column(elem_id=element_id("result", task), elem_classes=["result"]):
            return parts | _lay_out_result(task)


def _lay_out_actions(task: str) -> dict[str, Any]:
    with gr.Row(elem_classes=["buttons"]):
        generate = gr.Button(
            "Generate",
            variant="primary",
            size="lg",
            scale=4,
            min_width=160,
            elem_id=element_id("generate", task),
            elem_classes=["generate"],
        )
        interrupt = _lay_out_stopping("Interrupt", element_id("interrupt", task), "interrupt")
        skip = _lay_out_stopping("Skip", element_id("skip", task), "skip")
    return {"generate": generate, "interrupt": interrupt, "skip": skip, "notice": lay_out_notice()}


def _lay_out_stopping(title: str, name: str, look: str) -> gr.Button:
    return gr.Button(
        title,
        variant="stop",
        size="lg",
        scale=1,
        min_width=90,
        interactive=False,
        elem_id=name,
        elem_classes=["stopping", look],
    )


def _lay_out_result(task: str) -> dict[str, Any]:
    status = lay_out_status(element_id("status", task), HINTS[task])
    result = lay_out_pictures(element_id("result", task))
    for one in REQUESTS:
        if one == task:
            lay_out_look_inside(one)
    return {"status": status, "result": result}
