"""Asked by SIGTERM or Ctrl-C the server ends in order and in time; asked twice it ends at once.

Asked for a new start it ends the same way, and its process becomes one with the same command line.
"""

from __future__ import annotations

import atexit
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

SECONDS_TO_STOP = 9.5
"""After these the process ends, whatever still hangs in it: all that counts is on the disk."""
SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGBREAK") if hasattr(signal, name)]


class Stopping:
    """What the signals of this process ask for. Made and used by the main thread."""

    def __init__(self) -> None:
        self.is_wanted = False
        self._ask: Callable[[], None] | None = None

    def listen(self) -> None:
        """Take the signals from now on: before `at_work` they raise SystemExit with the exit code 0."""
        atexit.register(self._end)  # before libraries register theirs, so that it comes after them
        for number in SIGNALS:
            signal.signal(number, self._asked)

    def at_work(self, ask: Callable[[], None]) -> None:
        """From now on `ask` is called instead, once, in the middle of whatever the main thread does."""
        self._ask = ask
        if self.is_wanted:
            ask()

    def ask_for_another(self) -> None:
        """Have the server end in order, and a new one begin in time whatever hangs in this one."""
        threading.Thread(target=self._begin_anew_in_time, name="begin anew in time", daemon=True).start()
        if self._ask is not None:
            self._ask()

    def _begin_anew_in_time(self) -> None:
        time.sleep(SECONDS_TO_STOP)
        self.begin_anew()

    def begin_anew(self) -> None:
        """Become a process with the same command line; what was begun has ended, or is safe on the disk."""
        if not self.is_wanted:  # else a signal asked for an end meanwhile
            command = [sys.executable, *sys.orig_argv[1:]]
            logging.shutdown()
            sys.stdout.flush()
            os.execv(command[0], command)  # noqa: S606  does not return

    def _asked(self, number: int, frame: FrameType | None) -> None:
        if self.is_wanted:
            os._exit(128 + number)
        self.is_wanted = True
        threading.Thread(target=_end_in_time, name="end in time", daemon=True).start()
        if self._ask is None:
            raise SystemExit(0)
        self._ask()

    def _end(self) -> None:
        """End a process that was asked to stop: freeing what libraries hold takes seconds, and no thread can keep the
        time meanwhile."""
        if self.is_wanted:
            logging.shutdown()
            with suppress(AttributeError, OSError, ValueError):  # there may be none, or nobody who reads it
                sys.stdout.flush()
            os._exit(1 if hasattr(sys, "last_type") else 0)  # an exception was shown, which nobody may take for order


def _end_in_time() -> None:
    time.sleep(SECONDS_TO_STOP)
    os._exit(0)
