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
    stopping.at_work(lambda: print("asked", flush=True))
print("begun", flush=True)
os.kill(os.getpid(), signal.SIGTERM)
if sys.argv[1] == "broken":
    raise RuntimeError("this must be seen")
"""


@pytest.mark.skipif(os.name != "posix", reason="sends the signals of POSIX")
@pytest.mark.parametrize(("when", "said"), [("starting", ["begun"]), ("at work", ["begun", "asked"])])
def test_what_libraries_hold_is_not_freed_one_by_one(when: str, said: list[str]) -> None:
    """It takes seconds, in which no thread of ours runs that could keep the time."""
    command = [sys.executable, "-c", _SLOW_TO_FREE, when]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, said, "")


@pytest.mark.skipif(os.name != "posix", reason="sends the signals of POSIX")
def test_a_fault_on_the_way_out_is_told() -> None:
    command = [sys.executable, "-c", _SLOW_TO_FREE, "broken"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout.split()) == (1, ["begun", "asked"])
    assert done.stderr.splitlines()[-1] == "RuntimeError: this must be seen"
