"""Which event calls which handler, and what it reads and changes. Nothing is laid out and nothing is done here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.schema.requests import Task
from modules.services.build import Services
from modules.ui.announcing import announced
from modules.ui.extras_tab import ExtrasTab
from modules.ui.filling import FillHandlers
from modules.ui.first_pass_handlers import FirstPassHandlers
from modules.ui.follow_handlers import FollowHandlers
from modules.ui.gallery_handlers import GalleryHandlers
from modules.ui.gallery_tab import GalleryTab
from modules.ui.generation_handlers import HIRES_FIELDS, GenerationHandlers
from modules.ui.generation_tab import GenerationTab
from modules.ui.job_handlers import JobHandlers
from modules.ui.job_panel import JobPanel
from modules.ui.memory import RememberedForm, describe_script, mark_script, remember
from modules.ui.model_handlers import ModelHandlers
from modules.ui.notices import guarded
from modules.ui.page_state import PageState
from modules.ui.picture_handlers import DroppedPictureHandlers, PictureHandlers
from modules.ui.picture_panel import PicturePanel
from modules.ui.png_info_handlers import PngInfoHandlers
from modules.ui.png_info_tab import PngInfoTab
from modules.ui.prompt_handlers import PromptHandlers
from modules.ui.script_handlers import ScriptHandlers
from modules.ui.source_handlers import SourceHandlers
from modules.ui.source_panel import BATCH

_TELL_MODE = """(mode) => {
  document.querySelector('#img2img-canvas .canvas')?.dispatchEvent(new CustomEvent('mode', {detail: mode}));
  return [];
}"""
Guard = Callable[..., Callable[..., Any]]


@dataclass(frozen=True)
class Wiring:
    """What all parts of the wiring need."""

    services: Services
    page: gr.Blocks
    state: PageState
    tabs: Mapping[Task, GenerationTab]
    extras: ExtrasTab
    memories: Mapping[str, gr.BrowserState]

    @property
    def quiet(self) -> dict[str, Any]:
        """Of events with quick handlers: they show no spinner of gradio's, and none waits for another.

        The one component that they show it on is invisible: gradio's page looks for each such component, through all
        that there are, whenever any event tells how it is getting on.
        """
        return {
            "show_progress": "hidden",
            "show_progress_on": self.state.submitted,
            "concurrency_limit": None,
            "api_visibility": "private",
        }

    @property
    def filling(self) -> FillHandlers:
        return FillHandlers(self.services, self.tabs, self.extras, self.state)


def wire_generation(wiring: Wiring, model: gr.Dropdown) -> None:
    """Everything that happens on the tabs that generate, and when the page is opened."""
    tabs = list(wiring.tabs.values())
    handlers = [GenerationHandlers(wiring.services, tab, wiring.state) for tab in tabs]
    for tab, handler in zip(tabs, handlers, strict=True):
        _wire_tab(wiring, tab, handler)
    panels: list[JobPanel] = [*tabs, wiring.extras]
    follower = FollowHandlers(wiring.services, panels, wiring.state)
    notice = tabs[0].notice
    followed: set[Component] = {wiring.state.running, wiring.state.newest}
    shown: set[Any] = {notice}
    for panel in panels:
        followed |= {panel.status, panel.interrupt, panel.skip, panel.notice}
        shown |= {panel.recent, *panel.result.components()}
    wiring.state.newest.change(guarded(notice, follower.show_newest, empties=False), None, shown, **wiring.quiet)
    gr.on(
        [wiring.page.load, wiring.state.submitted.change],
        guarded(notice, follower.follow),
        {wiring.state.submitted},
        followed,
        trigger_mode="always_last",  # a job that was queued while one watch ends gets the next
        **wiring.quiet,
    )
    forms = {component for tab in tabs for component in tab.form.components()}
    models = ModelHandlers(wiring.services, model, handlers)
    changing = {*forms, notice, *(tab.examples for tab in tabs)}
    selected = model.input(guarded(notice, models.select), forms, changing, **wiring.quiet)
    remember_all(wiring, selected)
    _wire_opening(wiring, tabs, models)


def _wire_opening(wiring: Wiring, tabs: list[GenerationTab], models: ModelHandlers) -> None:
    """One answer for all tabs: they share the checkpoint, and what came late would undo what somebody typed."""
    shown: set[Any] = set()
    for tab in tabs:
        tools = tab.tools
        shown |= {*tab.asked(), tab.examples, tab.notice, *tab.script.columns()}
        shown |= {tools.style_name, tools.wildcards, tools.remark}
        shown |= tab.first_pass.components() if tab.first_pass is not None else set()
    memories = [wiring.memories[tab.task] for tab in tabs]
    welcomed = wiring.page.load(guarded(tabs[0].notice, models.welcome), memories, shown, **wiring.quiet)
    _tell_hires(wiring, welcomed)
    for tab in tabs:
        welcomed.then(None, tab.asked(), None, js=mark_script(tab))


def _wire_tab(wiring: Wiring, tab: GenerationTab, handlers: GenerationHandlers) -> None:
    """One tab: asking, its form and what it remembers."""
    state, memory = wiring.state, wiring.memories[tab.task]
    guard = partial(guarded, tab.notice)
    asked = tab.asked()
    wiring.page.load(None, None, None, js=describe_script(tab))
    tab.tab.select(None, asked, None, js=mark_script(tab))  # a tab is there only when it is looked at
    queued = [tab.sources.batch.queued] if tab.sources is not None else []
    submit: Callable[..., Any] = handlers.submit
    if tab.sources is not None:
        submit = announced(submit, tab.sources.mode, {BATCH}, tab.sources.batch.queued, tab.notice)
    tab.generate.click(
        guard(submit, *queued),
        {*asked, *(tab.sources.batch.uploads() if tab.sources else ())},
        {state.submitted, tab.status, tab.notice, *queued},
        trigger_mode="multiple",
        **wiring.quiet,
    )
    wire_jobs(wiring, tab)
    form = tab.form
    changes = [
        tab.examples.click(guard(handlers.use_example), tab.examples, {form["prompt"], tab.notice}, **wiring.quiet),
        tab.reuse_seed.click(
            guard(handlers.reuse_seed), {tab.result.parameters}, {form["seed"], tab.notice}, **wiring.quiet
        ),
        tab.random_seed.click(None, None, form["seed"], js="() => '-1'"),
        tab.swap.click(None, [form["width"], form["height"]], [form["width"], form["height"]], js="(w, h) => [h, w]"),
        *_wire_first_pass(wiring, tab, guard),
        *_wire_sources(wiring, tab, handlers, guard),
        *_wire_scripts(wiring, tab, guard),
        *_wire_words(wiring, tab, guard),
    ]
    _wire_hires(wiring, tab, handlers, guard)
    typed = [one.input for one in asked if one is not (tab.sources and tab.sources.canvas)]
    remember(tab, memory, [*typed, *(change.then for change in changes)])


def _wire_hires(wiring: Wiring, tab: GenerationTab, handlers: GenerationHandlers, guard: Guard) -> None:
    if tab.hires_line is None:
        return
    deciding = [tab.form[name] for name in HIRES_FIELDS]
    gr.on(
        [component.change for component in deciding],
        guard(handlers.describe_hires, empties=False),
        set(deciding),
        {tab.hires_line, tab.notice},
        trigger_mode="always_last",
        **wiring.quiet,
    )


def _wire_first_pass(wiring: Wiring, tab: GenerationTab, guard: Guard) -> list[Any]:
    if tab.first_pass is None:
        return []
    panel, handlers = tab.first_pass, FirstPassHandlers(wiring.services, tab)
    shown = {*panel.components(), tab.notice}
    return [
        panel.file.upload(guard(handlers.take_in), {panel.file}, shown, **wiring.quiet),
        panel.remove.click(guard(handlers.remove), None, shown, **wiring.quiet),
    ]


def _wire_sources(wiring: Wiring, tab: GenerationTab, handlers: GenerationHandlers, guard: Guard) -> list[Any]:
    if tab.sources is None or tab.take_size is None:
        return []
    panel, sources = tab.sources, SourceHandlers(wiring.services, tab)
    panel.mode.change(None, panel.mode, None, js=_TELL_MODE)
    shown = {panel.files, panel.canvas, panel.mask_file, tab.notice}
    sides = {tab.form["width"], tab.form["height"], tab.notice}
    return [
        panel.files.upload(guard(sources.take_in), {panel.files, panel.canvas}, shown, **wiring.quiet),
        panel.mask_file.upload(guard(sources.take_in_mask), {panel.mask_file, panel.canvas}, shown, **wiring.quiet),
        panel.mask_file.clear(guard(sources.take_in_mask), {panel.mask_file, panel.canvas}, shown, **wiring.quiet),
        panel.canvas.clear(guard(sources.clear), None, shown, **wiring.quiet),
        tab.take_size.click(guard(handlers.take_size), {panel.canvas}, sides, **wiring.quiet),
    ]


def _wire_scripts(wiring: Wiring, tab: GenerationTab, guard: Guard) -> list[Any]:
    """The chosen script's controls, what their lists offer, and the buttons beside texts."""
    panel, handlers = tab.script, ScriptHandlers(wiring.services, tab)
    every = {*panel.components(), *panel.columns(), tab.notice}
    fillers = {button for part in panel.parts.values() for button in part.fillers.values()}
    panel.choice.change(
        guard(handlers.choose, empties=False), set(panel.components()), {*every, *fillers}, **wiring.quiet
    )
    filled = []
    for name, part in panel.parts.items():
        controls = set(part.controls.values())
        deciding = [control for control in controls if isinstance(control, gr.Dropdown)]
        if part.fillers:
            offered = {*controls, *part.fillers.values(), tab.notice}
            gr.on(
                [one.change for one in deciding],
                guard(partial(handlers.offer, name), empties=False),
                controls,
                offered,
                **wiring.quiet,
            )
        for argument, button in part.fillers.items():
            put = guard(partial(handlers.put_all_in, name, argument))
            filled.append(button.click(put, controls, {part.controls[argument], tab.notice}, **wiring.quiet))
        for argument, button in part.openers.items():
            text = part.controls[argument]
            filled.append(button.click(None, text, text, js="(now) => window.atelier.chooseText(now)"))
    return filled


def _wire_words(wiring: Wiring, tab: GenerationTab, guard: Guard) -> list[Any]:
    """Everything that looks at the prompts, and what changes them without the keyboard."""
    others = [one for one in wiring.tabs.values() if one is not tab]
    handlers = PromptHandlers(wiring.services, tab, others)
    form, tools, texts = tab.form, tab.tools, tab.texts
    words = {form["prompt"], form["negative_prompt"], form["styles"]}
    gr.on(
        [component.change for component in words],
        guard(handlers.describe),
        words,
        {texts.problem, texts.count, texts.negative_count, tab.notice},
        trigger_mode="always_last",
        **wiring.quiet,
    )
    tools.preview.click(guard(handlers.preview), set(tab.asked()), {tools.previewed, tab.notice}, **wiring.quiet)
    styles = {form["styles"], tools.style_name, tools.remark, tab.notice}
    for other in others:
        styles |= {other.form["styles"], other.tools.style_name}
    named = {*words, tools.style_name}
    return [
        tools.save_style.click(guard(handlers.save_style), named, styles, **wiring.quiet),
        tools.delete_style.click(guard(handlers.delete_style), named, styles, **wiring.quiet),
        tools.wildcards.input(
            guard(handlers.add_wildcard),
            {form["prompt"], tools.wildcards},
            {form["prompt"], form["wildcards"], tools.wildcards, tab.notice},
            **wiring.quiet,
        ),
    ]


def wire_jobs(wiring: Wiring, panel: JobPanel) -> None:
    """What every tab that queues jobs can do with them and their pictures."""
    handlers = JobHandlers(wiring.services, panel, wiring.state)
    guard = partial(guarded, panel.notice)
    running = {wiring.state.running}
    for button, handler in ((panel.interrupt, handlers.interrupt), (panel.skip, handlers.skip)):
        button.click(guard(handler), running, {panel.notice}, **wiring.quiet)
    panel.recent.select(guard(handlers.select_recent), None, {panel.notice, *panel.result.components()}, **wiring.quiet)
    wire_picture(wiring, panel.result, panel.notice)


def wire_picture(wiring: Wiring, panel: PicturePanel, notice: gr.HTML) -> None:
    """Everything that can be done with the picture of a panel."""
    filling = wiring.filling
    handlers = PictureHandlers(wiring.services, panel, wiring.state, filling)
    guard = partial(guarded, notice)
    for key, button in panel.remixes.items():
        remixed: set[Component] = {wiring.state.submitted, panel.remark, notice}
        button.click(
            guard(partial(handlers.remix, key)), {panel.chosen}, remixed, trigger_mode="multiple", **wiring.quiet
        )
    for place, button in panel.sending.items():
        sent = button.click(
            guard(partial(handlers.send, place)), {panel.chosen}, {*filling.outputs(), notice}, **wiring.quiet
        )
        remember_all(wiring, sent)
    wire_filling(wiring, panel.send, panel.parameters, notice)


def wire_filling(wiring: Wiring, button: gr.Button, infotext: gr.Textbox, notice: gr.HTML) -> None:
    """A button that fills a form with an infotext and goes there."""
    filling = wiring.filling
    filled = button.click(guarded(notice, filling.fill), infotext, {*filling.outputs(), notice}, **wiring.quiet)
    remember_all(wiring, filled)


def wire_gallery(wiring: Wiring, tab: GalleryTab) -> None:
    """Everything that happens on the Gallery tab."""
    handlers = GalleryHandlers(wiring.services, tab)
    guard = partial(guarded, tab.notice)
    shown = {tab.page, tab.position, tab.newer, tab.older, tab.empty, tab.thumbnails, tab.notice}
    tab.tab.select(guard(handlers.open), {tab.page}, shown, **wiring.quiet)
    tab.newer.click(guard(handlers.show_newer), {tab.page}, shown, **wiring.quiet)
    tab.older.click(guard(handlers.show_older), {tab.page}, shown, **wiring.quiet)
    tab.thumbnails.select(guard(handlers.choose), None, {tab.notice, *tab.chosen.components()}, **wiring.quiet)
    wire_picture(wiring, tab.chosen, tab.notice)


def wire_png_info(wiring: Wiring, tab: PngInfoTab) -> None:
    """Everything that happens on the PNG Info tab."""
    handlers = PngInfoHandlers(wiring.services, tab)
    guard = partial(guarded, tab.notice)
    results = {*tab.results(), tab.notice}
    cleared = tab.file.change(guard(handlers.clear), None, results, **wiring.quiet)
    cleared.then(guard(handlers.read), {tab.file}, results, **wiring.quiet)
    wire_filling(wiring, tab.send, tab.infotext, tab.notice)
    dropped = DroppedPictureHandlers(tab.file, tab.infotext, wiring.filling)
    for place, button in tab.sending.items():
        send = guard(partial(dropped.send, place))
        outputs = {*wiring.filling.outputs(), tab.notice}
        remember_all(wiring, button.click(send, {tab.file, tab.infotext}, outputs, **wiring.quiet))


def _tell_hires(wiring: Wiring, event: Any) -> None:
    """What changed in a closed accordion does not say so by itself."""
    for tab in wiring.tabs.values():
        if tab.hires_line is not None:
            handlers = GenerationHandlers(wiring.services, tab, wiring.state)
            describe = guarded(tab.notice, handlers.describe_hires, empties=False)
            deciding = {tab.form[name] for name in HIRES_FIELDS}
            event.then(describe, deciding, {tab.hires_line, tab.notice}, **wiring.quiet)


def remember_all(wiring: Wiring, event: Any) -> None:
    """Keep all forms in the browser once an event that changes them is over."""
    _tell_hires(wiring, event)
    tabs: list[RememberedForm] = [*wiring.tabs.values(), wiring.extras]
    for tab in tabs:
        remember(tab, wiring.memories[tab.task], [event.then])
