"""Sections that lay themselves out: their own components and events, bound to the arguments that a request has."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr
from gradio.blocks import Block
from gradio.components import Component
from gradio.context import Context

from modules.hooks import Section, SectionLayout, TabContext
from modules.schema.requests import Task
from modules.ui.extension_layout import laid_out_by_extension
from modules.ui.memory import kept_as_filled
from modules.ui.notices import lay_out_remark
from modules.ui.section_controls import SectionControls


@dataclass(frozen=True)
class SectionOwners:
    """Whose the sections are."""

    plugin_of: Callable[[Section], str]
    context_of: Callable[[str], TabContext]
    """The folder and the settings of an extension. Raises OSError."""


def lay_out_itself(controls: SectionControls, section: Section, task: Task, owners: SectionOwners) -> SectionControls:
    """Have a section lay itself out, where this is called; `controls` has none so far.

    Returns the controls that are there then: none with what went wrong in words, where it failed.
    """
    page, plugin = Context.root_block, owners.plugin_of(section)
    own = SectionControls(controls.place, section, controls.available)
    with gr.Column(elem_classes=["fields", "section-layout"]) as within:
        events = set(page.fns)
        build = partial(_built, own, section, task, within, partial(owners.context_of, plugin))
        problem = laid_out_by_extension(page, within, build, f"the section {section.name!r} of the extension {plugin}")
        if problem:
            lay_out_remark(
                f"{controls.place}-failed",
                text=f"The extension {plugin} could not lay out this section ({problem}).",
            )
            return controls
        _keep_changes(page, page.fns.keys() - events, set(own.by_name.values()))
    return own


def _built(
    own: SectionControls, section: Section, task: Task, within: gr.Column, context_of: Callable[[], TabContext]
) -> None:
    owner = context_of()
    context = SectionLayout(
        task=task,
        place=own.place,
        component=own.lay_out,
        bind=own.take_over,
        folder=owner.folder,
        settings=owner.settings,
    )
    section.build(context)
    for name, control in own.by_name.items():
        if not _is_within(control, within):
            raise ValueError(f"what holds {name!r} is not laid out in this section")


def _is_within(control: Component, within: gr.Column) -> bool:
    """Whether the page shows a component in a block: one may be made without being placed, or elsewhere."""
    at: Block | None = control
    while at is not None and at is not within:
        if at.parent is None or not any(one is at for one in at.parent.children):
            return False
        at = at.parent
    return at is within


def _keep_changes(page: gr.Blocks, events: Collection[int], controls: set[Component]) -> None:
    """Have the browser keep the form after events that change controls, as after a touch."""
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    for number in sorted(events):
        if not controls.isdisjoint(page.fns[number].outputs):
            kept_as_filled(page, number, **quiet)
