"""Layout of everything about words: both prompts with their counts, styles, wildcards."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr
from gradio.components import Component

from modules.config.request_words import REQUEST_WORDS
from modules.schema.refusals import LABELS
from modules.ui.controls import lay_out_choices, lay_out_switch
from modules.ui.notices import lay_out_remark
from modules.ui.request_controls import element_id, lay_out_fields

DRAW_WORDS = "Draw words for __name__ and {a|b|c}"


@dataclass(frozen=True)
class PromptTexts:
    """What is said about the two prompts beside them."""

    count: gr.HTML
    negative_count: gr.HTML
    problem: gr.HTML


@dataclass(frozen=True)
class PromptTools:
    """What helps with words and is no field of a request."""

    style_name: gr.Dropdown
    save_style: gr.Button
    delete_style: gr.Button
    wildcards: gr.Dropdown
    preview: gr.Button
    previewed: gr.Textbox
    remark: gr.HTML
    """What was done, and what is wrong with the files of styles and wildcards."""


def lay_out_prompts() -> tuple[dict[str, Component], PromptTexts]:
    """Both boxes, each with a place for its count in the corner, and one line below for brackets."""
    prompt, count = _lay_out_prompt("prompt", "What the picture shows", lines=3)
    negative, negative_count = _lay_out_prompt("negative_prompt", "What it should not show (may stay empty)", lines=2)
    problem = lay_out_remark("prompt-problem", "hint")
    return {"prompt": prompt, "negative_prompt": negative}, PromptTexts(count, negative_count, problem)


def lay_out_words(styles: list[str]) -> dict[str, Component]:
    """Which styles are put in, and whether words are drawn."""
    with gr.Row(elem_id="words"):
        return {
            "styles": lay_out_choices("styles", styles, label=LABELS["styles"], min_width=240),
            "wildcards": lay_out_switch(
                "wildcards", label=DRAW_WORDS, value=False, info="Every picture its own words", min_width=240
            ),
        }


def lay_out_prompt_tools(
    styles: list[str], wildcards: list[tuple[str, str]]
) -> tuple[dict[str, Component], PromptTools]:
    """The accordion that keeps styles and shows what wildcards make of the prompts."""
    with gr.Accordion("Styles and wildcards", open=False, elem_id="prompt-tools"):
        with gr.Row(elem_id="style-tools"):
            style_name = gr.Dropdown(
                styles,
                value=None,
                allow_custom_value=True,
                label="Name of a style",
                info="A new name, or one of those there are",
                min_width=200,
                scale=10,
                elem_id="style-name",
            )
            save = gr.Button("Save as style", elem_id="save-style", elem_classes=["tool"], scale=0, min_width=120)
            delete = gr.Button("Delete style", elem_id="delete-style", elem_classes=["tool"], scale=0, min_width=116)
        with gr.Row(elem_classes=["fields"]):
            known = gr.Dropdown(
                wildcards,
                value=None,
                filterable=True,
                label="Wildcards there are",
                info="One that is chosen goes to the end of the prompt",
                min_width=240,
                elem_id="known-wildcards",
            )
            seed = lay_out_fields(["wildcard_seed"], {})
        preview = gr.Button("Show prompts", size="md", elem_id="show-prompts")
        remark = lay_out_remark("prompt-remark")
        previewed = gr.Textbox(
            label="What the pictures would be asked for",
            info="With a random seed, words are drawn again when they are made",
            lines=2,
            max_lines=16,
            interactive=False,
            visible=False,
            buttons=["copy"],
            elem_id="shown-prompts",
        )
    return seed, PromptTools(style_name, save, delete, known, preview, previewed, remark)


def _lay_out_prompt(name: str, placeholder: str, *, lines: int) -> tuple[gr.Textbox, gr.HTML]:
    with gr.Column(elem_classes=["counted"]):
        box = gr.Textbox(
            label=REQUEST_WORDS[name].label,
            placeholder=placeholder,
            lines=lines,
            max_lines=12,
            elem_id=element_id(name),
        )
        count = lay_out_remark(f"{element_id(name)}-count", "count")
    return box, count
