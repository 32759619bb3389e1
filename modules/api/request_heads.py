"""Connections that open and then say nothing, or say it byte by byte: uvicorn waits for a request's head for ever."""

from __future__ import annotations

import asyncio
from typing import cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 20.0
"""In which the head of a request has to come, from the connection or from its first byte on."""
MOST_AWAITED = 256
"""Connections whose head has not come; of more the one that has been waiting longest is closed."""


class PromptHeads(H11Protocol):
    """uvicorn's protocol for connections of which the head of each request comes in time; others are closed."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """See asyncio.Protocol."""
        self._deadline: asyncio.TimerHandle | None = None
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        super().data_received(data)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._forget()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        if self.conn.their_state is not h11.IDLE or self.transport.is_closing():
            self._forget()
        elif self._deadline is None:
            awaited = self._awaited()
            if len(awaited) >= MOST_AWAITED:
                next(iter(awaited)).close_unheard()
            awaited[self] = None
            self._deadline = self.loop.call_later(HEAD_SECONDS, self.close_unheard)

    def close_unheard(self) -> None:
        """Close the connection; whoever never said what it wants gets no answer."""
        self._forget()
        self.transport.close()

    def _forget(self) -> None:
        self._awaited().pop(self, None)
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _awaited(self) -> dict[PromptHeads, None]:
        """Of this server, the longest waiting first."""
        return cast("dict[PromptHeads, None]", vars(self.server_state).setdefault("heads_awaited", {}))
