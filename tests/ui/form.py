"""A form with a component for each field of a request, as small as it can be."""

from __future__ import annotations

from typing import Any

import gradio as gr

from modules.schema.requests import Txt2ImgRequest
from modules.ui.binding import RequestFields


def build_form() -> RequestFields:
    """One text box for each field: binding looks at names, never at kinds."""
    return RequestFields({name: gr.Textbox(label=name) for name in Txt2ImgRequest.model_fields})


def values_of(form: RequestFields, **given: Any) -> dict[Any, Any]:
    """What gradio hands to a handler: a value for each component, None where nothing was given."""
    return {component: given.get(name) for name, component in form.by_name().items()}
