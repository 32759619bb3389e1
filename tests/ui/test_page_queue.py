"""The queue of what open pages ask for keeps to its bounds, and to who listens."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from gradio.data_classes import PredictBodyInternal
from gradio.server_messages import ProcessStartsMessage

from modules.ui import page_queue
from modules.ui.page_queue import PageQueue
from modules.ui.page_sessions import PageSessions


class Asked:
    """A page with one button, which pages have opened and press."""

    def __init__(self) -> None:
        with gr.Blocks(analytics_enabled=False) as self.page:
            self.text = gr.Textbox("as it was")
            gr.Button().click(lambda: "done", None, self.text, concurrency_limit=None)
        self.page.state_session_capacity = page_queue.MOST_SESSIONS
        self.sessions = PageSessions(self.page)
        self.queue = PageQueue(self.page)

    async def press(self, session: str | None) -> tuple[bool, Any, str]:
        body = PredictBodyInternal(session_hash=session, fn_index=0, data=[], request=None)
        answer: tuple[bool, Any, str] = await self.queue.push(body, None, None)
        return answer

    def listen(self, session: str) -> asyncio.Task[Any]:
        return asyncio.create_task(self.queue.pending_messages_per_session[session].get())


def asking(test: Callable[[Asked], Awaitable[None]]) -> None:
    """Run a test in a loop; outside of one gradio would make loops that nobody closes."""

    async def run() -> None:
        await test(Asked())

    asyncio.run(run())


def test_who_listens_stays_when_many_others_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_queue, "MOST_SESSIONS", 5)

    async def flood(asked: Asked) -> None:
        queue = asked.queue
        _, own, _ = await asked.press("own")
        queue.pending_messages_per_session["own"].get_nowait()  # where it waits
        listening = asked.listen("own")
        await asyncio.sleep(0)
        for number in range(50):
            assert (await asked.press(f"stranger{number}"))[2] == "success"
        assert list(queue.pending_messages_per_session) == ["own", *(f"stranger{number}" for number in range(46, 50))]
        assert queue.pending_messages_per_session.keys() == queue.pending_event_ids_session.keys()
        assert len(queue) == len(queue.event_ids_to_events) == len(asked.sessions.session_data) == 5
        assert queue.event_ids_to_events[own].alive
        queue.send_message(queue.event_ids_to_events[own], ProcessStartsMessage(eta=None))
        assert (await listening).event_id == own

    asking(flood)


def test_a_full_queue_makes_room_for_who_comes_and_refuses_only_where_all_listen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(page_queue, "MOST_WAITING", 3)

    async def fill(asked: Asked) -> None:
        for number in range(6):
            assert (await asked.press(f"page{number}"))[0]
        assert len(asked.queue) == 3
        listening = [asked.listen(f"page{number}") for number in (3, 4, 5)]
        await asyncio.sleep(0)
        assert await asked.press("late") == (False, page_queue._FULL, "queue_full")
        assert len(asked.queue) == 3
        for one in listening:
            one.cancel()

    asking(fill)


def test_one_page_cannot_ask_without_end() -> None:
    async def ask(asked: Asked) -> None:
        answers = [(await asked.press("greedy"))[0] for _ in range(page_queue.MOST_OF_A_SESSION + 5)]
        assert answers.count(False) == 5
        assert (await asked.press("another"))[0]

    asking(ask)


@pytest.mark.parametrize("session", [None, ""])
def test_who_has_no_name_is_refused_and_stops_nothing(session: str | None) -> None:
    async def ask(asked: Asked) -> None:
        assert await asked.press(session) == (False, page_queue._NAMELESS, "error")
        assert len(asked.queue) == len(asked.queue.pending_messages_per_session) == 0
        assert (await asked.press("another"))[0]

    asking(ask)


def test_what_nobody_listens_to_ends_and_does_not_stop_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    async def leave(asked: Asked) -> None:
        queue = asked.queue
        _, left, _ = await asked.press("left")
        event = queue.event_ids_to_events[left]
        monkeypatch.setattr(page_queue, "SECONDS_UNHEARD", 0.0)
        queue.send_message(event, ProcessStartsMessage(eta=None))
        assert not event.alive
        assert len(queue) == len(queue.pending_messages_per_session) == len(queue.pending_event_ids_session) == 0
        queue.send_message(event, ProcessStartsMessage(eta=None))
        monkeypatch.undo()
        assert (await asked.press("left"))[0]

    asking(leave)


def test_a_page_that_was_idle_is_heard_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(page_queue, "time", SimpleNamespace(monotonic=lambda: now))

    async def ask_again(asked: Asked) -> None:
        nonlocal now
        queue = asked.queue
        _, first, _ = await asked.press("idle")
        assert (await asked.listen("idle")).event_id == first
        now += 2 * page_queue.SECONDS_UNHEARD
        _, second, _ = await asked.press("idle")
        assert queue.event_ids_to_events[second].alive
        assert [event._id for event in queue.get_events()[0]] == [first]
        assert [event._id for event in queue.get_events()[0]] == [second]

    asking(ask_again)


def test_a_session_remembers_what_was_updated_and_nothing_else() -> None:
    async def update(asked: Asked) -> None:
        session, other = asked.sessions["own"], asked.sessions["other"]
        session[asked.text._id] = gr.Textbox("as it is", render=False)
        session._update_config(asked.text._id)
        session._update_value_in_config(asked.text._id, "as it is")
        assert session[asked.text._id].value == "as it is"
        assert other[asked.text._id].value == asked.page.blocks[asked.text._id].value == "as it was"
        unknown = gr.Textbox("laid out nowhere", render=False)
        session[unknown._id] = unknown
        assert session[unknown._id] is unknown and unknown._id not in other
        assert session.config_values == {}

    asking(update)
