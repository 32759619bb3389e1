"""Conversions as people ask for them: through the confined process."""

from __future__ import annotations

import builtins
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
import tracemalloc
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from safetensors.torch import load_file, save_file

from modules.config.paths import ROOT
from modules.errors import (
    BrokenModel,
    Interrupted,
    InvalidSetting,
    OutOfMemory,
    StorageFull,
    UnsupportedModel,
    UserError,
)
from modules.services import conversion
from modules.services.conversion import convert
from tests.small_checkpoints import small_tensors
from webui import main

CANARY = "canary"


class Payload:
    """Calls something when an ordinary pickle reader meets it."""

    def __init__(self, call: Any, *arguments: object) -> None:
        self._reduced = (call, arguments)

    def __reduce__(self) -> Any:
        return self._reduced


def test_checkpoint_comes_out_beside_it(tmp_path: Path) -> None:
    tensors = small_tensors("sd15", seed=3)
    torch.save({"state_dict": tensors, "epoch": 2}, tmp_path / "old.ckpt")
    done = convert(tmp_path / "old.ckpt")
    assert (done.path, done.tensors, dict(done.metadata)) == (
        tmp_path / "old.safetensors",
        len(tensors),
        {"epoch": "2"},
    )
    found = load_file(done.path)
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], one) for name, one in tensors.items())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["old.ckpt", "old.safetensors"]


HARM = {
    "os.system": lambda path: Payload(os.system, f"touch {path}"),
    "exec": lambda path: Payload(builtins.exec, f"import pathlib; pathlib.Path({str(path)!r}).touch()"),
    "copy": lambda path: Payload(shutil.copyfile, __file__, path),
    "touch": lambda path: Payload(Path.touch, path),
}


@pytest.mark.parametrize(
    ("harm", "legacy"),
    [
        pytest.param(harm, legacy, marks=[pytest.mark.slow] if place % 2 != legacy else [])  # a process for each
        for place, harm in enumerate(HARM)
        for legacy in (False, True)
    ],
)
def test_pickle_made_to_do_harm_does_none(tmp_path: Path, harm: str, legacy: bool) -> None:
    canary, path = tmp_path / CANARY, tmp_path / "evil.ckpt"
    content = {"state_dict": {"a": torch.ones(3)}, "extra": HARM[harm](canary)}
    torch.save(content, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(UnsupportedModel, match="names programs .*, none of which was run"):
        convert(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["evil.ckpt"]
    torch.load(path, weights_only=False)
    assert canary.exists(), "the file would have done it to a careless reader"


def test_harm_under_the_name_of_a_training_package_is_inert(tmp_path: Path) -> None:
    canary, path = tmp_path / CANARY, tmp_path / "evil.ckpt"
    torch.save({"state_dict": {"a": torch.ones(3)}, "extra": Payload(numpy.savetxt, str(canary), [1.0])}, path)
    done = convert(path)
    assert (done.tensors, done.dropped) == (1, ("extra (StandIn)",))
    assert not canary.exists()
    torch.load(path, weights_only=False)
    assert canary.exists(), "the file would have done it to a careless reader"


def test_plain_pickle_made_to_do_harm_does_none(tmp_path: Path) -> None:
    for protocol in (0, 2, pickle.HIGHEST_PROTOCOL):
        (tmp_path / "evil.pt").write_bytes(pickle.dumps(Payload(os.system, f"touch {tmp_path / CANARY}"), protocol))
        with pytest.raises(UserError, match="not converted"):
            convert(tmp_path / "evil.pt")
    assert [entry.name for entry in tmp_path.iterdir()] == ["evil.pt"]


def test_script_archives_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "s.pt", "w") as archive:
        archive.writestr("s/data.pkl", pickle.dumps({}, 2))
        archive.writestr("s/constants.pkl", pickle.dumps((), 2))
        archive.writestr("s/code/__torch__.py", "x")
    with pytest.raises(UnsupportedModel, match="TorchScript"):
        convert(tmp_path / "s.pt")


def test_compressed_archives_are_refused(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(10000)}, tmp_path / "plain.pt")
    with (
        zipfile.ZipFile(tmp_path / "plain.pt") as plain,
        zipfile.ZipFile(tmp_path / "bomb.pt", "w", zipfile.ZIP_DEFLATED) as bomb,
    ):
        for entry in plain.namelist():
            bomb.writestr(entry, plain.read(entry))
    with pytest.raises(UnsupportedModel, match="compressed"):
        convert(tmp_path / "bomb.pt")


def test_what_a_file_names_cannot_speak_to_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evil = "\x1b]0;title\x07\x9b31m\u202e\n"
    losses = {"optimizer": {"a": 1}, evil + "x" * 500: {"a": 1}}
    torch.save({"state_dict": {"a": torch.ones(3)}, "epoch": evil, **losses}, tmp_path / "evil.ckpt")
    assert main(["convert", str(tmp_path / "evil.ckpt"), "--data-dir", str(tmp_path)]) == 0
    told = capsys.readouterr()
    assert "optimizer" in told.err and "xxx" in told.err
    assert (told.out + told.err).replace("\n", "").isprintable()
    done = convert(tmp_path / "evil.ckpt", overwrite=True)
    for text in (*done.dropped, *done.metadata, *done.metadata.values()):
        assert text.isprintable() and len(text) <= 1000
    assert set(done.metadata) == {"epoch"}


def _convert_by(monkeypatch: pytest.MonkeyPatch, program: str, path: Path) -> conversion.Conversion:
    """Convert with another program in the place of ours, as if the file had taken it over."""
    weights = path.with_name("stand_in.safetensors")
    save_file({"a": torch.ones(3)}, weights, {"evil\x1b": "\x1b" * 5000})
    given = f"import sys; sys.stdout.buffer.write(open({str(weights)!r}, 'rb').read()); {program}"
    monkeypatch.setattr(conversion, "_START", given)
    return convert(path)


@pytest.mark.parametrize(
    "dropped",
    ["'no list'", "7", "{'a': 1}", "['\\x1b[2J', 7, None, ['x'], 'x' * 9000]", "['x' * 1000] * 900", "[['x']]"],
)
def test_answers_are_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dropped: str) -> None:
    (tmp_path / "a.pt").write_bytes(b"anything")
    answer = f"{{'tensors': 1, 'dropped': {dropped}, 'no_network': 'yes'}}"
    done = _convert_by(monkeypatch, f"import json; print(json.dumps({answer}), file=sys.stderr)", tmp_path / "a.pt")
    assert len(done.dropped) <= 100 and not done.no_network
    for text in (*done.dropped, *done.metadata, *done.metadata.values()):
        assert isinstance(text, str) and text.isprintable() and len(text) <= 1000


def test_what_is_said_without_end_takes_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.pt").write_bytes(b"anything")
    program = "[sys.stderr.write('x' * (1 << 20)) for _ in range(64)]; print('\\n{\"tensors\": 1}', file=sys.stderr)"
    tracemalloc.start()
    try:
        done = _convert_by(monkeypatch, program, tmp_path / "a.pt")
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()
    assert done.tensors == 1


@pytest.mark.skipif(sys.platform != "linux", reason="processes outlive their parents elsewhere")
def test_process_ends_with_the_one_that_started_it(tmp_path: Path) -> None:
    """Else it would go on, and fill the disk, after its parent was killed."""
    torch.save({"a": torch.zeros(3)}, tmp_path / "a.pt")
    program = "import sys, pathlib; from modules.services.conversion import convert; convert(pathlib.Path(sys.argv[1]))"
    parent = subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "a.pt")], cwd=ROOT)
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
    deadline = time.monotonic() + 60
    while not (found := children.read_text().split()):
        assert time.monotonic() < deadline and parent.poll() is None
        time.sleep(0.005)
    parent.send_signal(signal.SIGKILL)  # while the process still starts
    parent.wait()
    while Path(f"/proc/{found[0]}/cmdline").exists() and Path(f"/proc/{found[0]}/cmdline").read_bytes():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    (leftover,) = tmp_path.glob(".*")
    assert leftover.stat().st_size == 0


@pytest.mark.parametrize("legacy", [False, True])
def test_damaged_files_are_told(tmp_path: Path, legacy: bool) -> None:
    torch.save({"a": torch.randn(1000)}, tmp_path / "whole.pt", _use_new_zipfile_serialization=not legacy)
    whole = (tmp_path / "whole.pt").read_bytes()
    for place, content in enumerate((whole[:-700], whole[:60], b"<!DOCTYPE html>")):
        path = tmp_path / f"{place}.pt"
        path.write_bytes(content)
        with pytest.raises(BrokenModel, match=r"is not converted: .*download it again\.$"):
            convert(path)
    assert not list(tmp_path.glob("*.safetensors"))


@pytest.mark.skipif(os.name == "nt", reason="limits are POSIX")
def test_memory_has_a_limit(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(30_000_000)}, tmp_path / "large.pt", _use_new_zipfile_serialization=False)
    with pytest.raises(OutOfMemory, match="--memory-limit"):
        convert(tmp_path / "large.pt", memory=60_000_000)
    assert [entry.name for entry in tmp_path.iterdir()] == ["large.pt"]


def test_time_has_a_limit(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(3)}, tmp_path / "a.pt")
    with pytest.raises(UnsupportedModel, match="--time-limit"):
        convert(tmp_path / "a.pt", seconds=0.3)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.pt"]


def test_cancelled_conversion_leaves_nothing(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(3)}, tmp_path / "a.pt")

    def check() -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        convert(tmp_path / "a.pt", check=check)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.pt"]


@pytest.mark.skipif(sys.platform != "linux", reason="needs a device that is always full")
def test_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def full(*arguments: object, **named: object) -> Any:
        with Path("/dev/full").open("wb") as file:
            yield file

    monkeypatch.setattr("modules.services.conversion.new_file", full)
    torch.save({"a": torch.zeros(100_000)}, tmp_path / "a.pt")
    with pytest.raises(StorageFull, match="Free some space"):
        convert(tmp_path / "a.pt")


def test_wrong_names_are_refused(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(3)}, tmp_path / "a.safetensors")
    torch.save({"a": torch.zeros(3)}, tmp_path / "a.pt")
    torch.save({"a": torch.zeros(3)}, tmp_path / "a.txt")
    for given, sentence in (
        ((tmp_path / "none.ckpt",), "is no file"),
        ((tmp_path / "a.safetensors",), "is a safetensors file already"),
        ((tmp_path / "a.txt",), "is none of"),
        ((tmp_path / "a.pt", tmp_path / "b.ckpt"), "does not end in"),
        ((tmp_path / "a.pt",), "exists already"),
    ):
        with pytest.raises(InvalidSetting, match=sentence):
            convert(*given)
    assert convert(tmp_path / "a.pt", overwrite=True).tensors == 1
