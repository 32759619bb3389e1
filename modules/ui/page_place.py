"""Where the page is going to be: all other routes of the server answer while it is being made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send


class PagePlace:
    """An application that is mounted before the page is there; whoever asks for the page meanwhile waits for it."""

    def __init__(self) -> None:
        self._made: Future[FastAPI] = Future()
        self._opening = asyncio.Lock()
        self._open: FastAPI | None = None
        self.at_the_end = AsyncExitStack()

    @property
    def routes(self) -> Sequence[BaseRoute]:
        """Those of the page, once it is there."""
        return self._made.result().routes

    def fill(self, make: Callable[[], FastAPI]) -> None:
        """Make the page, in whichever thread. Raises whatever making it raises, and so does each request for it."""
        try:
            self._made.set_result(make())
        except BaseException as error:
            self._made.set_exception(error)
            raise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        page = self._open or await self._opened()
        # The middleware has been gone through already: it is that of the application which this is a part of.
        await page.router(scope, receive, send)

    async def _opened(self) -> FastAPI:
        # A browser that goes away takes back its wish, and not the page.
        made = await asyncio.shield(asyncio.wrap_future(self._made))
        async with self._opening:
            if self._open is None:
                await self.at_the_end.enter_async_context(made.router.lifespan_context(made))
                self._open = made
        return made


def leave_place(app: FastAPI) -> PagePlace:
    """Have the page of an application come later. It is closed when the application is."""
    place = PagePlace()
    lifespan = app.router.lifespan_context

    @asynccontextmanager
    async def with_page(app: FastAPI) -> AsyncIterator[object]:
        async with lifespan(app) as state, place.at_the_end:
            yield state

    app.router.lifespan_context = with_page
    app.mount("/", place)
    return place
