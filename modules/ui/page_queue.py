"""gradio's queue of what open pages ask for, in bounds: who does not listen gives way to who comes."""

from __future__ import annotations

import asyncio
import time
from typing import Any, cast

import gradio as gr
from gradio.data_classes import PredictBodyInternal
from gradio.queueing import Event, Queue
from gradio.server_messages import EventMessage

MOST_WAITING = 200
"""Events of all pages."""
MOST_AT_ONCE = 256
"""Events that are being answered, of which a page that shows a job has one for as long as the job lasts."""
MOST_SESSIONS = 200
MOST_OF_A_SESSION = 50
"""Events of one page of which it has not taken the answer."""
SECONDS_UNHEARD = 15.0
"""A page's stream asks for the next message every ten seconds at least."""
SECONDS_BETWEEN_LOOKS = 0.01
"""How long an event may wait for being seen; gradio's own thousand looks a second cost a twentieth of a core."""
SECONDS_BETWEEN_PROGRESS = 0.1
_NAMELESS = "The request does not say which page it comes from. Reload the page."
_FULL = "The page is asked for more than it can answer. Try again in a few seconds."


class Messages(asyncio.Queue[EventMessage]):
    """What waits to be told to one page."""

    def __init__(self) -> None:
        super().__init__()
        self._asked = float("-inf")
        self._listeners = 0
        self.expect()

    def expect(self) -> None:
        """From now on the page has time to listen."""
        self._expected = time.monotonic()

    async def get(self) -> EventMessage:
        """The next message, for the stream of the page."""
        self._asked = time.monotonic()
        self._listeners += 1
        try:
            return await super().get()
        finally:
            self._listeners -= 1

    @property
    def is_heard(self) -> bool:
        """Whether the page listens."""
        return self._listeners > 0 or time.monotonic() - self._asked < SECONDS_UNHEARD

    @property
    def is_abandoned(self) -> bool:
        """Whether the page has had the time to listen, and does not."""
        return not self.is_heard and time.monotonic() - self._expected >= SECONDS_UNHEARD


class PageQueue(Queue):
    """gradio's own forgets the sessions that came first, whether they listen or not, and comes to a stop by that."""

    def __init__(self, page: gr.Blocks) -> None:
        super().__init__(
            live_updates=False,
            concurrency_count=MOST_AT_ONCE,
            update_intervals=1,
            max_size=MOST_WAITING,
            blocks=page,
            default_concurrency_limit=None,
        )
        self.sleep_when_free = SECONDS_BETWEEN_LOOKS
        self.progress_update_sleep_when_free = SECONDS_BETWEEN_PROGRESS

    async def push(self, body: PredictBodyInternal, request: Any, username: str | None) -> Any:
        """Take in an event, at the cost of who does not listen."""
        session = body.session_hash
        if not session:  # gradio's own would give it messages of another kind, which stop what tells all pages
            return False, _NAMELESS, "error"
        if len(self.pending_event_ids_session.get(session, ())) >= MOST_OF_A_SESSION or not self._has_room(session):
            return False, _FULL, "queue_full"
        if session not in self.pending_messages_per_session:
            self.pending_messages_per_session[session] = Messages()
        self.pending_messages_per_session.move_to_end(session)
        cast(Messages, self.pending_messages_per_session[session]).expect()
        return await super().push(body, request, username)

    def send_message(self, event: Event, event_message: EventMessage) -> None:
        """Tell a page something, as long as it is there."""
        messages = self.pending_messages_per_session.get(event.session_hash)
        if messages is None or cast(Messages, messages).is_abandoned:
            self.forget(event.session_hash)
            event.alive = False
        super().send_message(event, event_message)

    def forget(self, session: str) -> None:
        """End whatever a page has asked for. Its next event finds everything as that of a new page does."""
        self.pending_messages_per_session.pop(session, None)
        for event_id in self.pending_event_ids_session.pop(session, ()):
            event = self.event_ids_to_events.get(event_id)
            if event is None:
                continue
            event.alive = False
            waiting = self.event_queue_per_concurrency_id[event.concurrency_id].queue
            if event in waiting:
                waiting.remove(event)
                del self.event_ids_to_events[event_id]

    def _has_room(self, session: str) -> bool:
        """Whether one more event can be taken in, after those who listen least have been forgotten."""
        sessions = self.pending_messages_per_session
        while len(self) >= MOST_WAITING or (session not in sessions and len(sessions) >= MOST_SESSIONS):
            unheard = (one for one, messages in sessions.items() if one != session and not messages.is_heard)
            if (longest := next(unheard, None)) is None:
                return False
            self.forget(longest)
        return True
