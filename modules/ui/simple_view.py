"""What the simple view has in the place of sliders: steps in three words, and a seed that is kept.

Which view is seen is a matter of the page's style (forms.css, simple_view.js); both show the same controls.
"""

from __future__ import annotations

import gradio as gr

from modules.schema.requests import Task
from modules.ui.assets import asset
from modules.ui.request_controls import element_id


def lay_out_quality(task: Task) -> gr.HTML:
    """Three words for how many steps there are, compared with what the checkpoint recommends."""
    return _lay_out_part("simple-tools", "simple_tools.js", task)


def lay_out_seed_lock(task: Task) -> gr.HTML:
    """Whether the next pictures begin with the same seed."""
    return _lay_out_part("seed-lock", "seed_lock.js", task)


def _lay_out_part(name: str, script: str, task: Task) -> gr.HTML:
    return gr.HTML(
        value={"task": task},
        html_template=f'<div class="{name}"></div>',
        js_on_load=asset(script),
        elem_id=element_id(name, task),
        elem_classes=[f"{name}-box", "bare"],
    )
