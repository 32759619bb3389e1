"""What a page knows beside what it shows: which jobs are its own."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr


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


def lay_out_state(tabs: gr.Tabs) -> PageState:
    """The state of a page that has queued nothing."""
    names = ("submitted", "running", "newest")
    return PageState(tabs, *(gr.Textbox(visible="hidden", elem_id=name) for name in names))
