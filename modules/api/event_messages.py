"""Events as they go over the wire: a name, JSON, and the id that a client goes on from."""

from __future__ import annotations

import base64
import json
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple

from fastapi.sse import format_sse_event

from modules.api.exchange import readable
from modules.api.job_reports import picture_report
from modules.schema.events import JobEvent, PictureSaved, Preview

OVER = "over"
"""The id of the last message of a job that is over: who comes back with it is told that nothing more will come."""
_KEPT = 64


class Message(NamedTuple):
    """One message; `data` is JSON on one line."""

    id: str
    event: str
    data: str

    def as_sse(self) -> bytes:
        """As Server-Sent Events have it (WHATWG HTML, section 9.2)."""
        return format_sse_event(id=self.id, event=self.event, data_str=self.data)

    def as_json(self, topic: str) -> str:
        """As the WebSocket has it; `topic` is the job that was subscribed to, or "queue"."""
        named = json.dumps({"topic": topic, "id": self.id, "event": self.event})
        return f'{named[:-1]}, "data": {self.data}}}'


class EventMessages:
    """Makes messages of events, each once for all who listen; used by one event loop."""

    def __init__(self, epoch: str) -> None:
        self._epoch = epoch
        self._made: OrderedDict[int, tuple[Message, bytes]] = OrderedDict()

    def of(self, event: JobEvent) -> Message:
        """An event under its own number."""
        return self._kept(event)[0]

    def sse_of(self, event: JobEvent) -> bytes:
        """The same as Server-Sent Events have it."""
        return self._kept(event)[1]

    def standing(self, event: JobEvent, position: int) -> Message:
        """An event that was told before, to somebody who goes on from `position`."""
        return self.of(event)._replace(id=self.id(position))

    def snapshot(self, known: Mapping[str, Any], position: int | None) -> Message:
        """Where things stand at a position; None where nothing will follow."""
        return Message(OVER if position is None else self.id(position), "snapshot", _json(known))

    def id(self, number: int) -> str:
        """What a client is given for a number."""
        return f"{self._epoch}-{number}"

    def number(self, id: str | None) -> int | None:
        """The number of an id; None for one of another life of the server, or none at all."""
        epoch, _, number = (id or "").partition("-")
        known = epoch == self._epoch and number.isascii() and number.isdecimal() and len(number) < 18
        return int(number) if known else None

    def _kept(self, event: JobEvent) -> tuple[Message, bytes]:
        made = self._made.get(event.sequence)
        if made is None:
            message = Message(self.id(event.sequence), event.kind, _json(_known(event)))
            made = self._made[event.sequence] = (message, message.as_sse())
            if len(self._made) > _KEPT:
                self._made.popitem(last=False)
        return made


def _known(event: JobEvent) -> dict[str, Any]:
    known = event.model_dump(exclude={"kind"})
    if isinstance(event, Preview):
        known["jpeg"] = base64.b64encode(event.jpeg).decode()
    if isinstance(event, PictureSaved):
        known["picture"] = picture_report(event.picture).model_dump()
    return known


def _json(known: Mapping[str, Any]) -> str:
    return json.dumps(readable(known), separators=(",", ":"))
