"""The routes that programs written for A1111's web UI call: the same fields, defaults and answers.

Built on what the page and our own routes use: a call becomes one of our requests (`fields`), waits as a job among all
others (`job_ends`), and answers with its own pictures (`info`). What is told to whom is as in our own routes.
"""

from __future__ import annotations

from fastapi import APIRouter

from modules.api.exchange import Teller
from modules.api.sdapi.extras import extras_routes
from modules.api.sdapi.generation import generation_routes
from modules.api.sdapi.internal import internal_routes
from modules.api.sdapi.lists import choice_routes, further_routes, model_routes
from modules.api.sdapi.options import option_routes
from modules.api.sdapi.png_info import png_info_routes
from modules.api.sdapi.progress import Onlookers, progress_routes
from modules.api.sdapi.remembered_settings import RememberedSettings
from modules.api.sdapi.routes import sdapi_router
from modules.api.sdapi.scripts import script_routes
from modules.api.sdapi.server import server_routes
from modules.api.sdapi.tasks import TaskNames
from modules.services.build import Services

SETTINGS_FILE = "api_settings.json"
"""In the data folder."""


def sdapi_routes(services: Services) -> APIRouter:
    """All routes below /sdapi/v1, and those of jobs below /internal."""
    teller = Teller(services.paths)
    router, internal = sdapi_router(teller), sdapi_router(teller, "/internal")
    tasks, onlookers = TaskNames(services), Onlookers(services)
    remembered = RememberedSettings(services.paths.data / SETTINGS_FILE)
    generation_routes(router, services, tasks, remembered, teller)
    extras_routes(router, services)
    png_info_routes(router, services)
    progress_routes(router, services, onlookers)
    option_routes(router, services, remembered)
    choice_routes(router, services)
    model_routes(router, services)
    further_routes(router, services)
    script_routes(router, services)
    server_routes(router, services)
    internal_routes(internal, services, tasks, onlookers)
    both = APIRouter()
    both.include_router(router)
    both.include_router(internal)
    return both
