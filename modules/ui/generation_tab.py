"""Layout of a tab that generates: words and settings to the left, Generate and the result to the right.

The tabs of all tasks have this shape. What one task has alone (a second pass, pictures to begin with) is laid out by
modules of its own, and left out here where the task lacks it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.checkpoints.card import Recommended
from modules.config.ui_config import Override
from modules.diffusion.names import CUSTOM
from modules.hooks import Available, Script, Section
from modules.schema.refusals import LABELS
from modules.schema.requests import (
    MAX_BATCH_COUNT,
    MAX_BATCH_SIZE,
    MAX_SIDE,
    MAX_STEPS,
    MIN_SIDE,
    SIDE_STEP,
    Task,
)
from modules.ui.binding import RequestFields, recommended_values
from modules.ui.controls import lay_out_choice, lay_out_line, lay_out_number, lay_out_one_of
from modules.ui.first_pass_panel import FirstPass
from modules.ui.hires_panel import lay_out_hires
from modules.ui.job_panel import lay_out_jobs
from modules.ui.overridden_controls import override_controls
from modules.ui.overrides_panel import lay_out_told, told_value
from modules.ui.picture_panel import PicturePanel
from modules.ui.prompt_panel import (
    PromptTexts,
    PromptTools,
    WordLists,
    lay_out_prompt_bar,
    lay_out_prompt_tools,
    lay_out_prompts,
    lay_out_words,
)
from modules.ui.request_controls import RequestControls, element_id
from modules.ui.script_panel import ScriptPanel, lay_out_scripts
from modules.ui.section_layout import SectionOwners
from modules.ui.section_panel import SectionPanel, lay_out_sections
from modules.ui.simple_view import lay_out_quality, lay_out_seed_lock
from modules.ui.size_tools import lay_out_size_tools
from modules.ui.source_panel import RESIZE_TO, SIZES, SourcePanel, lay_out_sources

USUAL_CFG_SCALES = (0, 30)
"""The slider's ends; more can be typed."""
ACCORDIONS = {
    "refiner": "Refiner",
    "mask": "Inpaint",
    "soft inpainting": "Soft inpainting",
    "outpainting": "Outpainting",
    "sd upscale": "SD upscale",
    "input": "Input picture",
    "prompt": "Prompt reading",
    "picture": "VAE and seamless tiling",
    "noise": "Variations and noise",
    "sampling": "Sampler",
    "schedule": "Schedule",
    "guidance": "Guidance",
}
"""The groups of fields that are closed at first, and what they are called; a task without such fields has none."""
_AFTER_SAMPLER, _AFTER_SEED = ("mask", "soft inpainting", "refiner"), ("noise",)
"""Groups that stand where A1111 has them; the others follow in the order of ACCORDIONS."""
_OF_INPUT = ("mask_from_alpha",)
"""Fields that stand with the input picture, whatever their group."""


@dataclass(frozen=True)
class WhatThereIs:
    """What the lists of a tab hold when the page is built; a page that is opened asks again."""

    recommended: Recommended
    examples: list[str]
    words: WordLists
    settings: Mapping[str, Any]
    """What the settings say of some fields."""
    available: Available
    scripts: Sequence[Script]
    failures: Sequence[str] = ()
    """What kept scripts of plugins away."""
    overrides: Mapping[str, Override] = field(default_factory=dict)
    """Other defaults and limits of the task's controls."""
    sections: Sequence[Section] = ()
    owners: SectionOwners | None = None
    """Whose sections those are that lay themselves out."""


@dataclass(frozen=True)
class GenerationTab:
    """Everything on the tab that is wired; `form` holds the request's fields."""

    task: Task
    tab: gr.Tab
    form: RequestFields
    texts: PromptTexts
    tools: PromptTools
    bar: gr.HTML
    """Below the prompts: select pastes parameters, submit applies styles, input applies a preset."""
    told: gr.HTML
    size_tools: gr.HTML
    defaults: Mapping[str, Any]
    """What ui-config.json has some fields hold at first; it goes before what the checkpoint recommends."""
    accordions: dict[str, list[str]]
    """Element id and fields of everything that is closed at first."""
    mask_fields: list[str]
    """The fields that count only where a part of the picture is painted."""
    examples: gr.Dataset
    generate: gr.Button
    interrupt: gr.Button
    skip: gr.Button
    notice: gr.HTML
    swap: gr.Button
    random_seed: gr.Button
    reuse_seed: gr.Button
    status: gr.HTML
    result: PicturePanel
    script: ScriptPanel
    sections: SectionPanel
    hires_line: gr.HTML | None = None
    first_pass: FirstPass | None = None
    sources: SourcePanel | None = None
    size_mode: gr.Radio | None = None
    take_size: gr.Button | None = None

    def remembered(self) -> dict[str, Component]:
        """Every component whose value outlives a reload, by name."""
        kept = {**self.form.by_name(), **self.script.remembered(), **self.sections.remembered()}
        if self.sources is not None and self.size_mode is not None:
            kept |= self.sources.remembered() | self.sources.batch.remembered() | {"size_mode": self.size_mode}
        return kept

    def asked(self) -> list[Component]:
        """Everything that a request is made of."""
        return list(self.remembered().values())


def lay_out_generation(task: Task, model: gr.Dropdown, there: WhatThereIs) -> GenerationTab:
    """The tab; `model` stands in the page's header."""
    controls = RequestControls(task, there.available)
    parts: dict[str, Any] = {}
    fields: dict[str, Component] = {"model": model}
    with (
        gr.Tab(task, id=task, elem_id=f"{task}-tab") as tab,
        gr.Row(elem_id=element_id("work", task), elem_classes=["work"]),
    ):
        with gr.Column(scale=5, min_width=320, elem_classes=["left"]):
            with gr.Column(elem_classes=["prompts"]):
                prompts, parts["texts"] = lay_out_prompts(task)
                fields |= prompts
                parts["bar"] = lay_out_prompt_bar(task)
                parts["examples"] = _lay_out_examples(task, prompts["prompt"], there.examples)
                parts["sources"] = lay_out_sources() if task == "img2img" else None
            with gr.Column(elem_id=element_id("settings", task), elem_classes=["settings"]):
                settings, more = _lay_out_settings(controls, there, set(fields))
                fields |= settings
                parts |= more
        parts |= lay_out_jobs(task)
        with parts["notice"].parent:
            parts["told"] = lay_out_told(task)
    parts["defaults"] = override_controls(task, fields, there.overrides)
    parts["told"].value = told_value(task, {**fields, **parts["sections"].switches()})
    mask_fields = [
        name for group in ("mask", "soft inpainting") for name in controls.fields_of(group) if name in fields
    ]
    return GenerationTab(task=task, tab=tab, form=RequestFields(task, fields), mask_fields=mask_fields, **parts)


def _lay_out_settings(
    controls: RequestControls, there: WhatThereIs, without: set[str]
) -> tuple[dict[str, Component], dict[str, Any]]:
    """Every field but the prompts, in the order of A1111."""
    task, usual = controls.task, recommended_values(there.recommended)
    fields: dict[str, Component] = {}
    parts: dict[str, Any] = {}
    accordions: dict[str, dict[str, Component]] = {}
    fields |= lay_out_words(there.words.styles, task)
    lay_out_quality(task)
    fields |= _lay_out_sampling(task, usual, there.available)
    with gr.Column(elem_classes=["accordions"]):
        if task == "txt2img":
            hires, parts["first_pass"], parts["hires_line"] = lay_out_hires(controls)
            fields |= hires
        accordions |= _lay_out_accordions(controls, _AFTER_SAMPLER, without, {})
    if task == "img2img":
        fields["resize_mode"] = _lay_out_resize_mode(controls)
    sides, size_parts = _lay_out_sides(controls, usual)
    parts |= size_parts
    fields |= sides | _lay_out_batch(task, usual)
    if task == "img2img":
        fields["denoising_strength"] = _lay_out_strength(controls)
    fields["seed"], parts["random_seed"], parts["reuse_seed"] = _lay_out_seed(task)
    with gr.Column(elem_classes=["accordions"]):
        tools, script = (element_id(name, task) for name in ("prompt-tools", "script-fields"))
        laid_out = {name for row in accordions.values() for name in row}
        elsewhere = without | set(fields) | laid_out | {"wildcard_seed", "script_name"}
        others = [group for group in ACCORDIONS if group not in (*_AFTER_SAMPLER, *_AFTER_SEED)]
        accordions |= _lay_out_accordions(controls, [*_AFTER_SEED, *others], elsewhere, there.settings)
        accordions[tools], parts["tools"] = lay_out_prompt_tools(controls, there.words)
        with gr.Accordion("Script", open=False, elem_id=script):
            parts["script"] = lay_out_scripts(task, there.scripts, there.available, there.failures)
        accordions[script] = {"script_name": parts["script"].choice}
        parts["sections"] = lay_out_sections(task, there.sections, there.available, there.owners)
    fields |= {name: field for row in accordions.values() for name, field in row.items()}
    parts["accordions"] = {place: [*row] for place, row in accordions.items()} | parts["sections"].accordions()
    return fields, parts


def _lay_out_examples(task: Task, prompt: Component, examples: list[str]) -> gr.Dataset:
    return gr.Dataset(
        label="Try one of these",
        components=[prompt],
        samples=[[example] for example in examples],
        layout="gallery",
        visible=bool(examples) and task == "txt2img",
        elem_id=element_id("examples", task),
        elem_classes=["examples"],
    )


def _lay_out_sampling(task: Task, usual: Mapping[str, Any], available: Available) -> dict[str, Component]:
    with gr.Row(elem_classes=["expert"]):
        fields: dict[str, Component] = {
            "sampler_name": _choice("sampler_name", task, [*available.samplers], usual["sampler_name"]),
            "scheduler": _choice("scheduler", task, [*available.schedules, CUSTOM], usual["scheduler"]),
        }
    return fields | {"steps": _number("steps", task, usual["steps"], 1, MAX_STEPS, 1)}


def _lay_out_strength(controls: RequestControls) -> Component:
    """How much of the picture is painted anew."""
    name = "denoising_strength"
    return _number(name, controls.task, controls.default_of(name), 0, 1, 0.01)


def _lay_out_resize_mode(controls: RequestControls) -> Component:
    """How the picture gets the size of the result."""
    name = "resize_mode"
    return _choice(name, controls.task, controls.choices_of(name), controls.default_of(name))


def _lay_out_sides(controls: RequestControls, usual: Mapping[str, Any]) -> tuple[dict[str, Component], dict[str, Any]]:
    """Width and height; where there is a picture also its multiple, and the choice between them."""
    task = controls.task
    fields: dict[str, Component] = {}
    parts: dict[str, Any] = {}
    with gr.Column(elem_id=element_id("size", task), elem_classes=["size"]):
        if task == "img2img":
            with gr.Row(elem_classes=["size-bar"]):
                parts["size_mode"] = lay_out_one_of(
                    element_id("size-mode", task),
                    list(SIZES),
                    RESIZE_TO,
                    label="Size of the result",
                    classes=["size-mode"],
                )
                parts["take_size"] = gr.Button(
                    "Size of the picture",
                    size="sm",
                    scale=0,
                    min_width=150,
                    elem_id=element_id("take-size", task),
                    elem_classes=["chip", "take-size"],
                )
            with gr.Row(elem_classes=["resize-by"]):
                fields |= controls.lay_out(["scale_by"], {"scale_by": 1})
        parts["size_tools"] = lay_out_size_tools(task)
        with gr.Row(elem_classes=["sides"]):
            with gr.Column(scale=10, min_width=200, elem_classes=["side-sliders"]):
                fields |= {
                    name: _number(name, task, usual[name], MIN_SIDE, MAX_SIDE, SIDE_STEP)
                    for name in ("width", "height")
                }
            parts["swap"] = _tool("⇅", element_id("swap", task))
    return fields, parts


def _lay_out_batch(task: Task, usual: Mapping[str, Any]) -> dict[str, Component]:
    with gr.Row():
        batch: dict[str, Component] = {
            "batch_count": _number("batch_count", task, 1, 1, MAX_BATCH_COUNT, 1),
            "batch_size": _number("batch_size", task, 1, 1, MAX_BATCH_SIZE, 1),
        }
    return {**batch, "cfg_scale": _number("cfg_scale", task, usual["cfg_scale"], *USUAL_CFG_SCALES, 0.5)}


def _lay_out_seed(task: Task) -> tuple[gr.Textbox, gr.Button, gr.Button]:
    with gr.Row(elem_classes=["seeds"]):
        seed = lay_out_line(
            element_id("seed", task),
            label=LABELS["seed"],
            value="-1",
            placeholder="-1: another one each time",
            scale=10,
            min_width=160,
        )
        random = _tool("Random", element_id("random-seed", task), min_width=92)
        reuse = _tool("Reuse last", element_id("reuse-seed", task), min_width=112)
        lay_out_seed_lock(task)
    return seed, random, reuse


def _lay_out_accordions(
    controls: RequestControls, groups: Sequence[str], without: set[str], values: Mapping[str, Any]
) -> dict[str, dict[str, Component]]:
    """The fields of some groups that are not laid out yet, by the element ids of their accordions."""
    accordions = {}
    for group in groups:
        names = controls.fields_of(group, without | set(_OF_INPUT))
        if group == "input" and names:
            names += _OF_INPUT
        if not names:
            continue
        name = element_id(f"{group.replace(' ', '-')}-fields", controls.task)
        with gr.Accordion(ACCORDIONS[group], open=False, elem_id=name), gr.Row(elem_classes=["fields"]):
            accordions[name] = controls.lay_out(names, values)
    return accordions


def _tool(label: str, name: str, min_width: int = 44) -> gr.Button:
    return gr.Button(label, elem_id=name, elem_classes=["tool"], scale=0, min_width=min_width)


def _choice(name: str, task: Task, choices: list[Any], value: str) -> gr.Dropdown:
    return lay_out_choice(element_id(name, task), choices, value, label=LABELS[name])


def _number(name: str, task: Task, value: float, minimum: float, maximum: float, step: float) -> gr.Slider:
    return lay_out_number(
        element_id(name, task), label=LABELS[name], value=value, minimum=minimum, maximum=maximum, step=step
    )
