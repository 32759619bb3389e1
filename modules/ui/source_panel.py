"""Layout of what a picture begins with: one or several pictures, and what is painted over the first of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.imaging.reading import MAX_FILE_BYTES
from modules.schema.requests import Task
from modules.ui.assets import asset
from modules.ui.batch_panel import BatchPanel, lay_out_batch
from modules.ui.controls import lay_out_one_of
from modules.ui.file_choice import FILE_TYPES
from modules.ui.request_controls import element_id

TASK: Task = "img2img"
PLAIN, SKETCH, INPAINT, INPAINT_SKETCH, INPAINT_UPLOAD, BATCH = MODES = (
    "img2img",
    "Sketch",
    "Inpaint",
    "Inpaint sketch",
    "Inpaint upload",
    "Batch",
)
"""What is done with the pictures, by A1111's names."""
WITH_MASK = (INPAINT, INPAINT_SKETCH, INPAINT_UPLOAD)
RESIZE_TO, RESIZE_BY, OWN_SIZE = SIZES = ("Resize to", "Resize by", "Keep its size")
"""Where the size of the result comes from."""


@dataclass(frozen=True)
class SourcePanel:
    """What the pictures are and what is painted; `canvas` holds what `canvas_value` makes, and the layers painted."""

    mode: gr.Radio
    files: gr.File
    canvas: gr.HTML
    mask_file: gr.File
    batch: BatchPanel

    def remembered(self) -> dict[str, Component]:
        """What outlives a reload, under names that no field of a request has."""
        return {"source_mode": self.mode, "source_pictures": self.canvas}


def lay_out_sources() -> SourcePanel:
    """The panel, without a picture."""
    with gr.Column(elem_id="img2img-sources", elem_classes=["sources"]):
        mode = lay_out_one_of(
            element_id("source-mode", TASK), list(MODES), PLAIN, label="What is done with it", classes=["source-mode"]
        )
        files = gr.File(
            label=f"Pictures to begin with (up to {MAX_FILE_BYTES // 2**20} MB each)",
            file_count="multiple",
            file_types=FILE_TYPES,
            height=190,
            elem_id=element_id("files", TASK),
            elem_classes=["source-files"],
        )
        canvas = gr.HTML(
            value=canvas_value([]),
            html_template=asset("canvas.html"),
            js_on_load=asset("canvas.js"),
            elem_id=element_id("canvas", TASK),
            elem_classes=["canvas-box"],
        )
        mask_file = gr.File(
            label="Mask: white where the picture is painted anew",
            file_types=FILE_TYPES,
            height=130,
            elem_id=element_id("mask-file", TASK),
            elem_classes=["source-mask"],
        )
        batch = lay_out_batch()
    return SourcePanel(mode, files, canvas, mask_file, batch)


def canvas_value(pictures: list[dict[str, Any]], mask_picture: dict[str, Any] | None = None) -> dict[str, Any]:
    """What the canvas shows; each picture has id, url, width and height. The layers are put in by the browser."""
    return {"pictures": pictures, "mask_picture": mask_picture, "mask": "", "colours": ""}
