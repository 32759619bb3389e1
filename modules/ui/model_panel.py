"""Layout of an opened model file: its picture, what is known of it, what can be done with it, and its card."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.schema.requests import REQUESTS
from modules.ui.assets import asset
from modules.ui.controls import (
    lay_out_choice,
    lay_out_line,
    lay_out_number_box,
    lay_out_one_of,
    lay_out_switch,
    lay_out_text,
)
from modules.ui.file_choice import FILE_TYPES
from modules.ui.notices import lay_out_notice, lay_out_remark


@dataclass(frozen=True)
class ModelPanel:
    """Everything about the file that is opened."""

    column: gr.Column
    chosen: gr.Textbox
    """The key of the opened file; empty without one."""
    title: gr.HTML
    close: gr.Button
    picture: gr.Image
    using: gr.Column
    use: gr.Button
    place: gr.Radio
    """The tab whose form it goes to."""
    negative: gr.Checkbox
    remark: gr.HTML
    about: gr.HTML
    words: gr.HTML
    """Trigger words, a button each."""
    facts: gr.HTML
    notice: gr.HTML
    card: gr.Accordion
    form: dict[str, Component]
    """What can be edited, by the names of a card's fields."""
    save: gr.Button
    newest: gr.Button
    upload: gr.UploadButton
    metadata: gr.Textbox

    def shown(self) -> set[Component]:
        """What changes with the file."""
        told = {self.title, self.picture, self.using, self.use, self.place, self.negative, self.remark, self.about}
        return {
            *told, self.column, self.chosen, self.words, self.facts, self.notice, self.metadata, *self.form.values()
        }  # fmt: skip


def lay_out_model() -> ModelPanel:
    """The panel, hidden until a file is opened."""
    chosen = gr.Textbox(visible="hidden", elem_id="model-chosen")
    with gr.Column(visible=False, elem_id="model-panel", elem_classes=["side-panel"]) as column:
        parts = _lay_out_head() | _lay_out_use()
        parts["notice"] = lay_out_notice()
        parts["about"] = lay_out_remark("model-about")
        parts["facts"] = gr.HTML(
            value=[],
            html_template=asset("facts.html"),
            js_on_load=asset("facts.js"),
            elem_id="model-facts",
            elem_classes=["painted"],
        )
        with gr.Column(elem_classes=["accordions"]):
            parts |= _lay_out_card()
            parts["metadata"] = _lay_out_metadata()
    return ModelPanel(column=column, chosen=chosen, **parts)


def _lay_out_head() -> dict[str, Any]:
    with gr.Row(elem_classes=["model-head"]):
        title = lay_out_remark("model-title", "model-title")
        close = gr.Button("Close", size="sm", scale=0, min_width=36, elem_id="model-close", elem_classes=["chip"])
    picture = gr.Image(
        interactive=False,
        show_label=False,
        container=False,
        visible=False,
        buttons=["fullscreen"],
        elem_id="model-picture",
        elem_classes=["large-picture"],
    )
    return {"title": title, "close": close, "picture": picture}


def _lay_out_metadata() -> gr.Textbox:
    with gr.Accordion("What the file says of itself", open=False, elem_id="model-metadata-fields"):
        return gr.Textbox(
            show_label=False,
            label="Metadata",
            lines=3,
            max_lines=18,
            interactive=False,
            buttons=["copy"],
            elem_id="model-metadata",
            elem_classes=["parameters"],
        )


def _lay_out_use() -> dict[str, Any]:
    with gr.Column(elem_id="model-using") as using:
        with gr.Row(elem_classes=["model-use-row"]):
            use = gr.Button("Use", variant="primary", size="md", scale=2, min_width=150, elem_id="model-use")
            place = lay_out_one_of(
                "model-place", list(REQUESTS), "txt2img", label="Where it goes", classes=["model-place"]
            )
        negative = lay_out_switch("model-negative", label="Into the negative prompt", value=False)
        words = gr.HTML(
            value=[],
            html_template=asset("words.html"),
            js_on_load=asset("words.js"),
            elem_id="model-words",
            elem_classes=["painted"],
        )
        remark = lay_out_remark("model-remark")
    return {"using": using, "use": use, "place": place, "negative": negative, "words": words, "remark": remark}


def _lay_out_card() -> dict[str, Any]:
    with gr.Accordion("Edit the card", open=False, elem_id="model-card-fields") as card:
        form: dict[str, Component] = {
            "description": lay_out_text("model-description", label="Description", value="", placeholder=""),
            "activation_text": lay_out_text(
                "model-activation-text", label="Trigger words", value="", placeholder="Separated by commas", lines=1
            ),
        }
        with gr.Row(elem_classes=["fields"]):
            form["preferred_weight"] = lay_out_number_box(
                "model-preferred-weight", label="Preferred weight", value=None, placeholder="1"
            )
            form["negative_text"] = lay_out_line(
                "model-negative-text", label="Negative prompt with it", value="", placeholder="None"
            )
            form["vae"] = lay_out_choice("model-vae", [("Automatic", "")], "", label="VAE of this checkpoint")
        form["notes"] = lay_out_text("model-notes", label="Notes", value="", placeholder="For yourself")
        with gr.Row(elem_classes=["tool-row"]):
            save = gr.Button(
                "Save", variant="primary", size="sm", scale=0, min_width=90, elem_id="model-save", elem_classes=["chip"]
            )
            newest = gr.Button(
                "Newest picture as preview",
                size="sm",
                scale=0,
                min_width=36,
                elem_id="model-newest-preview",
                elem_classes=["chip"],
            )
            upload = gr.UploadButton(
                "Preview from a file",
                size="sm",
                scale=0,
                min_width=36,
                file_types=FILE_TYPES,
                elem_id="model-upload-preview",
                elem_classes=["chip"],
            )
    return {"card": card, "form": form, "save": save, "newest": newest, "upload": upload}
