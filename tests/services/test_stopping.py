"""What a signal asks of the process, and how it ends."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from modules.config.paths import ROOT

_SLOW_TO_FREE = """
import os, signal, sys, time
from modules.services.stopping import Stopping

class Held:
    def __del__(self, sleep=time.sleep):
        sleep(60)

held = Held()
stopping = Stopping()
stopping.listen()
if sys.argv[1] != "starting":
    stopping.at_work(lambda: print("asked"))
print("begun")
os.kill(os.getpid(), signal.SIGTERM)
if sys.argv[1] == "broken":
    raise RuntimeError("this must be seen")
"""


pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends the signals of POSIX")


def _ended(when: str) -> subprocess.CompletedProcess[str]:
    """A process that buffers what it prints, as one does whose output goes into a pipe or a file."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    command = [sys.executable, "-c", _SLOW_TO_FREE, when]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False, env=environment)


@pytest.mark.parametrize(("when", "said"), [("starting", ["begun"]), ("at work", ["begun", "asked"])])
def test_what_libraries_hold_is_not_freed_one_by_one_and_nothing_that_was_said_is_lost(
    when: str, said: list[str]
) -> None:
    """It takes seconds, in which no thread of ours runs that could keep the time."""
    done = _ended(when)
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, said, "")


def test_a_fault_on_the_way_out_is_told() -> None:
    done = _ended("broken")
    assert (done.returncode, done.stdout.split()) == (1, ["begun", "asked"])
    assert done.stderr.splitlines()[-1] == "RuntimeError: this must be seen"
