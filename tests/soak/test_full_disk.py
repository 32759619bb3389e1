"""A disk that fills up at any moment of a job costs that job at most, and says so; the next one is done."""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from modules.config.paths import ROOT

log = logging.getLogger(__name__)

CASES = 40
"""Two faults at twenty sizes, each before a job is asked for and while it runs."""


def has_namespaces() -> bool:
    if sys.platform != "linux" or shutil.which("unshare") is None:
        return False
    return subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif("not has_namespaces()", reason="needs a mount namespace of its own")
def test_every_job_on_a_full_disk_ends_in_words_and_the_next_one_is_done(tmp_path: Path) -> None:
    command = ["unshare", "-rm", sys.executable, "-m", "tests.soak.full_disk", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1800, check=False)
    assert done.returncode == 0, done.stderr[-5000:]
    cases = [json.loads(line) for line in done.stdout.splitlines()]
    for case in cases:
        log.info("%s", case)
        assert case["next"] == ["done", None]
        assert case["partial"] == []
        assert case["pictures"] == case["files"] == 1 + (case["state"] == "done")
        reason = case["refusal"] or case["error"] or ""
        assert case["state"] == "done" or "is full" in reason or "cannot be used now" in reason, case
    assert len(cases) == CASES
    ends = Counter("refused" if case["refusal"] else case["state"] for case in cases)
    log.info("Of %d cases: %s", len(cases), dict(ends))
    assert ends["failed"] and ends["refused"]
