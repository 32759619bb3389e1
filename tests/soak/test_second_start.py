"""A data folder belongs to one server: a second one is told who has it, and one that was killed leaves it free."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from modules.config.paths import ROOT
from tests.program import free_port, is_ready, serving, until

log = logging.getLogger(__name__)

ROUNDS = 20

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kills as POSIX does")


def ended(servers: Sequence[subprocess.Popen[str]]) -> list[subprocess.Popen[str]]:
    return [server for server in servers if server.poll() is not None]


def sentence(folder: Path, process_id: int) -> str:
    return (
        f"The data folder {folder} is in use by another Atelier (process {process_id}). Use that one, stop it, or "
        "choose another folder with --data-dir."
    )


def test_a_second_start_names_the_first_and_a_killed_one_is_taken_over_from(tmp_path: Path) -> None:
    """Every other time by another way to the folder. Each round's server comes after one that was killed."""
    folder, link = tmp_path / "data", tmp_path / "link"
    link.symlink_to(folder)
    for turn in range(ROUNDS):
        with serving(folder) as (server, _):
            assert is_ready(server)
            named = (folder, link)[turn % 2]
            command = [sys.executable, "webui.py", "--port", str(free_port()), "--use-cpu", "--data-dir", str(named)]
            began = time.monotonic()
            second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
            log.info("The second start ended after %.1f s", time.monotonic() - began)
            assert (second.returncode, second.stdout) == (2, "")
            assert second.stderr.splitlines()[-1] == sentence(folder, server.pid)
            assert server.poll() is None, "the first one is none the worse"
            server.kill()
            server.wait()


def test_of_two_starts_at_once_one_has_the_folder(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Each time where another server, which was killed, has left its name."""
    for _ in range(ROUNDS):
        with ExitStack() as stack:
            both = [stack.enter_context(serving(tmp_path))[0] for _ in range(2)]
            until(partial(ended, both))
            (refused,) = ended(both)
            (winner,) = (server for server in both if server is not refused)
            assert refused.returncode == 2
            assert sentence(tmp_path, winner.pid) in capfd.readouterr().err.splitlines()
            assert winner.poll() is None
