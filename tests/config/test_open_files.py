"""The limit of open files is raised, and never lowered."""

from __future__ import annotations

import subprocess
import sys

import pytest

_PROGRAM = """
import resource
from modules.config.open_files import allow_open_files
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, 1024))
allow_open_files({wanted})
print(resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
@pytest.mark.parametrize(("soft", "wanted", "then"), [(200, 500, 500), (200, 5000, 1024), (900, 500, 900)])
def test_the_limit_is_raised_as_far_as_it_may_be(soft: int, wanted: int, then: int) -> None:
    program = _PROGRAM.format(soft=soft, wanted=wanted)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == f"({then}, 1024)"
