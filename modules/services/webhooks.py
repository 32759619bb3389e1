"""Webhooks: addresses that an owner named and that are told when a job ends.

Which there are survives a restart; messages that are still to be sent do not.
"""

from __future__ import annotations

import json
import logging
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

import httpx
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from modules.config.files import write_atomically
from modules.errors import InvalidRequest, NotFound, UserError
from modules.schema.events import StateChanged
from modules.schema.jobs import FINAL_STATES, Job
from modules.schema.pictures import Picture
from modules.services.generate import GenerateService
from modules.services.guarded_http import GuardedTransport, Lookup, addresses_of, guarded_client
from modules.services.pictures import PictureService
from modules.services.webhook_delivery import (
    LEAST_SECRET,
    MOST_SECRET,
    SECRET_PREFIX,
    Message,
    Outcome,
    Sender,
    new_secret,
    secret_bytes,
    send,
)

log = logging.getLogger(__name__)

WebhookEvent = Literal["job.done", "job.failed", "job.cancelled"]
EVENTS: tuple[WebhookEvent, ...] = get_args(WebhookEvent)
TEST = "test"
"""The type of a message that tells of nothing."""
MOST_WEBHOOKS = 20
MAX_ADDRESS_CHARACTERS = 2000
_REMEDY = "Choose a public address, or start the server with --allow-private-webhooks."


class Webhook(BaseModel):
    """An address, and what it is told of."""

    model_config = ConfigDict(frozen=True)

    id: str
    url: str
    secret: str
    events: tuple[WebhookEvent, ...] = EVENTS
    created: float
    """Seconds since 1970."""


_STORED = TypeAdapter(list[Webhook])


class WebhookService:
    """Keeps webhooks in a folder that nobody else may read, and tells them of jobs; any thread may use it."""

    def __init__(self, folder: Path, generate: GenerateService, pictures: PictureService) -> None:
        self._file = folder / "webhooks.json"
        self._generate = generate
        self._pictures = pictures
        self._lock = threading.Lock()
        self._webhooks = self._read()
        self._senders: dict[str, Sender] = {}
        self._allow_private = False
        self._lookup: Lookup = addresses_of
        self._stopped = threading.Event()
        self._listener: threading.Thread | None = None

    def start(self, *, allow_private: bool = False, lookup: Lookup = addresses_of) -> None:
        """Begin to listen to jobs; `allow_private` lets webhooks be in this computer's own networks."""
        self._allow_private, self._lookup = allow_private, lookup
        self._listener = threading.Thread(target=self._listen, name="webhooks", daemon=True)
        self._listener.start()

    def stop(self) -> None:
        """Tell nobody anything more."""
        self._stopped.set()
        for sender in self._senders.values():
            sender.stop()
        if self._listener is not None:
            self._listener.join(5.0)

    def all(self) -> list[Webhook]:
        """Every webhook, the oldest first."""
        return list(self._webhooks.values())

    def find(self, id: str) -> Webhook:
        """The webhook of that id. Raises NotFound."""
        try:
            return self._webhooks[id]
        except KeyError:
            raise NotFound(f"There is no webhook {id[:40]!r}.") from None

    def add(self, url: str, events: Iterable[WebhookEvent] = EVENTS, secret: str = "") -> Webhook:
        """Have an address told of jobs that end so; without a secret one is made. Raises InvalidRequest."""
        self._check(url)
        if secret and secret_bytes(secret) is None:
            remedy = f"Write {SECRET_PREFIX} and {LEAST_SECRET} to {MOST_SECRET} bytes in base64, or leave it out."
            raise InvalidRequest("Secret", "", "is none", remedy)
        wanted = tuple(event for event in EVENTS if event in set(events))
        if not wanted:
            raise InvalidRequest("Events", "", "are missing", f"Choose some of: {', '.join(EVENTS)}.")
        new = Webhook(
            id=secrets.token_hex(8), url=url, secret=secret or new_secret(), events=wanted, created=time.time()
        )
        with self._lock:
            if len(self._webhooks) >= MOST_WEBHOOKS:
                raise InvalidRequest("Webhooks", len(self._webhooks), "are the most", "Remove one first.")
            self._store({**self._webhooks, new.id: new})
        return new

    def remove(self, id: str) -> None:
        """Tell an address nothing more. Raises NotFound."""
        with self._lock:
            self.find(id)
            self._store({other: one for other, one in self._webhooks.items() if other != id})
            sender = self._senders.pop(id, None)
        if sender is not None:
            sender.stop()

    def test(self, id: str) -> Outcome:
        """Send a message that tells of nothing, once and at once. Raises NotFound."""
        return self._post(self.find(id), _message(TEST, {}), 1)

    def latest(self, id: str) -> Outcome | None:
        """What became of the latest message about a job; None before the first since the server was started."""
        sender = self._senders.get(id)
        return None if sender is None else sender.latest

    def _check(self, url: str) -> None:
        """Raises InvalidRequest for an address that cannot be one, or that is known to be private already."""
        if len(url) > MAX_ADDRESS_CHARACTERS:
            remedy = f"The most is {MAX_ADDRESS_CHARACTERS}: shorten it."
            raise InvalidRequest("Address", len(url), "has too many characters", remedy)
        try:
            request = httpx.Request("POST", url)
        except (httpx.InvalidURL, UnicodeError, ValueError) as error:
            raise InvalidRequest("Address", url, "is no web address", "Use one that begins with https://.") from error
        if request.url.userinfo:
            raise InvalidRequest("Address", "", "holds a user name or a password", "Leave them out: use the secret.")
        try:
            GuardedTransport(frozenset(), self._allow_private, self._lookup, _REMEDY).permitted(request)
        except httpx.ConnectError:
            log.info("The address of a new webhook is not known at this moment")

    def _listen(self) -> None:
        with self._generate.subscribe() as events:
            while not (self._stopped.is_set() or events.is_closed):
                for event in events.get(1.0):
                    if isinstance(event, StateChanged) and event.state in FINAL_STATES:
                        self._tell(event.job_id, f"job.{event.state}")

    def _tell(self, job_id: str, type: str) -> None:
        told = [webhook for webhook in self.all() if type in webhook.events]
        if not told:
            return
        try:
            job, pictures = self._generate.job(job_id), self._pictures.of_job(job_id)
        except (UserError, sqlite3.Error):  # it was taken off the list this very moment, or the disk is full
            log.warning("Webhooks are not told of the end of job %s", job_id, exc_info=True)
            return
        message = _message(type, {"job": _job(job), "pictures": list(map(_picture, pictures))})
        with self._lock:
            for webhook in told:
                if webhook.id in self._webhooks:
                    sender = self._senders.setdefault(webhook.id, Sender(partial(self._post, webhook)))
                    sender.put(message)

    def _post(self, webhook: Webhook, message: Message, tries: int) -> Outcome:
        with guarded_client(allow_private=self._allow_private, lookup=self._lookup, remedy=_REMEDY) as client:
            return send(client, webhook.url, webhook.secret, message, tries)

    def _store(self, webhooks: dict[str, Webhook]) -> None:
        folder = self._file.parent
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)  # closes it for others before there is a secret in it
        write_atomically(self._file, _STORED.dump_json(list(webhooks.values()), indent=2))
        self._webhooks = webhooks

    def _read(self) -> dict[str, Webhook]:
        """Those of the file; a damaged one is kept aside, and there are none."""
        try:
            return {one.id: one for one in _STORED.validate_json(self._file.read_bytes())}
        except FileNotFoundError:
            return {}
        except ValidationError:
            kept = self._file.with_name(self._file.name + ".broken")
            self._file.replace(kept)
            log.warning("%s holds no webhooks; it is kept as %s", self._file, kept)
            return {}


def _message(type: str, data: Mapping[str, Any]) -> Message:
    body = {"type": type, "timestamp": time.time(), "data": data}
    return Message(f"msg_{secrets.token_hex(12)}", type, json.dumps(body).encode())


def _job(job: Job) -> dict[str, Any]:
    """What is told of a job; what was asked for may be long, and can be asked for by the id."""
    told = ("id", "kind", "state", "error", "user", "model", "origin", "created", "started", "finished")
    return {"address": f"/api/v1/jobs/{job.id}", **{name: getattr(job, name) for name in told}}


def _picture(picture: Picture) -> dict[str, Any]:
    told = ("id", "index", "width", "height", "seed", "created")
    return {"address": f"/api/v1/pictures/{picture.id}/file", **{name: getattr(picture, name) for name in told}}
