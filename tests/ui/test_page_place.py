"""The page comes later than the rest of the server: nobody who asks for it meanwhile is turned away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI, HTTPException

from modules.ui.page_place import leave_place


def _page(opened: list[str]) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        opened.append("opened")
        yield
        opened.append("closed")

    page = FastAPI(lifespan=lifespan)

    @page.get("/")
    def document() -> str:
        return "the page"

    @page.get("/nothing")
    def nothing() -> None:
        raise HTTPException(404, "not there")

    return page


def _server() -> FastAPI:
    app = FastAPI()

    @app.get("/internal/ping")
    def ping() -> str:
        return "ready"

    return app


def _client(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://server")


def test_the_rest_answers_before_it_and_who_waits_gets_it() -> None:
    opened: list[str] = []

    async def story() -> None:
        app = _server()
        place = leave_place(app)
        async with app.router.lifespan_context(app), _client(app) as client:
            gone, *waiting = [asyncio.create_task(client.get("/")) for _ in range(5)]
            assert (await client.get("/internal/ping")).json() == "ready"
            gone.cancel()
            assert not any(one.done() for one in waiting) and opened == []
            await asyncio.to_thread(place.fill, lambda: _page(opened))
            assert [(await one).json() for one in waiting] == ["the page"] * 4
            assert (await client.get("/nothing")).status_code == 404
            assert opened == ["opened"]

    asyncio.run(story())
    assert opened == ["opened", "closed"]


def test_one_that_cannot_be_made_is_told() -> None:
    def broken() -> FastAPI:
        raise OSError("no drive")

    async def story() -> None:
        app = _server()
        place = leave_place(app)
        async with app.router.lifespan_context(app), _client(app) as client:
            waiting = asyncio.create_task(client.get("/"))
            with pytest.raises(OSError, match="no drive"):
                await asyncio.to_thread(place.fill, broken)
            assert (await waiting).status_code == 500
            assert (await client.get("/internal/ping")).status_code == 200

    asyncio.run(story())


def test_nobody_asked_and_nothing_was_opened() -> None:
    opened: list[str] = []

    async def story() -> None:
        app = _server()
        leave_place(app).fill(lambda: _page(opened))
        async with app.router.lifespan_context(app):
            pass

    asyncio.run(story())
    assert opened == []
