"""Layout of everything about words: both prompts with their counts, styles, wildcards."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr
from gradio.components import Component

from modules.config.request_words import REQUEST_WORDS
from modules.schema.refusals import LABELS
from modules.schema.requests import Task
from modules.ui.assets import asset
from modules.ui.controls import lay_out_choice, lay_out_choices, lay_out_switch
from modules.ui.notices import lay_out_remark
from modules.ui.request_controls import RequestControls, element_id

DRAW_WORDS = "Draw words for __name__ and {a|b|c}"
DRAWN_AGAIN = "With a random seed, words are drawn again when they are made"


@dataclass(frozen=True)
class WordLists:
    """The styles and wildcards that there are when the page is built; a page that is opened asks again."""

    styles: list[str]
    wildcards: list[tuple[str, str]]


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
    edit_style: gr.Button
    wildcards: gr.Dropdown
    preview: gr.Button
    previewed: gr.Textbox
    remark: gr.HTML
    """What was done, and what is wrong with the files of styles and wildcards."""

    def of_owners(self) -> tuple[Component, ...]:
        """What keeps styles."""
        return self.style_name, self.save_style, self.delete_style, self.edit_style


def lay_out_prompts(task: Task) -> tuple[dict[str, Component], PromptTexts]:
    """Both boxes, each with a place for its count in the corner, and one line below for brackets."""
    prompt, count = _lay_out_prompt("prompt", task, "What the picture shows", lines=3)
    negative, negative_count = _lay_out_prompt(
        "negative_prompt", task, "What it should not show (may stay empty)", lines=2
    )
    problem = lay_out_remark(element_id("prompt-problem", task), "hint")
    return {"prompt": prompt, "negative_prompt": negative}, PromptTexts(count, negative_count, problem)


def lay_out_prompt_bar(task: Task) -> gr.HTML:
    """Parameters from a text, styles into the prompts, an empty page, presets."""
    return gr.HTML(
        value={"task": task},
        html_template='<div class="prompt-bar" role="group" aria-label="Prompt tools"></div>',
        js_on_load=asset("prompt_bar.js"),
        elem_id=element_id("prompt-bar", task),
        elem_classes=["prompt-bar-box", "bare"],
    )


def lay_out_words(styles: list[str], task: Task) -> dict[str, Component]:
    """Which styles are put in, and whether words are drawn."""
    with gr.Row(elem_classes=["words"]):
        return {
            "styles": lay_out_choices(element_id("styles", task), styles, label=LABELS["styles"], min_width=240),
            "wildcards": lay_out_switch(
                element_id("wildcards", task),
                label=DRAW_WORDS,
                value=False,
                info="Every picture its own words",
                min_width=240,
            ),
        }


def lay_out_prompt_tools(controls: RequestControls, lists: WordLists) -> tuple[dict[str, Component], PromptTools]:
    """The accordion that keeps styles and shows what wildcards make of the prompts."""
    task = controls.task
    with gr.Accordion("Styles and wildcards", open=False, elem_id=element_id("prompt-tools", task)):
        with gr.Row(elem_classes=["style-tools"]):
            style_name = gr.Dropdown(
                lists.styles,
                value=None,
                allow_custom_value=True,
                label="Name of a style",
                info="A new name, or one of those there are",
                min_width=200,
                scale=10,
                elem_id=element_id("style-name", task),
            )
            save = _tool("Save as style", element_id("save-style", task), min_width=120)
            delete = _tool("Delete style", element_id("delete-style", task), min_width=116)
            edit = _tool("Edit style", element_id("edit-style", task), min_width=104)
        with gr.Row(elem_classes=["fields"]):
            known = lay_out_choice(
                element_id("known-wildcards", task),
                lists.wildcards,
                None,
                label="Wildcards there are",
                filterable=True,
                info="One that is chosen goes to the end of the prompt",
                min_width=240,
            )
            seed = controls.lay_out(["wildcard_seed"])
        preview = gr.Button("Show prompts", size="md", elem_id=element_id("show-prompts", task))
        remark = lay_out_remark(element_id("prompt-remark", task))
        previewed = gr.Textbox(
            label="What the pictures would be asked for",
            info=DRAWN_AGAIN,
            lines=2,
            max_lines=16,
            interactive=False,
            visible=False,
            buttons=["copy"],
            elem_id=element_id("shown-prompts", task),
            elem_classes=["shown-prompts"],
        )
    return seed, PromptTools(style_name, save, delete, edit, known, preview, previewed, remark)


def _tool(label: str, name: str, min_width: int) -> gr.Button:
    return gr.Button(label, elem_id=name, elem_classes=["tool"], scale=0, min_width=min_width)


def _lay_out_prompt(name: str, task: Task, placeholder: str, *, lines: int) -> tuple[gr.Textbox, gr.HTML]:
    place = element_id(name, task)
    with gr.Column(elem_classes=["counted"]):
        box = gr.Textbox(
            label=REQUEST_WORDS[name].label,
            placeholder=placeholder,
            lines=lines,
            max_lines=12,
            elem_id=place,
            elem_classes=[f"{element_id(name)}-box"],
        )
        count = lay_out_remark(f"{place}-count", "count")
    return box, count
