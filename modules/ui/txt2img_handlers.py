"""What the txt2img tab does: each handler calls services and says which components change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.checkpoints.card import Card
from modules.errors import InvalidRequest, ModelNotFound
from modules.schema.requests import Txt2ImgRequest
from modules.services.build import Services
from modules.services.pictures import PictureReading
from modules.ui.binding import Known, filled, following_model, recommended_values, request_of
from modules.ui.prompt_handlers import style_names, word_choices
from modules.ui.status_panel import status_value
from modules.ui.thumbnails import clicked_picture, entries, shown_file
from modules.ui.txt2img_tab import Txt2ImgTab
from modules.ui.watching import Sight, watch

RECENT_PICTURES = 8
Values = Mapping[Component, Any]
Changes = dict[Component, Any]


class Txt2ImgHandlers:
    """The tab's handlers; `values` are those of the components named as inputs."""

    def __init__(self, services: Services, tab: Txt2ImgTab) -> None:
        self._services = services
        self._tab = tab

    def submit(self, values: Values) -> Changes:
        """Queue what the form asks for."""
        job = self._services.generate.submit(request_of(values, self._tab.form))
        front = self._services.generate.active_jobs()[:1]
        # Said at once, and not only by the watch, which takes a moment to begin.
        at_once = {self._tab.status: status_value(Sight(job), has_pictures=True)} if front == [job] else {}
        return {self._tab.submitted: job.id, **at_once}

    def interrupt(self, values: Values) -> Changes:
        """Stop the job that is shown."""
        if job_id := values[self._tab.running]:
            self._services.generate.interrupt(job_id)
        return {self._tab.interrupt: gr.Button(interactive=False)}

    async def follow(self, values: Values) -> AsyncIterator[Changes]:
        """Show the jobs of the server until all are over, whoever queued them."""
        saved = -1
        async for sight in watch(self._services.generate, values[self._tab.submitted] or ""):
            yield await asyncio.to_thread(self._shown, sight, sight.saved != saved)
            saved = sight.saved

    def select_recent(self, event: gr.SelectData) -> Changes:
        """Show a picture of the row large."""
        picture = clicked_picture(self._services.pictures, event)
        return self._tab.result.showing(shown_file(self._services, picture), picture.infotext)

    def use_parameters(self, values: Values) -> Changes:
        """Fill the form with the parameters below the picture."""
        return self.fill(values[self._tab.result.parameters])

    def fill(self, infotext: str) -> Changes:
        """Fill the form with an infotext; says what could not be taken over."""
        reading = self._services.pictures.read_text(infotext)
        form, styles = self._tab.form, style_names(self._services)
        request, changed = self._restorable(reading)
        known = Known(models=[checkpoint.name for checkpoint in self._services.models.all()], styles=styles)
        changes, dropped = filled(form, request, known)
        changes[form["styles"]] = gr.Dropdown(choices=styles, value=changes[form["styles"]])
        left_out = [f"Left out: {row}." for row in reading.not_honoured]
        return {**changes, self._tab.notice: "\n".join([*changed, *dropped, *left_out])}

    def reuse_seed(self, values: Values) -> Changes:
        """Take over the seed of the picture that is shown."""
        infotext = values[self._tab.result.parameters] or ""
        seed = self._services.pictures.read_text(infotext).request.seed
        if seed == -1:
            raise InvalidRequest("Seed", "", "cannot be reused: no picture is shown yet", "Press Generate first.")
        return {self._tab.form["seed"]: str(seed)}

    def select_model(self, values: Values) -> Changes:
        """Use another checkpoint; fields that a person changed stay as they are."""
        form = self._tab.form
        before = self._services.models.current().card.recommended
        card = self._services.models.select(values[form["model"]] or "").card
        return {**following_model(values, form, before, card.recommended), **self._examples(card)}

    def use_example(self, sample: list[Any]) -> Changes:
        """Put an example into the prompt."""
        return {self._tab.form["prompt"]: sample[0]}

    def welcome(self, remembered: Mapping[str, Any] | None) -> Changes:
        """Bring a page that was just opened up to date: checkpoints, examples, what its form held before."""
        form = self._tab.form
        names = [checkpoint.name for checkpoint in self._services.models.all()]
        try:
            current = self._services.models.current()
        except ModelNotFound as error:
            return {form["model"]: gr.Dropdown(choices=[], value=None), self._tab.notice: str(error)}
        values = {**recommended_values(current.card.recommended), **self._trusted(remembered)}
        changes = {component: values[name] for name, component in form.by_name().items() if name in values}
        changes |= word_choices(self._services, self._tab, values.get("styles"))
        model = gr.Dropdown(choices=names, value=current.name)
        return {**changes, **self._examples(current.card), form["model"]: model}

    def _restorable(self, reading: PictureReading) -> tuple[Txt2ImgRequest, tuple[str, ...]]:
        """What to fill the form with: what was typed, or what was painted where its styles and wildcards are gone."""
        typed = reading.typed
        if typed is None:
            return reading.request, ()
        try:
            styled = self._services.styles.apply(typed.prompt, typed.negative_prompt, typed.styles)
            for text in styled if typed.wildcards else ():
                self._services.wildcards.check(text)
        except InvalidRequest as error:
            return reading.request, (f"{error} The prompts are filled in as they were painted.",)
        return typed, ()

    def _trusted(self, remembered: Mapping[str, Any] | None) -> dict[str, Any]:
        """What the browser kept, where it still is of a kind that a form can hold."""
        known = self._tab.form.by_name()
        pairs = remembered.items() if isinstance(remembered, Mapping) else ()
        return {name: value for name, value in pairs if name in known and _is_plain(name, value)}

    def _examples(self, card: Card) -> Changes:
        samples = [[example] for example in card.example_prompts]
        return {self._tab.examples: gr.Dataset(samples=samples, visible=bool(samples))}

    def _shown(self, sight: Sight, has_new_pictures: bool) -> Changes:
        tab = self._tab
        changes: Changes = {
            tab.status: status_value(sight, has_pictures=self._services.pictures.count() > 0),
            tab.interrupt: gr.Button(interactive=sight.job is not None),
            tab.running: sight.job.id if sight.job else "",
        }
        failure = {tab.notice: sight.failure} if sight.failure else {}
        return changes | failure | (self._recent() if has_new_pictures else {})

    def _recent(self) -> Changes:
        """The row of recent pictures, the newest of them large."""
        pictures = self._services.pictures.page(0, RECENT_PICTURES)
        row = gr.Gallery(value=entries(self._services.pictures, pictures), visible=len(pictures) > 1)
        if not pictures:
            return {self._tab.recent: row, **self._tab.result.showing(None, "")}
        newest = shown_file(self._services, pictures[0])
        return {self._tab.recent: row, **self._tab.result.showing(newest, pictures[0].infotext)}


def _is_plain(name: str, value: object) -> bool:
    """Whether a form can hold a value that a browser kept for that field."""
    if name == "styles":
        return isinstance(value, list) and all(isinstance(entry, str) for entry in value)
    return isinstance(value, (str, int, float))
