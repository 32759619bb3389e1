"""Shows the jobs that are a visitor's to see on every tab that queues some, whoever did so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.services.accounts import Visitor
from modules.services.build import Services
from modules.ui.job_panel import JobPanel
from modules.ui.page_state import PageState
from modules.ui.status_panel import status_value
from modules.ui.thumbnails import entries, shown_file
from modules.ui.visitors import whose
from modules.ui.watching import Sight, watch

RECENT_PICTURES = 8
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
        async for sight in watch(self._services.generate, values[self._state.submitted] or "", user):
            is_new = sight.saved != saved
            if is_new:
                newest, saved = await asyncio.to_thread(self._newest, user), sight.saved
            changes = self._shown(sight, has_pictures=bool(newest))
            yield changes | ({self._state.newest: newest} if is_new else {})

    def show_newest(self, visitor: Visitor) -> Changes:
        """The rows of recent pictures, the newest of them large.

        Not a part of `follow`: whatever an event may change costs the page time whenever the event says anything.
        """
        pictures = self._services.pictures.page(0, RECENT_PICTURES, whose(visitor))
        small = entries(self._services.pictures, pictures)
        newest = pictures[0] if pictures else None
        file = shown_file(self._services, newest) if newest is not None else None
        changes: Changes = {}
        for tab in self._tabs:
            changes[tab.recent] = gr.Gallery(value=small, visible=len(pictures) > 1)
            changes |= tab.result.showing(file, newest)
        return changes

    def _newest(self, user: str | None) -> str:
        newest = self._services.pictures.page(0, 1, user)
        return str(newest[0].id) if newest else ""

    def _shown(self, sight: Sight, *, has_pictures: bool) -> Changes:
        value = status_value(sight, has_pictures=has_pictures)
        changes: Changes = {self._state.running: sight.job.id if sight.job else ""}
        for tab in self._tabs:
            changes[tab.status] = value
            changes |= {button: gr.Button(interactive=sight.job is not None) for button in (tab.interrupt, tab.skip)}
            changes |= {tab.notice: sight.failure} if sight.failure else {}
        return changes
