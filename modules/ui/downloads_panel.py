"""Layout of downloads: well-known models, others by repository or address, and how those under way are getting on."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr
from gradio.components import Component

from modules.ui.assets import asset
from modules.ui.controls import lay_out_choice, lay_out_line
from modules.ui.model_kinds import ONE
from modules.ui.notices import lay_out_notice, lay_out_remark

FOUND_OUT = ""
"""The kind of a file whose header tells it."""
_LICENCES = "Models belong to those who made them: read the licence before you use one, and what it paints."


@dataclass(frozen=True)
class DownloadsPanel:
    """Everything that is wired."""

    fetching: gr.Column
    welcome: gr.HTML
    """Said where there is nothing but the demo model."""
    current: gr.HTML
    """The downloads there are, each with its buttons; painted by downloads.js without any HTML made from it."""
    more: gr.Accordion
    listed: gr.HTML
    source: gr.Textbox
    file: gr.Textbox
    kind: gr.Dropdown
    name: gr.Textbox
    sha256: gr.Textbox
    start: gr.Button
    remark: gr.HTML
    notice: gr.HTML
    under_way: gr.Textbox
    """Whether the page has to look again soon."""
    timer: gr.Timer

    def form(self) -> dict[str, Component]:
        """What a download is asked for with, by the names that its service has."""
        return {"text": self.source, "file": self.file, "kind": self.kind, "name": self.name, "sha256": self.sha256}


def lay_out_downloads() -> DownloadsPanel:
    """The panel, with nothing under way."""
    under_way = gr.Textbox("", visible="hidden", elem_id="downloads-under-way")
    timer = gr.Timer(0.7, active=False)
    welcome = lay_out_remark("models-welcome", "welcome")
    current = _painted("downloads", "downloads-list", [])
    notice = lay_out_notice()
    with (
        gr.Column(elem_classes=["accordions"]) as fetching,
        gr.Accordion("Get models", open=False, elem_id="downloads") as more,
    ):
        listed = _painted("listed_models", "listed-models", [])
        with gr.Column(elem_classes=["from-elsewhere"]):
            source, file, kind, name, sha256 = _lay_out_elsewhere()
            start = gr.Button("Download", variant="primary", size="md", elem_id="download-start")
        remark = lay_out_remark("downloads-remark", text=_LICENCES)
    elsewhere = (source, file, kind, name, sha256)
    return DownloadsPanel(fetching, welcome, current, more, listed, *elsewhere, start, remark, notice, under_way, timer)


def _lay_out_elsewhere() -> tuple[gr.Textbox, gr.Textbox, gr.Dropdown, gr.Textbox, gr.Textbox]:
    source = lay_out_line(
        "download-source",
        label="From Hugging Face or any address",
        value="",
        placeholder="OWNER/NAME, or https://...",
    )
    file = lay_out_line(
        "download-file",
        label="File of the repository",
        value="",
        placeholder="model.safetensors",
        info="Empty with an address",
    )
    with gr.Accordion("Kind, name and checksum", open=False, elem_id="download-more"):
        kind = lay_out_choice(
            "download-kind",
            [("Found out from the file", FOUND_OUT), *((title, name) for name, title in ONE.items())],
            FOUND_OUT,
            label="Kind",
        )
        name = lay_out_line("download-name", label="Name here", value="", placeholder="The file's own")
        sha256 = lay_out_line(
            "download-sha256",
            label="sha256",
            value="",
            placeholder="64 digits",
            info="A file with another one is thrown away; Hugging Face tells it by itself",
        )
    return source, file, kind, name, sha256


def _painted(name: str, place: str, value: list[object]) -> gr.HTML:
    return gr.HTML(
        value=value,
        html_template=asset(f"{name}.html"),
        js_on_load=asset(f"{name}.js"),
        elem_id=place,
        elem_classes=["painted"],
    )
