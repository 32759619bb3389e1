"""Layout of a batch on the tab img2img: many pictures through one form."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr
from gradio.components import Component

from modules.schema.refusals import LABELS
from modules.services.batches import TAKEN_FIELDS
from modules.ui.controls import lay_out_line, lay_out_one_of, lay_out_ticks
from modules.ui.file_choice import FileChoice, lay_out_file_choice
from modules.ui.notices import lay_out_remark

UPLOADED, DIRECTORY = ORIGINS = ("Upload", "From directory")
"""Where the pictures come from, by A1111's names."""
_PLACE = "img2img-batch"


@dataclass(frozen=True)
class BatchPanel:
    """What the pictures and their masks are, and what is taken from each picture's own parameters."""

    origin: gr.Radio
    files: FileChoice
    masks: FileChoice
    take: gr.CheckboxGroup
    subfolder: gr.Textbox
    queued: gr.HTML

    def remembered(self) -> dict[str, Component]:
        """What outlives a reload, under names that no field of a request has; files that were sent do not."""
        return {
            "batch_origin": self.origin,
            "batch_folder": self.files.folder,
            "batch_mask_folder": self.masks.folder,
            "batch_take": self.take,
            "batch_subfolder": self.subfolder,
        }

    def uploads(self) -> set[Component]:
        """What was sent by the browser."""
        return {self.files.files, self.masks.files}


def lay_out_batch() -> BatchPanel:
    """The panel, without a picture."""
    with gr.Column(elem_id=_PLACE, elem_classes=["batch", "chosen-origin"]):
        origin = lay_out_one_of(f"{_PLACE}-origin", list(ORIGINS), UPLOADED, label="Pictures", classes=["origin"])
        files = lay_out_file_choice(_PLACE, label="Pictures", folder_label="Folder of the pictures")
        masks = lay_out_file_choice(
            f"{_PLACE}-mask",
            label="Masks (optional)",
            folder_label="Folder of the masks (optional)",
            height=130,
        )
        lay_out_remark(f"{_PLACE}-masks-help", text="One mask for all pictures, or one of the same name for each.")
        take = lay_out_ticks(
            f"{_PLACE}-take",
            [(LABELS[name], name) for name in TAKEN_FIELDS],
            label="Taken from the parameters in each picture",
            info="Prompts are put behind those above; all else takes the place of what is set below",
        )
        subfolder = lay_out_line(
            f"{_PLACE}-subfolder",
            label="Save to the folder",
            value="",
            placeholder="That of the day",
            info="Below outputs/img2img-images; results are called like their pictures",
        )
        queued = lay_out_remark(f"{_PLACE}-queued")
    return BatchPanel(origin, files, masks, take, subfolder, queued)
