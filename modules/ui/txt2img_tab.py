"""Layout of the txt2img tab: words and settings to the left, Generate and the result to the right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.checkpoints.card import Recommended
from modules.diffusion.names import SAMPLER_NAMES
from modules.schema.refusals import LABELS
from modules.schema.requests import (
    MAX_BATCH_COUNT,
    MAX_BATCH_SIZE,
    MAX_SIDE,
    MAX_STEPS,
    MIN_SIDE,
    SIDE_STEP,
)
from modules.ui.binding import SCHEDULE_CHOICES, RequestFields, recommended_values
from modules.ui.controls import lay_out_choice, lay_out_line, lay_out_number
from modules.ui.notices import lay_out_notice
from modules.ui.picture_panel import PicturePanel, lay_out_picture
from modules.ui.prompt_panel import PromptTexts, PromptTools, lay_out_prompt_tools, lay_out_prompts, lay_out_words
from modules.ui.request_controls import element_id, fields_of, lay_out_fields
from modules.ui.status_panel import lay_out_status
from modules.ui.thumbnails import lay_out_thumbnails

USUAL_CFG_SCALES = (0, 30)
"""The slider's ends; more can be typed."""
ACCORDIONS = {
    "prompt": "Prompt reading",
    "noise": "Variations and noise",
    "sampling": "Sampler",
    "schedule": "Schedule",
    "guidance": "Guidance",
}
"""The groups of fields that are closed at first, and what they are called."""


@dataclass(frozen=True)
class WordLists:
    """The styles and wildcards that there are when the page is built; a page that is opened asks again."""

    styles: list[str]
    wildcards: list[tuple[str, str]]


@dataclass(frozen=True)
class Txt2ImgTab:
    """Everything on the tab that is wired; `form` holds the request's fields."""

    tab: gr.Tab
    form: RequestFields
    texts: PromptTexts
    tools: PromptTools
    accordions: dict[str, list[str]]
    """Element id and fields of everything that is closed at first."""
    examples: gr.Dataset
    generate: gr.Button
    interrupt: gr.Button
    notice: gr.HTML
    swap: gr.Button
    random_seed: gr.Button
    reuse_seed: gr.Button
    status: gr.HTML
    result: PicturePanel
    recent: gr.Gallery
    submitted: gr.Textbox
    """Id of the job that this page queued last."""
    running: gr.Textbox
    """Id of the job that is shown."""


def lay_out_txt2img(
    model: gr.Dropdown, usual_of_model: Recommended, examples: list[str], lists: WordLists, rng: str
) -> Txt2ImgTab:
    """The tab; `model` stands in the page's header. `rng` is the noise source that the settings name."""
    usual = recommended_values(usual_of_model)
    parts: dict[str, Any] = {}
    fields: dict[str, Component] = {"model": model}
    with gr.Tab("txt2img", id="txt2img", elem_id="txt2img-tab") as tab:
        with gr.Row(elem_id="work"):
            with gr.Column(scale=5, min_width=320, elem_id="left"):
                with gr.Column(elem_id="prompts"):
                    prompts, parts["texts"] = lay_out_prompts()
                    parts["examples"] = _lay_out_examples(prompts["prompt"], examples)
                with gr.Column(elem_id="settings"):
                    fields |= prompts | lay_out_words(lists.styles)
                    fields |= _lay_out_sampling(usual)
                    sides, parts["swap"] = _lay_out_sides(usual)
                    fields |= sides | _lay_out_batch(usual)
                    seed, parts["random_seed"], parts["reuse_seed"] = _lay_out_seed()
                    with gr.Column(elem_id="accordions"):
                        wildcard_seed, parts["tools"] = lay_out_prompt_tools(lists.styles, lists.wildcards)
                        fields |= {"seed": seed} | wildcard_seed
                        by_accordion = _lay_out_accordions(set(fields), {"rng": rng})
                        fields |= {name: field for row in by_accordion.values() for name, field in row.items()}
            with gr.Column(scale=6, min_width=320, elem_id="right"):
                with gr.Column(elem_id="actions"):
                    parts |= _lay_out_actions()
                with gr.Column(elem_id="result"):
                    parts["status"] = lay_out_status()
                    recent = lay_out_thumbnails("recent", 8, label="Recent pictures", render=False)
                    parts["recent"] = recent
                    parts["result"] = lay_out_picture("result", send_label="Use these parameters", between=recent)
        parts["submitted"] = gr.Textbox(visible="hidden", elem_id="submitted")
        parts["running"] = gr.Textbox(visible="hidden", elem_id="running")
    accordions = {"prompt-tools": [*wildcard_seed], **{name: [*row] for name, row in by_accordion.items()}}
    return Txt2ImgTab(tab=tab, form=RequestFields(fields), accordions=accordions, **parts)


def _lay_out_examples(prompt: Component, examples: list[str]) -> gr.Dataset:
    return gr.Dataset(
        label="Try one of these",
        components=[prompt],
        samples=[[example] for example in examples],
        layout="gallery",
        visible=bool(examples),
        elem_id="examples",
    )


def _lay_out_actions() -> dict[str, Component]:
    with gr.Row(elem_id="buttons"):
        generate = gr.Button("Generate", variant="primary", size="lg", scale=4, min_width=160, elem_id="generate")
        interrupt = gr.Button(
            "Interrupt", variant="stop", size="lg", scale=1, min_width=120, interactive=False, elem_id="interrupt"
        )
    return {"generate": generate, "interrupt": interrupt, "notice": lay_out_notice()}


def _lay_out_sampling(usual: dict[str, Any]) -> dict[str, Component]:
    with gr.Row():
        fields: dict[str, Component] = {
            "sampler_name": _choice("sampler_name", [row.name for row in SAMPLER_NAMES], usual["sampler_name"]),
            "scheduler": _choice("scheduler", list(SCHEDULE_CHOICES), usual["scheduler"]),
        }
    return fields | {"steps": _number("steps", usual["steps"], 1, MAX_STEPS, 1)}


def _lay_out_sides(usual: dict[str, Any]) -> tuple[dict[str, Component], gr.Button]:
    with gr.Row(elem_id="sides"):
        with gr.Column(scale=10, min_width=200, elem_id="side-sliders"):
            fields: dict[str, Component] = {
                name: _number(name, usual[name], MIN_SIDE, MAX_SIDE, SIDE_STEP) for name in ("width", "height")
            }
        swap = gr.Button("⇅", elem_id="swap", elem_classes=["tool"], scale=0, min_width=44)
    return fields, swap


def _lay_out_batch(usual: dict[str, Any]) -> dict[str, Component]:
    cfg_scale = _number("cfg_scale", usual["cfg_scale"], *USUAL_CFG_SCALES, 0.5)
    with gr.Row():
        return {
            "cfg_scale": cfg_scale,
            "batch_count": _number("batch_count", 1, 1, MAX_BATCH_COUNT, 1),
            "batch_size": _number("batch_size", 1, 1, MAX_BATCH_SIZE, 1),
        }


def _lay_out_seed() -> tuple[gr.Textbox, gr.Button, gr.Button]:
    with gr.Row(elem_id="seeds"):
        seed = lay_out_line(
            "seed",
            label=LABELS["seed"],
            value="-1",
            placeholder="-1: another one each time",
            scale=10,
            min_width=160,
        )
        random = gr.Button("Random", elem_id="random-seed", elem_classes=["tool"], scale=0, min_width=92)
        reuse = gr.Button("Reuse last", elem_id="reuse-seed", elem_classes=["tool"], scale=0, min_width=112)
    return seed, random, reuse


def _lay_out_accordions(without: set[str], values: Mapping[str, Any]) -> dict[str, dict[str, Component]]:
    """The fields that are not laid out yet, by the element ids of their accordions."""
    accordions = {}
    for group, title in ACCORDIONS.items():
        name = f"{group}-fields"
        with gr.Accordion(title, open=False, elem_id=name), gr.Row(elem_classes=["fields"]):
            accordions[name] = lay_out_fields(fields_of(group, without), values)
    return accordions


def _choice(name: str, choices: list[Any], value: str) -> gr.Dropdown:
    return lay_out_choice(element_id(name), choices, value, label=LABELS[name])


def _number(name: str, value: float, minimum: float, maximum: float, step: float) -> gr.Slider:
    return lay_out_number(
        element_id(name), label=LABELS[name], value=value, minimum=minimum, maximum=maximum, step=step
    )
