"""What a tab that generates does: each handler calls services and says which components change."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.checkpoints.card import Card
from modules.checkpoints.registry import Checkpoint
from modules.errors import InvalidRequest, ModelNotFound
from modules.imaging.sides import contained_sides, covering_sides, stepped
from modules.schema.hires_fields import HiresFields, second_pass_sides
from modules.schema.refusals import LABELS
from modules.schema.requests import MAX_SIDE, MIN_SIDE
from modules.services.accounts import Visitor
from modules.services.build import Services
from modules.ui.asking import requested
from modules.ui.batch_handlers import BatchHandlers
from modules.ui.binding import following_model, recommended_values
from modules.ui.first_pass_handlers import FirstPassHandlers
from modules.ui.generation_tab import GenerationTab
from modules.ui.job_handlers import JobHandlers
from modules.ui.memory import can_hold
from modules.ui.overrides_panel import usual_by_settings, with_usual
from modules.ui.page_state import PageState
from modules.ui.prompt_handlers import style_names, word_choices
from modules.ui.request_controls import choices_of
from modules.ui.section_handlers import SectionHandlers
from modules.ui.size_tools import size_value
from modules.ui.source_handlers import SourceHandlers
from modules.ui.source_panel import BATCH, SIZES
from modules.ui.visitors import chosen_picture

_HIRES_SIZES = ("enable_hr", "hr_scale", "hr_resize_x", "hr_resize_y")
HIRES_FIELDS = (*_HIRES_SIZES, "width", "height", "firstpass_image")
"""What the sizes of a second pass follow from."""
LISTS = frozenset({"hr_upscaler", "hr_checkpoint_name", "refiner_checkpoint", "sd_upscale_upscaler", "sd_vae"})
"""Lists that files on the disk are in, beside models and styles."""
Values = Mapping[Component, Any]
Changes = dict[Component, Any]


class GenerationHandlers:
    """The tab's handlers; `values` are those of the components named as inputs."""

    def __init__(self, services: Services, tab: GenerationTab, state: PageState) -> None:
        self._services = services
        self._tab = tab
        self._jobs = JobHandlers(services, tab, state)

    def submit(self, values: Values, visitor: Visitor) -> Changes:
        """Queue what the tab asks for."""
        sources, generate = self._tab.sources, self._services.generate
        if sources is not None and values[sources.mode] == BATCH:
            batch, told = BatchHandlers(self._services, self._tab).batch(values, visitor)
            return {**self._jobs.queue(partial(generate.submit_batch, batch), values, visitor), **told}
        request = requested(self._services, self._tab, values)
        return self._jobs.queue(partial(generate.submit, request), values, visitor)

    def reuse_seed(self, values: Values, visitor: Visitor) -> Changes:
        """Take over the seed of the picture that is shown."""
        shown = str(values[self._tab.result.shown] or "")
        infotext = chosen_picture(self._services.pictures, visitor, shown).infotext if shown else ""
        seed = self._services.pictures.read_text(infotext).request.seed
        if seed == -1:
            raise InvalidRequest("Seed", "", "cannot be reused: no picture is shown yet", "Press Generate first.")
        return {self._tab.form["seed"]: str(seed)}

    def take_size(self, values: Values) -> Changes:
        """Make the result as large as the picture to begin with."""
        width, height = sides_like(*SourceHandlers(self._services, self._tab).shown_size(values))
        form = self._tab.form
        return {form["width"]: width, form["height"]: height}

    def describe_hires(self, values: Values) -> Changes:
        """Say what the second pass makes of the first."""
        return {self._tab.hires_line: self._hires_line(values)}

    def welcome(self, remembered: Mapping[str, Any] | None, user: str = "") -> Changes:
        """Bring a page that was just opened up to date: lists, examples, what its form held before."""
        form = self._tab.form
        names = [checkpoint.name for checkpoint in self._services.models.all()]
        try:
            current = self._services.models.current()
        except ModelNotFound as error:
            return {form["model"]: gr.Dropdown(choices=[], value=None), self._tab.notice: str(error)}
        trusted = self._trusted(self._default_preset(user) if remembered is None else remembered)
        by_settings = usual_by_settings(self._services.settings.current)
        values = {**recommended_values(current.card.recommended), **by_settings, **self._tab.defaults, **trusted}
        changes = {component: values[name] for name, component in self._plain().items() if name in values}
        changes |= self._lists(values)
        changes |= word_choices(self._services, self._tab, values.get("styles"))
        if self._tab.first_pass is not None and values.get("firstpass_image"):
            changes |= FirstPassHandlers(self._services, self._tab).showing(values["firstpass_image"])
        if self._tab.sources is not None and isinstance(remembered, Mapping):
            changes |= SourceHandlers(self._services, self._tab).recalled(remembered)
        changes |= SectionHandlers(self._services, self._tab).recalled(values)
        chosen = values.get("script_name")
        changes |= {part.column: gr.Column(visible=name == chosen) for name, part in self._tab.script.parts.items()}
        model = gr.Dropdown(choices=names, value=current.name)
        shown = {**examples_of(self._tab, current.card), **self.sizes_of(current)}
        told = with_usual(self._tab.told.value, {**by_settings, **self._tab.defaults})
        return {**changes, **shown, form["model"]: model, self._tab.told: told}

    def put_in(self, kept: Mapping[str, Any]) -> tuple[Changes, tuple[str, ...]]:
        """Fill the form with what a preset keeps, and say what of it is not here; all other fields stay."""
        trusted = self._trusted(kept)
        here = self._names_here()
        dropped = []
        for name in trusted.keys() & here.keys():
            given = trusted[name]
            missing = [one for one in (given if isinstance(given, list) else [given]) if one not in here[name]]
            if missing:
                dropped.append(f"{LABELS[name]} {missing[0]!r} is not here; yours is kept.")
                del trusted[name]
        changes = {component: trusted[name] for name, component in self._plain().items() if name in trusted}
        changes |= SectionHandlers(self._services, self._tab).recalled(trusted)
        if "script_name" in trusted:
            parts = self._tab.script.parts
            changes |= {part.column: gr.Column(visible=name == trusted["script_name"]) for name, part in parts.items()}
        return changes, tuple(sorted(dropped))

    def sizes_of(self, checkpoint: Checkpoint) -> Changes:
        """The sizes that suit a checkpoint."""
        return {self._tab.size_tools: size_value(self._tab.task, checkpoint)}

    def follow_model(self, values: Values, before: Card, after: Card) -> Changes:
        """What changes with the checkpoint; fields that a person changed stay as they are."""
        changes = following_model(values, self._tab.form, before.recommended, after.recommended)
        return {**changes, **examples_of(self._tab, after)}

    def _default_preset(self, user: str) -> Mapping[str, Any]:
        preset = self._services.presets.default(self._tab.task, user)
        return {} if preset is None else preset.values

    def _names_here(self) -> dict[str, Collection[Any]]:
        """What the lists of the form's own fields hold now."""
        available = self._services.scripts.available(self._tab.task)
        names: dict[str, Collection[Any]] = {
            name: [entry for _, entry in component.choices]
            for name, component in self._tab.form.by_name().items()
            if isinstance(component, gr.Dropdown)
        }
        for name in LISTS & names.keys():
            names[name] = [one[1] if isinstance(one, tuple) else one for one in choices_of(name, available)]
        names["styles"] = style_names(self._services)
        names["model"] = [checkpoint.name for checkpoint in self._services.models.all()]
        return names

    def _plain(self) -> dict[str, Component]:
        """The remembered components whose values are words, numbers and switches."""
        sources = self._tab.sources.remembered() if self._tab.sources is not None else {}
        return {name: one for name, one in self._tab.remembered().items() if name not in sources}

    def _lists(self, values: Mapping[str, Any]) -> Changes:
        """The lists of what lies on the disk, each with its value where that still is there."""
        available = self._services.scripts.available(self._tab.task)
        changes: Changes = {}
        for name, component in self._tab.form.by_name().items():
            if name not in LISTS:
                continue
            choices = choices_of(name, available)
            entries = [one[1] if isinstance(one, tuple) else one for one in choices]
            value = values.get(name, component.value)
            changes[component] = gr.Dropdown(choices=choices, value=value if value in entries else entries[0])
        return changes

    def _hires_line(self, values: Values) -> str:
        form = self._tab.form
        if not values[form["enable_hr"]]:
            return ""
        try:
            width, height = (int(float(values[form[name]])) for name in ("width", "height"))
            given = {name: values[form[name]] for name in _HIRES_SIZES if values[form[name]] not in (None, "")}
            sides = second_pass_sides(HiresFields(**given), width, height)
        except (ValueError, TypeError, ZeroDivisionError):  # said when the picture is asked for
            return ""
        first = "the first pass image, " if values[form["firstpass_image"]] else ""
        return f"from {first}{width} x {height} to {sides[0]} x {sides[1]}"

    def _trusted(self, remembered: Mapping[str, Any] | None) -> dict[str, Any]:
        """What the browser kept, where it still is of a kind that a form can hold."""
        known = self._plain()
        pairs = remembered.items() if isinstance(remembered, Mapping) else ()
        trusted = {name: value for name, value in pairs if name in known and can_hold(known[name], value)}
        if trusted.get("size_mode", SIZES[0]) not in SIZES:
            del trusted["size_mode"]
        if trusted.get("script_name", "") not in ("", *self._tab.script.parts):
            del trusted["script_name"]
        return trusted


def examples_of(tab: GenerationTab, card: Card) -> Changes:
    """The prompts that a checkpoint's card proposes, where the tab has a place for them."""
    samples = [[example] for example in card.example_prompts]
    return {tab.examples: gr.Dataset(samples=samples, visible=bool(samples) and tab.task == "txt2img")}


def sides_like(width: int, height: int) -> tuple[int, int]:
    """The sides of a picture as a form can ask for them: of its shape as far as the limits allow."""
    if max(width, height) > MAX_SIDE:
        width, height = contained_sides(width, height, MAX_SIDE, MAX_SIDE)
    if min(width, height) < MIN_SIDE:
        width, height = covering_sides(width, height, MIN_SIDE, MIN_SIDE)
    return min(MAX_SIDE, stepped(width)), min(MAX_SIDE, stepped(height))
