"""What a page knows beside what it shows: which jobs are its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import gradio as gr

from modules.schema.requests import REQUESTS
from modules.ui.extras_controls import PLACE

TELL_SIZES = "tell-sizes"


@dataclass(frozen=True)
class PageState:
    """Invisible components that handlers of all tabs read and write."""

    tabs: gr.Tabs
    submitted: gr.Textbox
    """Id of the job that this page queued last."""
    running: gr.Textbox
    """Id of the job that is shown."""
    newest: gr.Textbox
    """Id of the newest picture that there is."""
    how: gr.Textbox
    """How the job is queued that is asked for; written by generate_menu.js."""
    keeping: Mapping[str, gr.Button]
    """By task: pressed by memory.js when a form is to be kept in the browser."""
    putting: Mapping[str, gr.Button]
    """By task: pressed by form.js when a part of the page changes a form."""
    telling: gr.Button
    """Pressed by memory.js when the sizes of a second pass are others."""


def lay_out_state(tabs: gr.Tabs) -> PageState:
    """The state of a page that has queued nothing."""
    names = ("submitted", "running", "newest", "how")
    texts = [gr.Textbox(visible="hidden", elem_id=name) for name in names]
    keeping = {task: _unseen(f"keep-{task}") for task in (*REQUESTS, PLACE)}
    putting = {task: _unseen(f"fill-{task}") for task in REQUESTS}
    return PageState(tabs, *texts, keeping, putting, _unseen(TELL_SIZES))


def _unseen(name: str) -> gr.Button:
    return gr.Button(visible="hidden", elem_id=name, elem_classes=["keep"])
