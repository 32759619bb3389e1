"""Layout of the panel that shows how a request becomes a picture; look_inside.js does all of its work."""

from __future__ import annotations

import json

import gradio as gr

from modules.schema.hires_fields import HiresFields
from modules.schema.requests import Request, Task
from modules.ui.request_controls import SWITCHED, element_id

_NOT_EXPLAINED = {"batch_count", "batch_size", "script_name", "script_args", "sections"}
_OF_IMAGES = ("denoising_strength", "img2img_fix_steps")
"""What a schedule follows from of the fields that begin with a picture."""


def lay_out_look_inside(task: Task) -> gr.HTML:
    """The panel, closed; it knows the form by what memory.js reads of it."""
    fields = explained_fields(task)
    switched = {name: sorted(others & {*fields}) for name, others in SWITCHED.items() if name in fields}
    settings = json.dumps({"task": task, "fields": fields, "switched": switched})
    return gr.HTML(
        html_template='<div class="look-inside"></div>',
        js_on_load=f"window.atelier.lookInside(element, {settings});",
        elem_id=element_id("look-inside", task),
        elem_classes=["look-inside-box"],
    )


def explained_fields(task: Task) -> list[str]:
    """The fields of a request that noise levels and words follow from."""
    more = HiresFields.model_fields if task == "txt2img" else _OF_IMAGES
    return sorted({*Request.model_fields, *more} - _NOT_EXPLAINED)
