"""Layout of the Extras tab: finished pictures enlarged, their faces restored, cut up and mirrored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.hooks import Available, PostprocessingStep
from modules.ui.controls import lay_out_line, lay_out_one_of
from modules.ui.extras_controls import PLACE, lay_out_fields
from modules.ui.file_choice import FILE_TYPES, FileChoice, lay_out_file_choice
from modules.ui.job_panel import lay_out_jobs
from modules.ui.notices import lay_out_remark
from modules.ui.picture_panel import PicturePanel
from modules.ui.request_controls import element_id
from modules.ui.section_panel import SectionPanel, lay_out_sections

SINGLE, SEVERAL, DIRECTORY = SOURCES = ("Single image", "Batch", "From directory")
"""Where the pictures come from, by A1111's names."""
BY_FACTOR = ("upscaling_resize", "max_side_length")
TO_SIZE = ("upscaling_resize_w", "upscaling_resize_h", "upscaling_crop")
FACES = ("gfpgan_visibility", "codeformer_visibility", "codeformer_weight", "upscale_first", "accept_noncommercial")
PIECES = ("crop_width", "crop_height")
SPLIT = ("split_threshold", "overlap_ratio")
AUTO_SIZED = ("min_side", "max_side", "min_area", "max_area", "crop_objective", "crop_threshold")
_ACCORDIONS = {
    "faces": ("Face restoration", FACES),
    "split": ("Split and focal point crop", ("split_oversized", "focal_crop", *PIECES, *SPLIT)),
    "auto-sized": ("Auto-sized crop", ("auto_sized_crop", *AUTO_SIZED)),
    "flips": ("Flipped copies", ("flipped_copies",)),
}
"""What is closed at first."""
_LICENCES = (
    "GFPGAN and CodeFormer are networks of others, and do not come with Atelier: put their files into models/GFPGAN "
    "and models/Codeformer. CodeFormer's licence (S-Lab License 1.0), like that of some upscalers, forbids commercial "
    "use: such networks run only where you accept that below."
)


@dataclass(frozen=True)
class ExtrasTab:
    """Everything on the tab that is wired; `form` holds the request's fields but its pictures."""

    tab: gr.Tab
    form: dict[str, Component]
    accordions: dict[str, list[str]]
    """Element id and fields of everything that is closed at first."""
    sections: SectionPanel
    """The steps of extensions."""
    mode: gr.Radio
    file: gr.File
    source: gr.Textbox
    """Id of the single input picture; empty without one."""
    picture: gr.Image
    told: gr.HTML
    remove: gr.Button
    files: FileChoice
    subfolder: gr.Textbox
    queued: gr.HTML
    generate: gr.Button
    interrupt: gr.Button
    skip: gr.Button
    notice: gr.HTML
    status: gr.HTML
    result: PicturePanel
    task: str = PLACE

    def remembered(self) -> dict[str, Component]:
        """Every component whose value outlives a reload, by name; files that were sent do not."""
        kept = {"mode": self.mode, "source": self.source, "folder": self.files.folder, "subfolder": self.subfolder}
        return {**self.form, **self.sections.remembered(), **kept}

    def asked(self) -> list[Component]:
        """All of them."""
        return list(self.remembered().values())

    def shown_source(self) -> set[Component]:
        """What changes with the single input picture."""
        return {self.file, self.source, self.picture, self.told, self.remove}


def lay_out_extras(
    upscalers: Sequence[str], steps: Sequence[PostprocessingStep] = (), available: Available | None = None
) -> ExtrasTab:
    """The tab; `upscalers` are the names of those that are there when the page is built, `available` what the steps of
    extensions may choose from."""
    with (
        gr.Tab("Extras", id=PLACE, elem_id="extras-tab") as tab,
        gr.Row(elem_id=element_id("work", PLACE), elem_classes=["work"]),
    ):
        with gr.Column(scale=5, min_width=320, elem_classes=["left"]):
            with gr.Column(elem_classes=["prompts"]):
                source = _lay_out_source()
            with gr.Column(elem_id=element_id("settings", PLACE), elem_classes=["settings"]):
                form = _lay_out_upscaling(upscalers)
                rows = _lay_out_accordions(upscalers)
                with gr.Column(elem_classes=["accordions"]):
                    sections = lay_out_sections(PLACE, steps, available or Available(task="txt2img"))
        jobs = lay_out_jobs(PLACE)
    form |= {name: field for row in rows.values() for name, field in row.items()}
    accordions = {place: [*row] for place, row in rows.items()} | sections.accordions()
    return ExtrasTab(tab=tab, form=form, sections=sections, accordions=accordions, **source, **jobs)


def _lay_out_source() -> dict[str, Any]:
    with gr.Column(elem_id=element_id("sources", PLACE), elem_classes=["sources", "chosen-origin"]):
        mode = lay_out_one_of(
            element_id("source-mode", PLACE), list(SOURCES), SINGLE, label="Pictures", classes=["source-mode"]
        )
        with gr.Column(elem_classes=["from-single"]):
            source = _lay_out_single()
        files = lay_out_file_choice(PLACE, label="Pictures", folder_label="Folder of the pictures")
        with gr.Column(elem_classes=["to-folder"]):
            subfolder = lay_out_line(
                element_id("subfolder", PLACE),
                label="Save to the folder",
                value="",
                placeholder="That of the day",
                info="Below outputs/extras-images; results are called like their pictures",
            )
        queued = lay_out_remark(element_id("queued", PLACE))
    return {**source, "mode": mode, "files": files, "subfolder": subfolder, "queued": queued}


def _lay_out_single() -> dict[str, Component]:
    # A File and not an Image: it hands over the very bytes that were dropped, text and all.
    file = gr.File(label="Picture", file_types=FILE_TYPES, height=130, elem_id=element_id("file", PLACE))
    source = gr.Textbox(visible="hidden", elem_id=element_id("source", PLACE))
    picture = gr.Image(
        type="filepath",
        interactive=False,
        show_label=False,
        container=False,
        visible=False,
        buttons=["fullscreen"],
        elem_id=element_id("source-picture", PLACE),
        elem_classes=["large-picture", "source-picture"],
    )
    with gr.Row(elem_classes=["tool-row", "source-line"]):
        told = lay_out_remark(element_id("source-size", PLACE))
        remove = gr.Button(
            "Remove",
            size="sm",
            scale=0,
            min_width=36,
            visible=False,
            elem_id=element_id("remove", PLACE),
            elem_classes=["chip"],
        )
    return {"file": file, "source": source, "picture": picture, "told": told, "remove": remove}


def _lay_out_upscaling(upscalers: Sequence[str]) -> dict[str, Component]:
    form: dict[str, Component] = {}
    with gr.Column(elem_id=element_id("upscaling", PLACE), elem_classes=["upscaling"]):
        for name, fields in (
            ("upscaler", ("upscaler_1",)),
            ("resize-mode-row", ("resize_mode",)),
            ("by-factor", BY_FACTOR),
            ("to-size", TO_SIZE),
            ("second-upscaler", ("upscaler_2", "extras_upscaler_2_visibility")),
        ):
            with gr.Row(elem_classes=["fields", name]):
                form |= lay_out_fields(fields, upscalers)
    return form


def _lay_out_accordions(upscalers: Sequence[str]) -> dict[str, dict[str, Component]]:
    """The fields by the element ids of their accordions."""
    rows = {}
    with gr.Column(elem_classes=["accordions"]):
        for name, (title, fields) in _ACCORDIONS.items():
            place = element_id(f"{name}-fields", PLACE)
            with gr.Accordion(title, open=False, elem_id=place):
                if name == "faces":
                    lay_out_remark(element_id("licences", PLACE), text=_LICENCES)
                with gr.Row(elem_classes=["fields"]):
                    rows[place] = lay_out_fields(fields, upscalers)
    return rows
