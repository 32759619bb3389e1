"""A server that begins anew, with the same command line, when an owner asks for it."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

from modules.errors import UserError


class Restarting:
    """The wish for a new start; the jobs stay in the queue meanwhile, and the running one goes on afterwards."""

    def __init__(self) -> None:
        self.start = uuid4().hex
        """Another one after every start of the server."""
        self.is_wanted = False
        self._stop: Callable[[], None] | None = None

    def offer(self, stop: Callable[[], None]) -> None:
        """From now on it can be asked for: `stop` ends the server in order."""
        self._stop = stop

    def ask(self) -> None:
        """End the server and begin anew. Raises UserError where nobody offers that."""
        if self._stop is None:
            raise UserError("This server cannot start itself anew. Stop it and start it by hand.")
        if not self.is_wanted:
            self.is_wanted = True
            self._stop()
