"""Which event calls which handler, and what it reads and changes. Nothing is laid out and nothing is done here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
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
from modules.ui.memory import (
    RememberedForm,
    Told,
    describe_script,
    filling,
    kept,
    mark_script,
    remember,
    take_script,
)
from modules.ui.model_handlers import ModelHandlers
from modules.ui.notices import guarded
from modules.ui.page_state import TELL_SIZES, PageState
from modules.ui.picture_desk import PictureDesk
from modules.ui.picture_handlers import DroppedPictureHandlers, PictureHandlers
from modules.ui.png_info_handlers import PngInfoHandlers
from modules.ui.png_info_tab import PngInfoTab
from modules.ui.presets_handlers import PresetHandlers
from modules.ui.prompt_handlers import PromptHandlers
from modules.ui.script_handlers import ScriptHandlers
from modules.ui.section_handlers import SectionHandlers
from modules.ui.source_handlers import SourceHandlers
from modules.ui.source_panel import BATCH

_TELL_MODE = """(mode) => {
  document.querySelector('#img2img-canvas .canvas')?.dispatchEvent(new CustomEvent('mode', {detail: mode}));
  return [];
}"""
_USE_EXAMPLE = "(place, model) => model.examples?.[place] ?? ''"
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
    def fills(self) -> FillHandlers:
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
    for panel in panels:
        followed |= {panel.status, panel.interrupt, panel.skip, panel.notice}
    wiring.state.newest.change(None, wiring.state.newest, None, js="(newest) => window.atelier.results.show(newest)")
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
    changing = {*forms, notice, *(one for tab in tabs for one in (tab.examples, tab.size_tools))}
    filling(model.input, guarded(notice, models.select), forms, changing, **wiring.quiet)
    _wire_opening(wiring, tabs, models)


def _wire_opening(wiring: Wiring, tabs: list[GenerationTab], models: ModelHandlers) -> None:
    """One answer for all tabs: they share the checkpoint, and what came late would undo what somebody typed."""
    shown: set[Any] = set()
    for tab in tabs:
        tools = tab.tools
        shown |= {*tab.asked(), tab.examples, tab.size_tools, tab.notice, tab.told, *tab.script.columns()}
        shown |= {tools.style_name, tools.wildcards, tools.remark, *tab.sections.shown_pictures()}
        shown |= tab.first_pass.components() if tab.first_pass is not None else set()
    memories = [wiring.memories[tab.task] for tab in tabs]
    welcomed = wiring.page.load(guarded(tabs[0].notice, models.welcome), memories, shown, **wiring.quiet)
    welcomed.then(None, [one for tab in tabs for one in tab.asked()], None, js=mark_script(tabs))


def _wire_tab(wiring: Wiring, tab: GenerationTab, handlers: GenerationHandlers) -> None:
    """One tab: asking, its form and what it remembers."""
    state, asked = wiring.state, tab.asked()
    guard = partial(guarded, tab.notice)
    queued = [tab.sources.batch.queued] if tab.sources is not None else []
    submit: Callable[..., Any] = handlers.submit
    if tab.sources is not None:
        submit = announced(submit, tab.sources.mode, {BATCH}, tab.sources.batch.queued, tab.notice)
    given = {*asked, *(tab.sources.batch.uploads() if tab.sources else ()), state.how}
    tab.generate.click(
        guard(submit, *queued),
        given,
        {state.submitted, tab.status, tab.notice, *queued},
        trigger_mode="multiple",
        js=how_script(state, given),
        **wiring.quiet,
    )
    wire_jobs(wiring, tab)
    form = tab.form
    tab.random_seed.click(None, None, form["seed"], js="() => '-1'")
    sides = [form["width"], form["height"]]
    tab.swap.click(None, sides, sides, js="(width, height) => [height, width]")
    state.putting[tab.task].click(None, None, list(tab.remembered().values()), js=take_script(tab))
    _wire_bar(wiring, tab, handlers)
    # By the browser alone: a Generate that is pressed right after must not be faster than the example.
    kept(tab.examples.click(None, [tab.examples, tab.size_tools], form["prompt"], js=_USE_EXAMPLE))
    reused = {form["seed"], tab.notice}
    filling(tab.reuse_seed.click, guard(handlers.reuse_seed), {tab.result.shown}, reused, **wiring.quiet)
    _wire_first_pass(wiring, tab, guard)
    _wire_sources(wiring, tab, handlers, guard)
    _wire_scripts(wiring, tab, guard)
    wire_sections(wiring, tab, guard)
    _wire_words(wiring, tab, guard)
    if tab.hires_line is not None:
        deciding = {tab.form[name] for name in HIRES_FIELDS}
        describe = guard(handlers.describe_hires, empties=False)
        state.telling.click(
            describe, deciding, {tab.hires_line, tab.notice}, trigger_mode="always_last", **wiring.quiet
        )


def _wire_bar(wiring: Wiring, tab: GenerationTab, handlers: GenerationHandlers) -> None:
    """The tools below the prompts that ask the server."""
    guard, words = partial(guarded, tab.notice), PromptHandlers(wiring.services, tab)
    form = tab.form
    prompts = {form["prompt"], form["negative_prompt"], form["styles"]}
    paste = guard(partial(wiring.fills.paste, tab.task))
    filled = {*tab.asked(), *tab.script.columns(), *tab.sections.shown_pictures(), tab.notice}
    presets = PresetHandlers(wiring.services, tab, handlers)
    filling(tab.bar.select, paste, {form["prompt"]}, {*wiring.fills.outputs(), tab.notice}, **wiring.quiet)
    filling(tab.bar.submit, guard(words.apply_styles), prompts, {*prompts, tab.notice}, **wiring.quiet)
    filling(tab.bar.input, guard(presets.apply), None, filled, **wiring.quiet)


def _wire_first_pass(wiring: Wiring, tab: GenerationTab, guard: Guard) -> None:
    if tab.first_pass is None:
        return
    panel, handlers = tab.first_pass, FirstPassHandlers(wiring.services, tab)
    shown = {*panel.components(), tab.notice}
    filling(panel.file.upload, guard(handlers.take_in), {panel.file}, shown, **wiring.quiet)
    filling(panel.remove.click, guard(handlers.remove), None, shown, **wiring.quiet)


def _wire_sources(wiring: Wiring, tab: GenerationTab, handlers: GenerationHandlers, guard: Guard) -> None:
    if tab.sources is None or tab.take_size is None:
        return
    panel, sources = tab.sources, SourceHandlers(wiring.services, tab)
    panel.mode.change(None, panel.mode, None, js=_TELL_MODE)
    shown = {panel.files, panel.canvas, panel.mask_file, tab.notice}
    sides = {tab.form["width"], tab.form["height"], tab.notice}
    masked = {panel.mask_file, panel.canvas}
    filling(panel.files.upload, guard(sources.take_in), {panel.files, panel.canvas}, shown, **wiring.quiet)
    filling(panel.mask_file.upload, guard(sources.take_in_mask), masked, shown, **wiring.quiet)
    filling(panel.mask_file.clear, guard(sources.take_in_mask), masked, shown, **wiring.quiet)
    filling(panel.canvas.clear, guard(sources.clear), None, shown, **wiring.quiet)
    filling(tab.take_size.click, guard(handlers.take_size), {panel.canvas}, sides, **wiring.quiet)


def _wire_scripts(wiring: Wiring, tab: GenerationTab, guard: Guard) -> None:
    """The chosen script's controls, what their lists offer, and the buttons beside texts."""
    panel, handlers = tab.script, ScriptHandlers(wiring.services, tab)
    every = {*panel.components(), *panel.columns(), tab.notice}
    fillers = {button for part in panel.parts.values() for button in part.fillers.values()}
    panel.choice.change(
        guard(handlers.choose, empties=False), set(panel.components()), {*every, *fillers}, **wiring.quiet
    )
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
            filling(button.click, put, controls, {part.controls[argument], tab.notice}, **wiring.quiet)
        for argument, button in part.openers.items():
            text = part.controls[argument]
            kept(button.click(None, text, text, js="(now) => window.atelier.chooseText(now)"))


def wire_sections(wiring: Wiring, tab: GenerationTab | ExtrasTab, guard: Guard) -> None:
    """The pictures of sections, or of steps of post-processing."""
    handlers = SectionHandlers(wiring.services, tab)
    for name, part in tab.sections.parts.items():
        for argument, box in part.pictures.items():
            shown = {*box.components(), tab.notice}
            take_in = guard(partial(handlers.take_in, name, argument))
            filling(box.file.upload, take_in, {box.file}, shown, **wiring.quiet)
            remove = guard(partial(handlers.remove, name, argument))
            filling(box.remove.click, remove, None, shown, **wiring.quiet)


def _wire_words(wiring: Wiring, tab: GenerationTab, guard: Guard) -> None:
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
    edited = {*words, tools.remark, tab.notice}
    drawn = {form["prompt"], tools.wildcards}
    filling(tools.save_style.click, guard(handlers.save_style), named, styles, **wiring.quiet)
    filling(tools.delete_style.click, guard(handlers.delete_style), named, styles, **wiring.quiet)
    filling(tools.edit_style.click, guard(handlers.edit_style), {tools.style_name}, edited, **wiring.quiet)
    add = guard(handlers.add_wildcard)
    filling(tools.wildcards.input, add, drawn, {*drawn, form["wildcards"], tab.notice}, **wiring.quiet)


def how_script(state: PageState, given: Set[Component]) -> str:
    """JavaScript: puts among the values that a job is asked for with how it is to be queued."""
    place = sorted(component._id for component in given).index(state.how._id)  # the order in which gradio gives them
    return f"(...values) => values.with({place}, window.atelier.takeHow())"


def wire_jobs(wiring: Wiring, panel: JobPanel) -> None:
    """What every tab that queues jobs can do with them and their pictures."""
    handlers = JobHandlers(wiring.services, panel, wiring.state)
    guard = partial(guarded, panel.notice)
    running = {wiring.state.running}
    for button, handler in ((panel.interrupt, handlers.interrupt), (panel.skip, handlers.skip)):
        button.click(guard(handler), running, {panel.notice}, **wiring.quiet)


def wire_pictures(wiring: Wiring, desk: PictureDesk) -> None:
    """Everything that can be done with finished pictures, wherever they are shown."""
    fills = wiring.fills
    handlers = PictureHandlers(wiring.services, desk, wiring.state, fills)
    guard = partial(guarded, desk.desk)
    remixed: set[Component] = {wiring.state.submitted, desk.desk}
    desk.desk.submit(guard(handlers.remix), None, remixed, trigger_mode="multiple", **wiring.quiet)
    filling(desk.desk.select, guard(handlers.send), None, {*fills.outputs(), desk.desk}, **wiring.quiet)


def wire_gallery(wiring: Wiring, tab: GalleryTab, desk: PictureDesk) -> None:
    """What the server does when the Gallery tab is opened."""
    handlers = GalleryHandlers(wiring.services, tab)
    tab.tab.select(guarded(desk.desk, handlers.open), None, {tab.gallery, desk.desk}, **wiring.quiet)


def wire_png_info(wiring: Wiring, tab: PngInfoTab) -> None:
    """Everything that happens on the PNG Info tab."""
    handlers = PngInfoHandlers(wiring.services, tab)
    guard = partial(guarded, tab.notice)
    found: set[Component] = {tab.found, tab.notice}
    # One event for all of it: gradio leaves out what follows an event while it is still busy with the time before.
    tab.file.change(guard(handlers.read), {tab.file}, found, trigger_mode="always_last", **wiring.quiet)
    dropped = DroppedPictureHandlers(wiring.services, tab.file, wiring.fills)
    outputs = {*wiring.fills.outputs(), tab.notice}
    filling(tab.found.select, guard(dropped.send), {tab.file}, outputs, **wiring.quiet)


def wire_memory(wiring: Wiring) -> None:
    """What the browser keeps of the forms of all tabs."""
    tabs: list[RememberedForm] = [*wiring.tabs.values(), wiring.extras]
    told = {
        task: Told(TELL_SIZES, HIRES_FIELDS, "enable_hr")
        for task, tab in wiring.tabs.items()
        if tab.hires_line is not None
    }
    wiring.page.load(None, None, None, js=describe_script(tabs, told))
    for tab in tabs:
        remember(tab, wiring.memories[tab.task], wiring.state.keeping[tab.task])
