"""The page put together, and mounted on the application that serves it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import gradio as gr
from fastapi import FastAPI, Request
from gradio.blocks import Block
from gradio.routes import App as MountedPage
from starlette.middleware import Middleware

from modules.checkpoints.card import Card
from modules.config.ui_config import UiConfig, read_ui_config
from modules.errors import ModelNotFound
from modules.hooks import Tab as ExtensionTab
from modules.hooks.tab_contributions import tabs_of
from modules.imaging.reading import MAX_FILE_BYTES
from modules.schema.requests import REQUESTS, Task
from modules.services.build import Services
from modules.ui.assets import page_style
from modules.ui.extension_page import STYLE_LINK, extension_page_routes, script_elements
from modules.ui.extension_tabs import lay_out_extension_tabs
from modules.ui.extensions_tab import lay_out_extensions
from modules.ui.extras_controls import PLACE
from modules.ui.extras_tab import lay_out_extras
from modules.ui.extras_wiring import wire_extras
from modules.ui.gallery_tab import lay_out_gallery
from modules.ui.generation_tab import WhatThereIs, lay_out_generation
from modules.ui.header import lay_out_header
from modules.ui.header_wiring import wire_header
from modules.ui.infotext_desk import lay_out_infotext_desk
from modules.ui.infotext_wiring import wire_infotexts
from modules.ui.languages import language_routes
from modules.ui.merge_tab import lay_out_merge
from modules.ui.merge_wiring import wire_merge
from modules.ui.models_tab import ModelsTab, lay_out_models
from modules.ui.models_wiring import wire_models
from modules.ui.notices import guarded
from modules.ui.overrides_panel import usual_by_settings
from modules.ui.owners_parts import OwnersPartsHandlers, owners_parts
from modules.ui.page import Page
from modules.ui.page_document import replace_document
from modules.ui.page_files import page_file_routes
from modules.ui.page_queue import MOST_SESSIONS, PageQueue
from modules.ui.page_sessions import PageSessions
from modules.ui.page_state import lay_out_state
from modules.ui.picture_desk import lay_out_desk
from modules.ui.png_info_tab import lay_out_png_info
from modules.ui.prompt_handlers import style_names, wildcard_choices
from modules.ui.prompt_panel import WordLists
from modules.ui.queue_tab import lay_out_queue
from modules.ui.quick_settings import quick_settings
from modules.ui.section_layout import SectionOwners
from modules.ui.served_folders import served_folders
from modules.ui.settings_tab import lay_out_settings
from modules.ui.tab_order import arrange_tabs
from modules.ui.theme import build_theme
from modules.ui.uploads import upload_routes
from modules.ui.user_style import USER_STYLE, user_style_routes
from modules.ui.visitors import visitor_of
from modules.ui.wiring import Wiring, wire_gallery, wire_generation, wire_memory, wire_pictures, wire_png_info

_DAY = 86_400


def build_page(services: Services, *, has_logins: bool = False) -> gr.Blocks:
    """The whole page; with a way to log out where there are logins."""
    set_gradio_environment(services)
    config = read_ui_config(services.paths.ui_config_file)
    page = Page(title="Atelier", analytics_enabled=False, fill_width=True, delete_cache=(_DAY, _DAY))
    with page:
        # The "secret" only scrambles what the browser keeps for this page; a fixed one survives restarts.
        memories = {
            task: gr.BrowserState(None, storage_key=f"atelier-{task}", secret="atelier")  # noqa: S106
            for task in (*REQUESTS, PLACE)
        }
        settings = services.settings.current
        quick = quick_settings(settings.quicksettings_list, services.scripts.available("txt2img"))
        header = lay_out_header([checkpoint.name for checkpoint in services.models.all()], quick, has_logins=has_logins)
        model = header.model
        desk = lay_out_desk()
        infotexts = lay_out_infotext_desk()
        with gr.Tabs(elem_id="tabs") as tabs:
            generating = {
                task: lay_out_generation(task, model, _what_there_is(services, task, config)) for task in REQUESTS
            }
            extras = lay_out_extras(
                [upscaler.name for upscaler in services.upscalers.all()],
                services.postprocessing.all(),
                services.postprocessing.available(),
            )
            gallery = lay_out_gallery()
            lay_out_queue()
            png_info = lay_out_png_info()
            models = lay_out_models()
            merge = lay_out_merge()
            lay_out_settings()
            lay_out_extensions()
            lay_out_extension_tabs(page, _brought_tabs(services, tabs), services.extension_tab_context)
        arrange_tabs(tabs, first=settings.ui_tab_order, hidden=settings.hidden_tabs)
        wiring = Wiring(services, page, lay_out_state(tabs), generating, extras, memories)
        wire_memory(wiring)
        wire_generation(wiring, model)
        wire_header(wiring, header)
        wire_extras(wiring)
        wire_pictures(wiring, desk)
        wire_infotexts(wiring, infotexts)
        wire_gallery(wiring, gallery, desk)
        wire_png_info(wiring, png_info)
        wire_models(wiring, models, model)
        wire_merge(wiring, merge, models, model)
        if has_logins:
            _hide_from_others(wiring, models, owners_parts(generating, models))
    page._queue = PageQueue(page)
    page.state_session_capacity = MOST_SESSIONS
    # gradio checks the paths of files that a browser names only in a page that it has launched itself.
    page.has_launched = True
    return page


def page_application(
    services: Services, *, has_logins: bool = False, theme: str | None, policy: Sequence[Middleware] = ()
) -> FastAPI:
    """An application with the page at /, to be part of another. `theme` is "light", "dark" or None for what the browser
    asks for.

    Logins are the other application's matter: it tells who asks in `request.state.visitor`. `policy` is its middleware,
    in which gradio looks for rules on other sites.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, middleware=list(policy))
    # What was uploaded to an earlier server is of use to nobody, and gradio forgets some of it.
    shutil.rmtree(uploads_folder(services), ignore_errors=True)
    page = build_page(services, has_logins=has_logins)
    gr.set_static_paths(list(served_folders(services.paths)))
    app.include_router(upload_routes(page, uploads_folder(services)))  # before gradio's own
    app.include_router(page_file_routes())
    extensions = services.extensions
    app.include_router(extension_page_routes(extensions.files))
    app.include_router(language_routes(lambda: [files.locales for files in extensions.files()]))
    app.include_router(user_style_routes(services.paths))
    gr.mount_gradio_app(
        app,
        page,
        path="/",
        auth_dependency=_name_of_visitor,
        show_error=False,
        max_file_size=MAX_FILE_BYTES,
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        enable_monitoring=False,
        theme=build_theme(),
        css=page_style(),
        head=STYLE_LINK + USER_STYLE,
    )
    mounted = next(one for route in app.routes if isinstance(one := getattr(route, "app", None), MountedPage))
    mounted.state_holder = PageSessions(page)
    replace_document(
        mounted, theme=theme, scripts=lambda: script_elements(extensions.files()), name_of=_name_of_visitor
    )
    return app


def set_gradio_environment(services: Services) -> None:
    """What gradio takes from the environment alone, when its first component and its queue are made.

    Uploads and its own files go into the cache folder. Its statistics, which it would compute with pandas over all
    earlier events at the end of each, are left out.
    """
    os.environ["GRADIO_TEMP_DIR"] = str(uploads_folder(services))
    os.environ["GRADIO_ANALYTICS_MAX_EVENTS"] = "1"
    os.environ["GRADIO_ANALYTICS_CACHE_FREQUENCY"] = str(2**31)


def uploads_folder(services: Services) -> Path:
    """Where gradio keeps what browsers send."""
    return services.paths.cache / "uploads"


def _brought_tabs(services: Services, tabs: gr.Tabs) -> list[tuple[str, ExtensionTab]]:
    """Those of extensions, none of which is called as one that is there already."""
    titles = [str(tab.label) for tab in tabs.children if isinstance(tab, gr.Tab)]
    return tabs_of(services.scripts.plugins, titles)


def _hide_from_others(wiring: Wiring, models: ModelsTab, parts: list[Block]) -> None:
    hide = guarded(models.notice, OwnersPartsHandlers(parts).welcome)
    wiring.page.load(hide, None, {*parts, models.notice}, **wiring.quiet)


def _name_of_visitor(request: Request) -> str:
    return visitor_of(request).name


def _what_there_is(services: Services, task: Task, config: UiConfig) -> WhatThereIs:
    try:
        card = services.models.current().card
    except ModelNotFound:  # the page says so when it is opened
        card = Card()
    return WhatThereIs(
        recommended=card.recommended,
        examples=list(card.example_prompts),
        words=WordLists(style_names(services), wildcard_choices(services)),
        settings=usual_by_settings(services.settings.current),
        available=services.scripts.available(task),
        scripts=services.scripts.all(task),
        failures=[str(failure) for failure in services.scripts.failures],
        overrides=config.of(task),
        sections=services.sections.all(task),
        owners=SectionOwners(services.sections.registry.plugin_of, services.extension_tab_context),
    )
