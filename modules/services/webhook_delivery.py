"""One message to a webhook: signed, sent to public addresses alone, and tried again for a while.

Signed as the Standard Webhooks specification (1.0) has it, which libraries of many languages can check: HMAC-SHA256
over "id.timestamp.body" with the secret's bytes, in base64 behind "v1,".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import logging
import queue
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import httpx

from modules.errors import UserError
from modules.services.guarded_http import within

log = logging.getLogger(__name__)

SECRET_PREFIX = "whsec_"  # noqa: S105  it marks a secret and is none
LEAST_SECRET, MOST_SECRET = 24, 64
"""Bytes of a secret."""
SECONDS = 15.0
"""That a receiver may take in all."""
WAITS = (5.0, 30.0, 120.0, 600.0)
"""Seconds before each further try."""
MOST_WAITING = 1000
"""Messages for one webhook; the oldest is dropped for another."""


@dataclass(frozen=True)
class Outcome:
    """What became of the latest message to a webhook."""

    type: str
    """Of the message."""
    time: float
    """Of the last try; seconds since 1970."""
    tries: int
    status: int | None
    """That was answered; None where nothing was."""
    problem: str
    """Why it was not taken; "" where it was."""


@dataclass(frozen=True)
class Message:
    """What is told: a body that is signed and sent as it stands. `id` is the same for all tries."""

    id: str
    type: str
    body: bytes


def new_secret() -> str:
    """A secret of 32 bytes."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def secret_bytes(secret: str) -> bytes | None:
    """The bytes that a secret stands for; None for what is none."""
    try:
        content = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return None
    is_one = secret.startswith(SECRET_PREFIX) and LEAST_SECRET <= len(content) <= MOST_SECRET
    return content if is_one else None


def signature(secret: str, message: Message, timestamp: int) -> str:
    """What proves that a message comes from whoever knows the secret."""
    signed = f"{message.id}.{timestamp}.".encode() + message.body
    digest = hmac.new(secret_bytes(secret) or b"", signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def send(client: httpx.Client, url: str, secret: str, message: Message, tries: int = 1) -> Outcome:
    """Send a message once; never raises. Of the answer nothing but the status is read."""
    now = time.time()
    headers = {
        "Content-Type": "application/json",
        "webhook-id": message.id,
        "webhook-timestamp": str(int(now)),
        "webhook-signature": signature(secret, message, int(now)),
    }
    status, problem = None, ""
    try:
        with (
            within(SECONDS) as extensions,
            client.stream(
                "POST", url, content=message.body, headers=headers, extensions=dict(extensions), timeout=SECONDS
            ) as answer,
        ):
            status = answer.status_code
        if not 200 <= status < 300:
            problem = f"The receiver answered with status {status}."
    except UserError as error:
        problem = str(error)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        problem = f"The receiver could not be reached ({type(error).__name__})."
    return Outcome(message.type, now, tries, status, problem)


class Sender:
    """Sends the messages of one webhook in their order, each until it is taken or was tried often enough."""

    def __init__(self, post: Callable[[Message, int], Outcome], waits: Sequence[float] = WAITS) -> None:
        self._post = post
        self._waits = waits
        self._waiting: queue.Queue[Message] = queue.Queue(MOST_WAITING)
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self.latest: Outcome | None = None

    def put(self, message: Message) -> None:
        """Send a message when those before it are through; never waits."""
        while True:
            try:
                self._waiting.put_nowait(message)
                break
            except queue.Full:
                self._waiting.get_nowait()
                log.warning("A webhook has been away for so long that its oldest message is dropped")
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="webhook", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Send nothing more; a message on its way is not waited for."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                message = self._waiting.get(timeout=0.5)
            except queue.Empty:
                continue
            for tries, wait in enumerate((0.0, *self._waits), start=1):
                if self._stopped.wait(wait):
                    return
                self.latest = self._post(message, tries)
                if not self.latest.problem:
                    break
            else:
                log.warning("A webhook's message is given up: %s", self.latest.problem if self.latest else "")
