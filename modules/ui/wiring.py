"""Which event calls which handler, and what it reads and changes. Nothing is laid out and nothing is done here."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.services.build import Services
from modules.ui.gallery_handlers import GalleryHandlers
from modules.ui.gallery_tab import GalleryTab
from modules.ui.notices import guarded
from modules.ui.png_info_handlers import PngInfoHandlers
from modules.ui.png_info_tab import PngInfoTab
from modules.ui.prompt_handlers import PromptHandlers
from modules.ui.txt2img_handlers import Txt2ImgHandlers
from modules.ui.txt2img_tab import Txt2ImgTab

# Quick handlers show no spinner of gradio's, and none waits for another.
_QUIET: dict[str, Any] = {"show_progress": "hidden", "concurrency_limit": None, "api_visibility": "private"}
_OPEN_TXT2IMG = "() => document.querySelector('#tabs button[role=tab]')?.click()"


def wire_txt2img(services: Services, page: gr.Blocks, tab: Txt2ImgTab, memory: gr.BrowserState) -> None:
    """Everything that happens on the txt2img tab, and when the page is opened."""
    handlers = Txt2ImgHandlers(services, tab)
    guard = partial(guarded, tab.notice)
    form = tab.form.components()
    result = tab.result.components()
    examples: list[Component] = [tab.examples, tab.notice]

    lists: list[Component] = [tab.tools.style_name, tab.tools.wildcards, tab.tools.remark]
    welcomed = page.load(guard(handlers.welcome), memory, {*form, *examples, *lists}, **_QUIET)
    welcomed.then(None, form, None, js=f"(...values) => {{ ({form_script(tab)})(...values); return []; }}")
    gr.on(
        [page.load, tab.submitted.change],
        guard(handlers.follow),
        {tab.submitted},
        {tab.status, tab.interrupt, tab.running, tab.notice, tab.recent, *result},
        trigger_mode="always_last",  # a job that was queued while one watch ends gets the next
        **_QUIET,
    )
    tab.generate.click(
        guard(handlers.submit), set(form), {tab.submitted, tab.status, tab.notice}, trigger_mode="multiple", **_QUIET
    )
    tab.interrupt.click(guard(handlers.interrupt), {tab.running}, {tab.interrupt, tab.notice}, **_QUIET)
    tab.recent.select(guard(handlers.select_recent), None, {tab.notice, *result}, **_QUIET)
    _wire_form(tab, handlers, guard, memory)
    _wire_words(services, tab, guard, memory)


def _wire_form(
    tab: Txt2ImgTab,
    handlers: Txt2ImgHandlers,
    guard: Callable[[Callable[..., Any]], Callable[..., Any]],
    memory: gr.BrowserState,
) -> None:
    """Everything that changes the form, and the memory of it that outlives a reload."""
    form = tab.form
    fields = form.components()
    changes = [
        form["model"].input(guard(handlers.select_model), set(fields), {*fields, tab.examples, tab.notice}, **_QUIET),
        tab.examples.click(guard(handlers.use_example), tab.examples, {form["prompt"], tab.notice}, **_QUIET),
        tab.result.send.click(guard(handlers.use_parameters), {tab.result.parameters}, {*fields, tab.notice}, **_QUIET),
        tab.reuse_seed.click(guard(handlers.reuse_seed), {tab.result.parameters}, {form["seed"], tab.notice}, **_QUIET),
        tab.random_seed.click(None, None, form["seed"], js="() => '-1'"),
        tab.swap.click(None, [form["width"], form["height"]], [form["width"], form["height"]], js="(w, h) => [h, w]"),
    ]
    remember = partial(remember_form, tab, memory)
    remember([component.input for component in fields])
    remember([change.then for change in changes])


def _wire_words(
    services: Services,
    tab: Txt2ImgTab,
    guard: Callable[[Callable[..., Any]], Callable[..., Any]],
    memory: gr.BrowserState,
) -> None:
    """Everything that looks at the prompts, and what changes them without the keyboard."""
    handlers = PromptHandlers(services, tab)
    form, tools, texts = tab.form, tab.tools, tab.texts
    words = {form["prompt"], form["negative_prompt"], form["styles"]}
    gr.on(
        [component.change for component in words],
        guard(handlers.describe),
        words,
        {texts.problem, texts.count, texts.negative_count, tab.notice},
        trigger_mode="always_last",
        **_QUIET,
    )
    fields = form.components()
    tools.preview.click(guard(handlers.preview), set(fields), {tools.previewed, tab.notice}, **_QUIET)
    styles = {form["styles"], tools.style_name, tools.remark, tab.notice}
    named = {*words, tools.style_name}
    changes = [
        tools.save_style.click(guard(handlers.save_style), named, styles, **_QUIET),
        tools.delete_style.click(guard(handlers.delete_style), named, styles, **_QUIET),
        tools.wildcards.input(
            guard(handlers.add_wildcard),
            {form["prompt"], tools.wildcards},
            {form["prompt"], form["wildcards"], tools.wildcards, tab.notice},
            **_QUIET,
        ),
    ]
    remember_form(tab, memory, [change.then for change in changes])


def remember_form(tab: Txt2ImgTab, memory: gr.BrowserState, events: list[Any]) -> None:
    """Keep the form in the browser at each of these events, without asking the server."""
    for event in events:
        event(None, tab.form.components(), memory, js=form_script(tab))


def form_script(tab: Txt2ImgTab) -> str:
    """JavaScript: values of the form by name, after marking the closed accordions that hold changed ones."""
    form = tab.form.by_name()
    at_first = {place: {name: form[name].value for name in names} for place, names in tab.accordions.items()}
    return (
        f"(...values) => window.atelier.markChanged({json.dumps(at_first)}, "
        f"Object.fromEntries({json.dumps(list(form))}.map((name, place) => [name, values[place]])))"
    )


def wire_gallery(services: Services, tab: GalleryTab, txt2img: Txt2ImgTab, memory: gr.BrowserState) -> None:
    """Everything that happens on the Gallery tab."""
    handlers = GalleryHandlers(services, tab)
    guard = partial(guarded, tab.notice)
    shown = {tab.page, tab.position, tab.newer, tab.older, tab.empty, tab.thumbnails, tab.notice}
    tab.tab.select(guard(handlers.open), {tab.page}, shown, **_QUIET)
    tab.newer.click(guard(handlers.show_newer), {tab.page}, shown, **_QUIET)
    tab.older.click(guard(handlers.show_older), {tab.page}, shown, **_QUIET)
    tab.thumbnails.select(guard(handlers.choose), None, {tab.notice, *tab.chosen.components()}, **_QUIET)
    _wire_sending(services, tab.chosen.send, tab.chosen.parameters, txt2img, memory)


def wire_png_info(services: Services, tab: PngInfoTab, txt2img: Txt2ImgTab, memory: gr.BrowserState) -> None:
    """Everything that happens on the PNG Info tab."""
    handlers = PngInfoHandlers(services, tab)
    guard = partial(guarded, tab.notice)
    results = {*tab.results(), tab.notice}
    cleared = tab.file.change(guard(handlers.clear), None, results, **_QUIET)
    cleared.then(guard(handlers.read), {tab.file}, results, **_QUIET)
    _wire_sending(services, tab.send, tab.infotext, txt2img, memory)


def _wire_sending(
    services: Services, button: gr.Button, infotext: gr.Textbox, txt2img: Txt2ImgTab, memory: gr.BrowserState
) -> None:
    """A button that fills the form of the txt2img tab with an infotext and goes there."""
    handlers = Txt2ImgHandlers(services, txt2img)
    fill = guarded(txt2img.notice, handlers.fill)
    filled = button.click(fill, infotext, {*txt2img.form.components(), txt2img.notice}, **_QUIET)
    remember_form(txt2img, memory, [filled.then])
    button.click(None, js=_OPEN_TXT2IMG)
