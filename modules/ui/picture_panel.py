"""The pictures that were made last, one of them large, with what can be done with it; painted by results.js."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr


@dataclass(frozen=True)
class PicturePanel:
    """Where a tab that queues jobs shows pictures."""

    shown: gr.HTML
    """Its value is the number of the picture that is shown large, as text; empty without one."""


def lay_out_pictures(name: str) -> PicturePanel:
    """A panel without a picture; `name` starts the ids of its parts."""
    shown = gr.HTML(
        value="",
        html_template=f'<div class="picture-panel" data-name="{name}" hidden></div>',
        js_on_load="window.atelier.results.mount(element, props);",
        apply_default_css=False,
        elem_id=f"{name}-shown",
        elem_classes=["picture-box"],
    )
    return PicturePanel(shown)
