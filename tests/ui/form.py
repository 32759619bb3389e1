"""A form with a component for each field of a request, as small as it can be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import gradio as gr

from modules.schema.requests import REQUESTS, Task
from modules.ui.binding import RequestFields
from modules.ui.request_controls import COMPOSED

Laid = TypeVar("Laid")


def laid_out(lay_out: Callable[[], Laid]) -> Laid:
    """What is laid out on a page; outside of a running loop gradio would make one for each page and close none."""

    async def build() -> Laid:
        with gr.Blocks(analytics_enabled=False):
            return lay_out()

    return asyncio.run(build())


def build_form(task: Task = "txt2img") -> RequestFields:
    """One text box for each field: binding looks at names, never at kinds."""
    names = REQUESTS[task].model_fields.keys() - COMPOSED
    return RequestFields(task, {name: gr.Textbox(label=name) for name in names})


def values_of(form: RequestFields, **given: Any) -> dict[Any, Any]:
    """What gradio hands to a handler: a value for each component, None where nothing was given."""
    return {component: given.get(name) for name, component in form.by_name().items()}
