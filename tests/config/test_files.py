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
from hypothesis import example, given
from hypothesis import strategies as st

from modules.config.files import (
    GROWING_SUFFIX,
    LONGEST_NAME,
    TEMPORARY_SUFFIX,
    move_to_new_name,
    safe_name,
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


def test_leftovers_that_vanish_or_stay_do_not_stop_the_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone, stuck, old = (tmp_path / f"{name}{GROWING_SUFFIX}" for name in ("a", "b", "c"))
    (tmp_path / "model.safetensors").write_bytes(b"1")
    for path in (stuck, old):
        path.write_bytes(b"1")
        os.utime(path, (1, 1))
    gone.symlink_to(tmp_path / "nowhere")  # as a file that is removed between being listed and being looked at
    unlink = Path.unlink

    def refusing(path: Path, missing_ok: bool = False) -> None:
        if path == stuck:
            raise PermissionError
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refusing)
    assert sweep_temporary_files(tmp_path) == 1
    assert {path.name for path in tmp_path.iterdir()} == {gone.name, stuck.name, "model.safetensors"}


def test_what_somebody_may_still_write_stays(tmp_path: Path) -> None:
    old, fresh = tmp_path / f"a{GROWING_SUFFIX}", tmp_path / f"b{GROWING_SUFFIX}"
    for path in (old, fresh):
        path.write_bytes(b"1")
    os.utime(old, (1, 1))
    assert sweep_temporary_files(tmp_path) == 1
    assert [path.name for path in tmp_path.iterdir()] == [fresh.name]


def test_folders_of_others_are_left_alone(tmp_path: Path) -> None:
    own, other = tmp_path / f"a{TEMPORARY_SUFFIX}", tmp_path / "other" / f"a{TEMPORARY_SUFFIX}"
    other.parent.mkdir()
    for path in (own, other):
        path.write_bytes(b"1")
    assert sweep_temporary_files(tmp_path, deep=False) == 1
    assert other.exists()


WINDOWS = {
    "con", "prn", "aux", "nul", "conin$", "conout$",
    *(f"{port}{number}" for port in ("com", "lpt") for number in "0123456789¹²³"),
}  # fmt: skip


@given(st.text() | st.text("./\\: \x00~conCON1¹", max_size=12))
@example("con.safetensors")
@example("COM¹.safetensors")
@example("..")
@example("x" * 300 + ".safetensors")
@example("é" * 300 + ".safetensors")
@example("x." + "y" * 300)
@example("x." + "é" * 19)
@example("a/b\\c.safetensors ")
@example("\ud800.safetensors")
@example("a\u202excod.safetensors")
def test_names_are_safe_everywhere(text: str) -> None:
    name = safe_name(text)
    assert not set(name) & set('<>:"/\\|?*') and name.isprintable()
    assert len(name.encode()) <= 255
    assert not name or (name[0] not in ". " and name[-1] not in ". ")
    assert name.split(".")[0].strip().lower() not in WINDOWS
    assert safe_name(name) == name


def test_a_long_name_keeps_its_suffix() -> None:
    name = safe_name("x" * 500 + ".safetensors")
    assert name.endswith("x.safetensors") and len(name) == LONGEST_NAME
