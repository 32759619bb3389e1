"""Fills the form of a tab with what a picture says of how it was made, or with the picture itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.errors import InvalidRequest
from modules.schema.infotext import parse_infotext
from modules.schema.requests import REQUESTS, Img2ImgRequest, Task, Txt2ImgRequest
from modules.services.accounts import Visitor
from modules.services.build import Services
from modules.services.pictures import PictureReading
from modules.ui.binding import Known, filled
from modules.ui.extras_controls import PLACE
from modules.ui.extras_handlers import ExtrasHandlers
from modules.ui.extras_tab import ExtrasTab
from modules.ui.first_pass_handlers import FirstPassHandlers
from modules.ui.generation_handlers import sides_like
from modules.ui.generation_tab import GenerationTab
from modules.ui.notices import shortened
from modules.ui.page_state import PageState
from modules.ui.prompt_handlers import style_names
from modules.ui.section_handlers import SectionHandlers
from modules.ui.source_handlers import SourceHandlers
from modules.ui.source_panel import INPAINT, INPAINT_UPLOAD, OWN_SIZE, PLAIN, RESIZE_TO
from modules.ui.visitors import whose

MODES = {"img2img": PLAIN, "inpaint": INPAINT}
"""What is done with a picture that was sent, by the places that it can be sent to."""
_OF_TASKS = {"script_name", "script_args", "denoising_strength"}
"""What two tasks call alike and do not mean alike."""
Values = Mapping[Component, Any]
Changes = dict[Component, Any]


class FillHandlers:
    """Knows the tabs of all tasks: an infotext goes to the one that it was made with."""

    def __init__(
        self, services: Services, tabs: Mapping[Task, GenerationTab], extras: ExtrasTab, state: PageState
    ) -> None:
        self._services = services
        self._tabs = tabs
        self._extras = extras
        self._state = state

    def outputs(self) -> set[Component]:
        """Everything that may change."""
        extras = self._extras
        changing: set[Component] = {self._state.tabs, extras.mode, extras.notice, *extras.shown_source()}
        for tab in self._tabs.values():
            changing |= {*tab.asked(), *tab.script.columns(), *tab.sections.shown_pictures(), tab.notice}
            changing |= tab.first_pass.components() if tab.first_pass is not None else set()
        return changing

    def fill(self, infotext: str, task: Task | None = None) -> Changes:
        """Fill the form of a task, or else of the infotext's, and go there; says what could not be taken over."""
        reading = self._services.pictures.read_text(infotext)
        request, changed = self._restorable(reading)
        return self.show(request, task, changed, [f"Left out: {row}." for row in reading.not_honoured])

    def show(
        self,
        request: Txt2ImgRequest | Img2ImgRequest,
        task: Task | None = None,
        changed: Sequence[str] = (),
        left_out: Sequence[str] = (),
    ) -> Changes:
        """Fill the form of a task, or else of the request's, and go there; the sentences are said beside it."""
        is_own = task in (None, request.task)
        if task is not None and not is_own:
            request = _as_of(task, request)
        tab = self._tabs[request.task]
        changes, dropped = self._filled(tab, request)
        if isinstance(request, Img2ImgRequest):
            changes |= self._sources_of(tab, request) if is_own else {}
        else:
            changes |= FirstPassHandlers(self._services, tab).showing(request.firstpass_image)
        notice = {tab.notice: "\n".join(shortened([*changed, *dropped, *left_out]))}
        changes |= SectionHandlers(self._services, tab).filled(request.sections)
        return {**changes, **self._script_of(tab, request), **notice, self._state.tabs: gr.Tabs(selected=request.task)}

    def paste(self, task: Task, values: Values, visitor: Visitor) -> Changes:
        """Fill a task's form with the parameters in its prompt box, or with those of the newest picture.

        Raises InvalidRequest where there are none.
        """
        prompt = str(values[self._tabs[task].form["prompt"]] or "")
        infotext = prompt if prompt.strip() else self._newest_infotext(visitor)
        if not parse_infotext(infotext).parameters:
            problem = "holds no parameters" if infotext else "is empty, and no picture was made yet"
            remedy = "Paste a text with a line like “Steps: 20, Sampler: Euler a, CFG scale: 7” first."
            raise InvalidRequest("Prompt", "", problem, remedy)
        return self.fill(infotext, task)

    def _newest_infotext(self, visitor: Visitor) -> str:
        newest = self._services.pictures.page(0, 1, whose(visitor))
        return newest[0].infotext if newest else ""

    def begin_with(self, file: Path, infotext: str, place: str) -> Changes:
        """Begin with a picture on the tab of a place, and go there; on img2img also with the words it was made with.

        Raises UnreadablePicture, StorageFull.
        """
        if place == PLACE:
            return ExtrasHandlers(self._services, self._extras, self._state).begin_with(file)
        tab = self._tabs["img2img"]
        sources = SourceHandlers(self._services, tab)
        picture_id = self._services.inputs.add_file(file)
        width, height = sides_like(*self._services.inputs.size(picture_id))
        form = tab.form
        changes: Changes = sources.showing([picture_id])
        if infotext:
            reading = self._services.pictures.read_text(infotext)
            request, _ = self._restorable(reading)
            words, _ = self._filled(tab, request)
            for name in ("prompt", "negative_prompt", "styles", "wildcards"):
                changes[form[name]] = words[form[name]]
        assert tab.sources is not None and tab.size_mode is not None
        return {
            **changes,
            tab.sources.mode: MODES[place],
            tab.size_mode: RESIZE_TO,
            form["width"]: width,
            form["height"]: height,
            tab.notice: "",
            self._state.tabs: gr.Tabs(selected="img2img"),
        }

    def _filled(self, tab: GenerationTab, request: Txt2ImgRequest | Img2ImgRequest) -> tuple[Changes, tuple[str, ...]]:
        """The form's values, and sentences about those that it cannot hold."""
        styles = style_names(self._services)
        models = [checkpoint.name for checkpoint in self._services.models.all()]
        available = self._services.scripts.available(tab.task)
        known = Known(models, styles, available, self._services.sampling.names)
        shared = set(tab.form.by_name()) & set(type(request).model_fields)
        other = tab.form.request.model_validate(request.model_dump(include=shared, exclude_none=True))
        changes, dropped = filled(tab.form, other, known)
        changes[tab.form["styles"]] = gr.Dropdown(choices=styles, value=changes[tab.form["styles"]])
        return changes, dropped

    def _sources_of(self, tab: GenerationTab, request: Img2ImgRequest) -> Changes:
        """The stored pictures that a request begins with, and the size of the result."""
        assert tab.sources is not None and tab.size_mode is not None
        sources = SourceHandlers(self._services, tab)
        return {
            **sources.showing(request.init_images, request.mask),
            tab.sources.mode: INPAINT_UPLOAD if request.mask else PLAIN,
            tab.size_mode: RESIZE_TO if request.width and request.height else OWN_SIZE,
            tab.form["scale_by"]: 1,
        }

    def _script_of(self, tab: GenerationTab, request: Txt2ImgRequest | Img2ImgRequest) -> Changes:
        """The script of a request and its arguments; all other scripts are hidden."""
        chosen = request.script_name if request.script_name in tab.script.parts else None
        changes: Changes = {part.column: gr.Column(visible=name == chosen) for name, part in tab.script.parts.items()}
        changes[tab.script.choice] = chosen or ""
        if chosen:
            part = tab.script.parts[chosen]
            for argument in part.asked:
                value = request.script_args.get(argument.name, argument.initial)
                changes[part.controls[argument.name]] = list(value) if isinstance(value, tuple) else value
        return changes

    def _restorable(self, reading: PictureReading) -> tuple[Txt2ImgRequest | Img2ImgRequest, tuple[str, ...]]:
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


def _as_of(task: Task, request: Txt2ImgRequest | Img2ImgRequest) -> Txt2ImgRequest | Img2ImgRequest:
    """The same words and settings for another task, but for what only sounds alike."""
    shared = set(Txt2ImgRequest.model_fields) & set(Img2ImgRequest.model_fields) - _OF_TASKS
    return REQUESTS[task].model_validate(request.model_dump(include=shared, exclude_none=True))
