"""The HTTP application with our own routes; the page is mounted on it by the ui."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from modules.api.allowed_hosts import AllowedHosts
from modules.api.body_limits import MAX_UPLOAD_BYTES, MAX_UPLOADS_BYTES, BodyLimits
from modules.api.content_policy import ContentPolicy
from modules.api.extension_installing import MOST_ZIP_BYTES, ZIP_PLACE
from modules.api.extension_routes import ExtensionRouteClasses, routes_of_extensions
from modules.api.guard import Guard
from modules.api.guide_pages import guide_routes
from modules.api.login_page import login_routes
from modules.api.native import add_native_routes
from modules.api.own_pictures import OwnPictures
from modules.api.route_classes import class_of
from modules.api.sdapi import sdapi_routes
from modules.api.sessions import Sessions
from modules.api.streams import stream_routes
from modules.api.tokens import token_routes
from modules.services.accounts import Accounts
from modules.services.build import Services

_UPLOADS = (
    ("/gradio_api/upload", MAX_UPLOADS_BYTES),
    ("/api/v1/inputs", MAX_UPLOAD_BYTES),
    (ZIP_PLACE, MOST_ZIP_BYTES),
)


def create_application(
    *,
    hosts: AllowedHosts | None,
    services: Services | None = None,
    accounts: Accounts | None = None,
    origins: Sequence[str] = (),
) -> FastAPI:
    """An application behind the guard; which routes are whose stands in route_classes.

    `hosts` None: any name. `accounts` None: everybody is the owner. `origins` are those of other sites that may ask.
    """
    application = FastAPI(title="Atelier", docs_url=None, redoc_url=None, openapi_url=None)
    # The last one that is added comes first.
    if services is not None:
        application.add_middleware(OwnPictures, pictures=services.pictures)
    application.add_middleware(BodyLimits, uploads=_UPLOADS)
    of_extensions = ExtensionRouteClasses(services) if services is not None else class_of
    application.add_middleware(Sessions, accounts=accounts, of_extensions=of_extensions)
    # There also where no other site may ask: gradio answers them by rules of its own unless it finds this one.
    headers = ["Authorization", "Content-Type"]
    application.add_middleware(CORSMiddleware, allow_origins=list(origins), allow_methods=["*"], allow_headers=headers)
    application.add_middleware(Guard, hosts=hosts, origins=origins)
    application.add_middleware(ContentPolicy)

    @application.get("/internal/ping")
    def ping() -> dict[str, str]:
        """Answers as soon as the server is ready."""
        return {"status": "ready"}

    application.include_router(guide_routes())
    if services is not None:
        add_native_routes(application, services)
        application.include_router(stream_routes(services))
        application.include_router(sdapi_routes(services))
        application.include_router(routes_of_extensions(services))
    if accounts is not None:
        application.include_router(login_routes(accounts))
        application.include_router(token_routes(accounts))
    return application
