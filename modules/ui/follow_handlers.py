"""Shows the jobs that are a visitor's to see on every tab that queues some, whoever did so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.errors import WorkerUnavailable
from modules.services.accounts import Visitor
from modules.services.build import Services
from modules.ui.job_panel import JobPanel
from modules.ui.page_state import PageState
from modules.ui.status_panel import memory_text, status_value
from modules.ui.visitors import whose
from modules.ui.watching import Sight, watch

_SECONDS_FOR_MEMORY = 3.0
Values = Mapping[Component, Any]
Changes = dict[Component, Any]


class FollowHandlers:
    """One watch for all tabs of a page."""

    def __init__(self, services: Services, tabs: Sequence[JobPanel], state: PageState) -> None:
        self._services = services
        self._tabs = tabs
        self._state = state

    async def follow(self, values: Values, visitor: Visitor) -> AsyncIterator[Changes]:
        """Show the jobs that are the visitor's until all are over; an owner's are those of the server."""
        saved, newest, user = -1, "", whose(visitor)
        first: Sight | None = None
        memory = ""
        async for sight in watch(self._services.generate, values[self._state.submitted] or "", user):
            is_new = sight.saved != saved
            if is_new:
                newest, saved = await asyncio.to_thread(self._newest, user), sight.saved
            changes = self._shown(sight, has_pictures=bool(newest), memory=memory)
            yield changes | ({self._state.newest: newest} if is_new else {})
            first = first or sight
            if sight.job is None and sight.ended != first.ended and (memory := await self._memory()):
                yield self._shown(sight, has_pictures=bool(newest), memory=memory)

    def _newest(self, user: str | None) -> str:
        newest = self._services.pictures.page(0, 1, user)
        return str(newest[0].id) if newest else ""

    async def _memory(self) -> str:
        """What the workers use now, in words; "" where they do not say so soon."""
        with suppress(WorkerUnavailable, asyncio.TimeoutError):
            found = await asyncio.wait_for(asyncio.to_thread(self._services.generate.memory), _SECONDS_FOR_MEMORY)
            return memory_text(found)
        return ""

    def _shown(self, sight: Sight, *, has_pictures: bool, memory: str) -> Changes:
        value = status_value(sight, has_pictures=has_pictures, memory=memory)
        changes: Changes = {self._state.running: sight.job.id if sight.job else ""}
        for tab in self._tabs:
            changes[tab.status] = value
            changes |= {button: gr.Button(interactive=sight.job is not None) for button in (tab.interrupt, tab.skip)}
            changes |= {tab.notice: sight.failure} if sight.failure else {}
        return changes
