"""Files of ours are whole or absent, whatever happens to the writer."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from modules.config.files import (
    TEMPORARY_SUFFIX,
    move_to_new_name,
    sweep_temporary_files,
    temporary_file,
    write_atomically,
)
from modules.errors import StorageFull

ROOT = Path(__file__).parent.parent.parent
_WRITER = """
import sys
from pathlib import Path
from modules.config.files import write_atomically
path = Path(sys.argv[1])
print("writing", flush=True)
for round in range(10**6):
    write_atomically(path, bytes([round % 256]) * 2_000_000)
"""


def test_new_name_never_overwrites(tmp_path: Path) -> None:
    with temporary_file(tmp_path / "a", b"first") as temporary:
        move_to_new_name(temporary, tmp_path / "a")
    with pytest.raises(FileExistsError), temporary_file(tmp_path / "a", b"second") as temporary:
        move_to_new_name(temporary, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("round", range(5))
def test_killed_writer_leaves_a_whole_file(tmp_path: Path, round: int) -> None:
    path = tmp_path / "a"
    writer = subprocess.Popen([sys.executable, "-c", _WRITER, str(path)], cwd=ROOT, stdout=subprocess.PIPE)
    assert writer.stdout is not None
    writer.stdout.readline()
    time.sleep(0.05 + 0.013 * round)
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    if path.exists():
        content = path.read_bytes()
        assert len(content) == 2_000_000
        assert len(set(content)) == 1
    sweep_temporary_files(tmp_path)
    assert {entry.name for entry in tmp_path.iterdir()} <= {"a"}


@pytest.mark.skipif(os.name == "nt", reason="file size limits are POSIX")
def test_full_disk_is_told_in_words_and_leaves_nothing(tmp_path: Path) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(StorageFull, match="Free some space"):
            write_atomically(tmp_path / "a", b"x" * 5000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


def test_what_somebody_may_still_write_stays(tmp_path: Path) -> None:
    old, fresh = tmp_path / f"a{TEMPORARY_SUFFIX}", tmp_path / f"b{TEMPORARY_SUFFIX}"
    for path in (old, fresh):
        path.write_bytes(b"1")
    os.utime(old, (1, 1))
    assert sweep_temporary_files(tmp_path, idle_seconds=3600) == 1
    assert [path.name for path in tmp_path.iterdir()] == [fresh.name]
