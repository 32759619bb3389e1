"""Event streams: one of each job and one of the queue, over Server-Sent Events and over a WebSocket."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any

import anyio
from fastapi import APIRouter, Header, Query, Request, Response, WebSocket
from starlette.responses import JSONResponse, StreamingResponse
from starlette.types import Message as AsgiMessage
from starlette.types import Receive, Scope, Send

from modules.api.event_messages import OVER, EventMessages, Message
from modules.api.event_socket import EventSocket
from modules.api.exchange import JobId, refusals
from modules.api.following import Follower
from modules.api.stream_places import NoPlace, StreamPlaces
from modules.api.visitors import own_job, visitor
from modules.services.accounts import Visitor
from modules.services.build import Services

RETRY_MILLISECONDS = 1_000
_SECONDS_TO_TAKE_A_MESSAGE = 60.0
"""Who reads none for so long is gone, and gives the place up."""

After = Annotated[
    str | None,
    Query(description="The id of the last event that was seen; what came since is told.", examples=["5f3a9c01-42"]),
]
LastEventId = Annotated[
    str | None,
    Header(
        alias="Last-Event-ID", description="The same; browsers send it when they come back.", examples=["5f3a9c01-42"]
    ),
]
_STREAM: dict[str, Any] = {
    "description": "Events as they happen, of the media type text/event-stream.",
    "content": {"text/event-stream": {"schema": {"type": "string"}, "example": "id: 5f3a9c01-42\nevent: state\n\n"}},
}
_OVER = {"description": "The job is over and everything was told."}


def stream_routes(services: Services) -> APIRouter:
    """The routes; every refusal is {"detail": a sentence}."""
    router = APIRouter(prefix="/api/v1", tags=["events"])
    messages, places = EventMessages(services.generate.event_epoch), StreamPlaces()

    def answer(asking: Visitor, job_id: str | None, seen: str | None) -> Response:
        return EventStream(Follower(services, messages, asking, job_id, seen), messages, places, asking)

    @router.get(
        "/jobs/{job_id}/events",
        response_class=EventStream,
        status_code=200,
        responses={200: _STREAM, 204: _OVER, **refusals(404, 429)},
    )
    def of_job(request: Request, job_id: JobId, after: After = None, last_event_id: LastEventId = None) -> Response:
        """What a job tells until it is over: snapshot, state, stage, progress, preview, picture, queue."""
        job, seen = own_job(services, request, job_id), last_event_id or after
        number = messages.number(seen)
        if seen == OVER or (job.is_over and number is not None and _is_all_told(services, job.id, number)):
            return Response(status_code=204)  # which ends a browser's coming back
        return answer(visitor(request), job.id, seen)

    @router.get("/events", response_class=EventStream, status_code=200, responses={200: _STREAM, **refusals(429)})
    def of_queue(request: Request, after: After = None, last_event_id: LastEventId = None) -> Response:
        """What all jobs tell but for previews, and changes of the queue; of others' jobs only to owners."""
        return answer(visitor(request), None, last_event_id or after)

    @router.websocket("/events/ws")
    async def socket(socket: WebSocket) -> None:
        """The same streams over one connection; see EventSocket."""
        await EventSocket(services, messages, places, socket).serve()

    return router


class EventStream(StreamingResponse):
    """Server-Sent Events of a follower."""

    media_type = "text/event-stream"

    def __init__(self, follower: Follower, messages: EventMessages, places: StreamPlaces, visitor: Visitor) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        self._written = self._lines(follower, messages, places)
        super().__init__(self._written, headers=headers)
        self._places = places
        self._visitor = visitor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: AsgiMessage) -> None:
            with anyio.fail_after(_SECONDS_TO_TAKE_A_MESSAGE):
                await send(message)

        try:
            with self._places.place(self._visitor):
                await super().__call__(scope, receive, sending)
        except NoPlace as error:
            await JSONResponse({"detail": str(error)}, 429, {"Retry-After": "10"})(scope, receive, send)
        except TimeoutError:
            return
        finally:
            await self._written.aclose()  # or the subscription would last until the next sweep of unused objects

    async def _lines(
        self, follower: Follower, messages: EventMessages, places: StreamPlaces
    ) -> AsyncGenerator[bytes, None]:
        yield f"retry: {RETRY_MILLISECONDS}\n\n".encode()
        async with aclosing(follower.follow(places.rest)) as news:
            async for told in news:
                if told is None:
                    yield b": still here\n\n"
                else:
                    yield told.as_sse() if isinstance(told, Message) else messages.sse_of(told)


def _is_all_told(services: Services, job_id: str, number: int) -> bool:
    """Whether a job has told something that is still kept, and nothing after that number."""
    return bool(services.generate.events(job_id)) and not services.generate.events(job_id, number)
