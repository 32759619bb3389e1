"""The event streams over one WebSocket.

The client sends {"subscribe": job id or "queue", "after": the last id it saw, or nothing} and {"unsubscribe": the
same}. The server sends {"topic": job id or "queue", "id", "event", "data"}: the events of the other streams,
"end" when a job has told everything, and "refused" with {"detail": a sentence}.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

from fastapi import HTTPException, WebSocket, WebSocketDisconnect
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from starlette.concurrency import run_in_threadpool

from modules.api.event_messages import EventMessages, Message
from modules.api.following import Follower
from modules.api.stream_places import NoPlace, StreamPlaces
from modules.api.visitors import own_job, visitor
from modules.schema.events import JobEvent
from modules.services.accounts import Visitor
from modules.services.build import Services

QUEUE = "queue"
MOST_TOPICS = 100
_MOST_CHARACTERS = 1_000
_LAST_SECONDS = 1.0
"""In which all topics tell their end when the server stops."""
_TRY_AGAIN_LATER, _GOING_AWAY, _NO_TEXT, _TOO_LARGE = 1013, 1001, 1003, 1009


class Wish(BaseModel):
    """What a client sends."""

    model_config = ConfigDict(extra="forbid", strict=True)

    subscribe: str | None = Field(default=None, min_length=1, max_length=64)
    unsubscribe: str | None = Field(default=None, min_length=1, max_length=64)
    after: str | None = Field(default=None, max_length=64)

    @model_validator(mode="after")
    def _one(self) -> Wish:
        if (self.subscribe is None) == (self.unsubscribe is None):
            raise ValueError("one of subscribe and unsubscribe")
        return self


class EventSocket:
    """One connection: every topic has a task, and one at a time sends."""

    def __init__(self, services: Services, messages: EventMessages, places: StreamPlaces, socket: WebSocket) -> None:
        self._services = services
        self._messages = messages
        self._places = places
        self._socket = socket
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._sending = asyncio.Lock()

    async def serve(self) -> None:
        """From the handshake to the end of the connection or of the server."""
        asking = visitor(self._socket)
        await self._socket.accept()
        try:
            with self._places.place(asking):
                await self._serve(asking)
        except NoPlace as error:
            await self._socket.close(_TRY_AGAIN_LATER, str(error))
        except WebSocketDisconnect:
            return

    async def _serve(self, asking: Visitor) -> None:
        stop = asyncio.create_task(self._server_s_end())
        try:
            while True:
                received = asyncio.ensure_future(self._socket.receive())
                await asyncio.wait((received, stop), return_when=asyncio.FIRST_COMPLETED)
                if not received.done():
                    received.cancel()
                    if self._tasks:
                        await asyncio.wait(set(self._tasks.values()), timeout=_LAST_SECONDS)
                    await self._socket.close(_GOING_AWAY, "The server stops.")
                    return
                message = received.result()
                if message["type"] == "websocket.disconnect":
                    return
                if (text := message.get("text")) is None:
                    await self._socket.close(_NO_TEXT, "A message is text.")
                    return
                if len(text) > _MOST_CHARACTERS:
                    await self._socket.close(_TOO_LARGE, f"A message has at most {_MOST_CHARACTERS} characters.")
                    return
                await self._obey(asking, text)
        finally:
            for task in (stop, *self._tasks.values()):
                task.cancel()
            await asyncio.gather(stop, *self._tasks.values(), return_exceptions=True)

    async def _server_s_end(self) -> None:
        with self._services.generate.subscribe("") as news:  # no job has that id: only the queue tells under it
            while not news.is_closed:
                await news.next()

    async def _obey(self, asking: Visitor, text: str) -> None:
        try:
            wish = Wish.model_validate(json.loads(text))
        except (ValidationError, ValueError, RecursionError):
            detail = 'A message is {"subscribe": a job or "queue", "after": an id} or {"unsubscribe": the same}.'
            await self._refuse("", detail)
            return
        topic = wish.subscribe or wish.unsubscribe or ""
        if (running := self._tasks.pop(topic, None)) is not None:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError, WebSocketDisconnect, RuntimeError):
                await running
        if wish.subscribe is not None:
            await self._subscribe(asking, topic, wish.after)

    async def _subscribe(self, asking: Visitor, topic: str, after: str | None) -> None:
        if len(self._tasks) >= MOST_TOPICS:
            await self._refuse(topic, f"A connection has at most {MOST_TOPICS} subscriptions. Unsubscribe from one.")
            return
        if topic != QUEUE:
            try:
                await run_in_threadpool(own_job, self._services, self._socket, topic)
            except HTTPException as error:
                await self._refuse(topic, str(error.detail))
                return
        follower = Follower(self._services, self._messages, asking, None if topic == QUEUE else topic, after)
        self._tasks[topic] = asyncio.create_task(self._tell(topic, follower))

    async def _tell(self, topic: str, follower: Follower) -> None:
        async with contextlib.aclosing(follower.follow(self._places.rest)) as told:
            async for one in told:
                if one is not None:
                    await self._send(self._message(one).as_json(topic))
        await self._send(Message("", "end", "{}").as_json(topic))
        self._tasks.pop(topic, None)

    def _message(self, told: Message | JobEvent) -> Message:
        return told if isinstance(told, Message) else self._messages.of(told)

    async def _refuse(self, topic: str, detail: str) -> None:
        known: dict[str, Any] = {"detail": detail}
        await self._send(Message("", "refused", json.dumps(known)).as_json(topic))

    async def _send(self, text: str) -> None:
        async with self._sending:
            await self._socket.send_text(text)
