"""Conversions as people ask for them: through the confined process."""

from __future__ import annotations

import builtins
import os
import pickle
import shutil
import sys
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from safetensors.torch import load_file, save_file

from modules.errors import (
    BrokenModel,
    Interrupted,
    InvalidSetting,
    OutOfMemory,
    StorageFull,
    UnsupportedModel,
    UserError,
)
from modules.services.conversion import convert
from tests.small_checkpoints import small_tensors

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


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize(
    "payload",
    [
        lambda path: Payload(os.system, f"touch {path}"),
        lambda path: Payload(builtins.exec, f"import pathlib; pathlib.Path({str(path)!r}).touch()"),
        lambda path: Payload(shutil.copyfile, __file__, path),
        lambda path: Payload(Path.touch, path),
    ],
    ids=["os.system", "exec", "copy", "touch"],
)
def test_pickle_made_to_do_harm_does_none(tmp_path: Path, payload: Any, legacy: bool) -> None:
    canary, path = tmp_path / CANARY, tmp_path / "evil.ckpt"
    content = {"state_dict": {"a": torch.ones(3)}, "extra": payload(canary)}
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
