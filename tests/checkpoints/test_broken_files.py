"""Files that are broken or no models at all get the reason, and none of their numbers are loaded."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import pytest

from modules.checkpoints.inspection import Finding, inspect_file
from modules.checkpoints.model_files import ModelFiles
from modules.checkpoints.weights_header import MOST_HEADER_BYTES, read_header
from tests.checkpoints.weights_files import LORA, SD1, write_weights


def with_header(header: object, numbers: int = 0, length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + bytes(numbers)


def tensor(begin: int, end: int, shape: object = (2,), dtype: object = "F16") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


BROKEN: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "it is empty"),
    "one byte": (b"\0", "only 1 bytes"),
    "a page": (b"<!DOCTYPE html><html><title>Sign in</title></html>", "it is a web page"),
    "a page behind blanks": (b"\n  <HTML>404</HTML>", "it is a web page"),
    "an error of a store": (b"<?xml version='1.0'?><Error>AccessDenied</Error>", "it is a web page"),
    "a pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 3\n", "Git LFS pointer"),
    "text": (b'{"error": "Unauthorized"}', "no safetensors file"),
    "bomb": (with_header(b"{}", length=MOST_HEADER_BYTES + 1), "header would be"),
    "huge length": (b"\xff" * 8 + b"{}", "header would be"),
    "header that is cut": (with_header(b'{"a": ', length=5000), "it ends inside of its header"),
    "no JSON": (with_header(b"{nonsense}"), "its header is no JSON"),
    "no object": (with_header(b"[1, 2, 3]"), "no JSON object"),
    "deep": (with_header(b'{"a":' * 100_000), "no JSON"),
    "odd bytes": (with_header(b'{"\xff": 1}'), "no JSON"),
    "odd metadata": (with_header({"__metadata__": [1]}), "metadata"),
    "no tensor": (with_header({"a": 3}), "does not describe the tensor 'a'"),
    "unknown type": (with_header({"a": tensor(0, 4, dtype="X9")}, 4), "does not describe"),
    "type of another kind": (with_header({"a": tensor(0, 4, dtype=["F16"])}, 4), "does not describe"),
    "negative": (with_header({"a": tensor(0, 4, shape=[-2])}, 4), "does not describe"),
    "true": (with_header({"a": tensor(0, 2, shape=[True])}, 2), "does not describe"),
    "many sides": (with_header({"a": tensor(0, 4, shape=[1] * 8 + [2])}, 4), "does not describe"),
    "huge shape": (with_header({"a": tensor(0, 4, shape=[1 << 62, 1 << 62])}, 4), "contradict"),
    "shape and place": (with_header({"a": tensor(0, 6)}, 6), "contradict"),
    "overlap": (with_header({"a": tensor(0, 4), "b": tensor(2, 6)}, 6), "overlap or leave holes"),
    "hole": (with_header({"a": tensor(0, 4), "b": tensor(8, 12)}, 12), "overlap or leave holes"),
    "too long": (with_header({"a": tensor(0, 4)}, 9), "5 bytes follow"),
    "too short": (with_header({"a": tensor(0, 4)}, 3), "it is incomplete"),
}

REFUSED: dict[str, tuple[str, bytes, str]] = {
    "pickle": ("model.ckpt", b"PK\x03\x04", "is a pickle"),
    "old pickle": ("model.pt", b"\x80\x02}q\x00.", "is a pickle"),
    "pickle by another name": ("model.safetensors", b"PK\x03\x04" + bytes(100), "given another suffix"),
    "GGUF": ("model.gguf", b"GGUF\x03\0\0\0" + bytes(100), "GGUF"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_are_told_apart(tmp_path: Path, name: str) -> None:
    content, reason = BROKEN[name]
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    found = inspect_file(path)
    assert found.is_broken and found.identity is None
    assert reason in found.problem
    assert found.problem.startswith("model.safetensors cannot be read: ") and found.problem.endswith(".")


@pytest.mark.parametrize("side", [1 << 62, 1])
def test_shapes_of_many_sides_take_no_time(tmp_path: Path, side: int) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(with_header({"a": tensor(0, 4, shape=[side] * (50_000 if side > 1 else 300_000))}, 4))
    began = time.process_time()
    assert inspect_file(path).is_broken
    assert time.process_time() - began < 0.5


def test_huge_sides_beside_a_zero_are_an_empty_tensor(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    for shape in ([1 << 62, 1 << 62, 0], [0, 1 << 62], [0]):
        path.write_bytes(with_header({"a": tensor(0, 0, shape=shape), "b": tensor(0, 4)}, 4))
        assert read_header(path).shape("a") == tuple(shape)


@pytest.mark.parametrize("name", REFUSED)
def test_other_formats_are_refused_and_not_called_broken(tmp_path: Path, name: str) -> None:
    file, content, reason = REFUSED[name]
    (tmp_path / file).write_bytes(content)
    found = inspect_file(tmp_path / file)
    assert (found.identity, found.is_broken) == (None, False)
    assert reason in found.problem


def test_a_whole_folder_of_them_is_classified(tmp_path: Path) -> None:
    for name, (content, _) in BROKEN.items():
        (tmp_path / f"{name}.safetensors").write_bytes(content)
    whole = write_weights(tmp_path / "whole.safetensors", SD1).read_bytes()
    for place in range(100):
        (tmp_path / f"cut {place:03}.safetensors").write_bytes(whole[: len(whole) * place // 100])
    (tmp_path / "dangling.safetensors").symlink_to(tmp_path / "nowhere")
    files = ModelFiles({"checkpoint": [tmp_path]})
    assert files.refresh(wait=None, read=True)
    found = {file.name: file for file in files.all("checkpoint")}
    assert found.pop("whole").problem == ""
    assert len(found) == len(BROKEN) + 100
    assert all(file.is_broken and file.problem for file in found.values())


def test_a_file_cut_anywhere_is_incomplete(tmp_path: Path) -> None:
    path = write_weights(tmp_path / "lora.safetensors", LORA)
    whole = path.read_bytes()
    for length in range(0, len(whole), max(1, len(whole) // 1000)):
        path.write_bytes(whole[:length])
        assert inspect_file(path).is_broken, length


def mutant(content: bytes, draw: random.Random) -> bytes:
    """Some bytes changed, put in, or taken out, mostly in the header."""
    changed = bytearray(content)
    for _ in range(draw.randint(1, 4)):
        place = draw.randrange(min(len(changed), 700))
        kind = draw.randrange(4)
        if kind == 0:
            changed[place] = draw.randrange(256)
        elif kind == 1:
            changed[place] ^= 1 << draw.randrange(8)
        elif kind == 2:
            changed[place:place] = draw.choice([b"0", b"-", b"[", b"}", b'"', b"1e9", b"null", b"\xff"])
        else:
            del changed[place : place + draw.randint(1, 6)]
    return bytes(changed)


def look_at_mutants(folder: Path, count: int) -> list[Finding]:
    draw = random.Random(6)
    originals = [write_weights(folder / "a.safetensors", shapes).read_bytes() for shapes in (SD1, LORA)]
    findings = []
    for _ in range(count):
        (folder / "a.safetensors").write_bytes(mutant(draw.choice(originals), draw))
        findings.append(inspect_file(folder / "a.safetensors"))
    return findings


def check_mutants(findings: list[Finding]) -> None:
    assert all(bool(found.problem) != bool(found.identity) for found in findings)
    assert sum(found.is_broken for found in findings) > len(findings) / 2


def test_mutants_are_answered_in_words(tmp_path: Path) -> None:
    check_mutants(look_at_mutants(tmp_path, 400))


@pytest.mark.slow
def test_many_mutants_are_answered_in_words(tmp_path: Path) -> None:
    check_mutants(look_at_mutants(tmp_path, 20_000))
