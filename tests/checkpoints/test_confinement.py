"""What a confined process gives up."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from modules.config.paths import ROOT

_PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdout=subprocess.PIPE, text=True)
print(child.stdout.readline().strip(), flush=True)
time.sleep(60)
"""
_CHILD = """
import os, time
from modules.checkpoints.confinement import end_with_parent, leave_network
parent = os.getppid()
leave_network()
end_with_parent(parent)
print(os.getpid(), flush=True)
time.sleep(60)
"""


def _is_running(process: str) -> bool:
    """Whether a process is there and no mere zombie."""
    try:
        return bool(Path(f"/proc/{process}/cmdline").read_bytes())
    except OSError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="processes outlive their parents elsewhere")
def test_process_ends_when_its_parent_is_killed() -> None:
    parent = subprocess.Popen([sys.executable, "-c", _PARENT, _CHILD], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout:
        child = parent.stdout.readline().strip()
    assert child and _is_running(child)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 60
    while _is_running(child):
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.skipif(sys.platform != "linux", reason="processes outlive their parents elsewhere")
def test_process_whose_parent_is_gone_already_ends_at_once() -> None:
    program = "from modules.checkpoints.confinement import end_with_parent; end_with_parent(1 << 30); print('here')"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=False)
    assert (done.stdout, done.stderr, done.returncode) == (b"", b"", 1)
