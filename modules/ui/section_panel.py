"""Layout of the sections: a closed group for each, with its switch and the controls that its declarations ask for, or
the layout of its own.

Steps of post-processing are laid out alike, on the Extras tab.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.hooks import ArgumentGroup, Available, Section
from modules.schema.requests import Task
from modules.ui.controls import lay_out_switch
from modules.ui.request_controls import element_id
from modules.ui.script_panel import slug
from modules.ui.section_controls import PictureBox, SectionControls
from modules.ui.section_layout import SectionOwners, lay_out_itself


@dataclass(frozen=True)
class SectionPart:
    """One section; it is a part of the request while its switch is on."""

    section: ArgumentGroup
    place: str
    """The element id of its group."""
    switch: gr.Checkbox
    controls: dict[str, Component]
    """By the names of the arguments."""
    pictures: dict[str, PictureBox]
    """By the names of the arguments that are pictures."""

    def is_of(self, task: Task) -> bool:
        """Whether a task has it."""
        return isinstance(self.section, Section) and task in self.section.tasks

    def read(self, values: Mapping[Component, Any]) -> dict[str, Any]:
        """What was given, by the arguments' names; without emptied controls."""
        given = {name: values[control] for name, control in self.controls.items()}
        read = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
        return {name: value for name, value in read.items() if value is not None}


@dataclass(frozen=True)
class SectionPanel:
    """All sections of a tab, by their names."""

    parts: dict[str, SectionPart]

    def remembered(self) -> dict[str, Component]:
        """All switches and controls, under names that nothing else in a form has."""
        kept: dict[str, Component] = dict(self.switches())
        for name, part in self.parts.items():
            kept |= {f"section:{name}/{argument}": control for argument, control in part.controls.items()}
        return kept

    def switches(self) -> dict[str, gr.Checkbox]:
        """The switches, under the names by which they are remembered."""
        return {f"section:{name}": part.switch for name, part in self.parts.items()}

    def accordions(self) -> dict[str, list[str]]:
        """What closed groups tell of: whether their sections are on."""
        return {part.place: [f"section:{name}"] for name, part in self.parts.items()}

    def shown_pictures(self) -> set[Component]:
        """What shows the pictures of arguments."""
        return {one for part in self.parts.values() for box in part.pictures.values() for one in box.components()}

    def read(self, values: Mapping[Component, Any], task: Task | None = None) -> dict[str, dict[str, Any]]:
        """What those were given that are on; with a task its sections alone."""
        on = {name: part for name, part in self.parts.items() if values[part.switch]}
        return {name: part.read(values) for name, part in on.items() if task is None or part.is_of(task)}


def lay_out_sections(
    task: str, sections: Sequence[ArgumentGroup], available: Available, owners: SectionOwners | None = None
) -> SectionPanel:
    """All of them closed and off; `task` is what the ids of the tab's elements begin with.

    `owners` is asked of those that lay themselves out; without it the program does.
    """
    return SectionPanel({section.name: _lay_out_part(task, section, available, owners) for section in sections})


def _lay_out_part(task: str, section: ArgumentGroup, available: Available, owners: SectionOwners | None) -> SectionPart:
    place = element_id(f"section-{slug(section.name)}", task)
    controls = SectionControls(place, section, available)
    with gr.Accordion(section.name, open=False, elem_id=place, elem_classes=["section"]):
        help = f"{section.help[:1].upper()}{section.help[1:]}."
        switch = lay_out_switch(f"{place}-on", label="On", value=False, info=help if section.help else None)
        if owners is not None and isinstance(section, Section) and section.has_layout:
            controls = lay_out_itself(controls, section, task, owners)
        controls.lay_out_rest()
    return SectionPart(section, place, switch, controls.by_name, controls.pictures)
