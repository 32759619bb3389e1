"""Model files are found without blocking anybody, whatever lies in the folders, and hashed in the background."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from modules.checkpoints import folder_walk, inspection, model_files
from modules.checkpoints.file_facts import FileFacts
from modules.checkpoints.model_files import FOLDER_KINDS, FolderKind, ModelFile, ModelFiles
from modules.checkpoints.weights_header import WeightsHeader, read_header
from modules.config.paths import resolve_paths
from tests.checkpoints.weights_files import LORA, SD1, SD2, write_weights

EMBEDDING = {"emb_params": [2, 768]}


def looked_at(files: ModelFiles, kind: FolderKind = "checkpoint") -> tuple[ModelFile, ...]:
    assert files.refresh(wait=None, read=True)
    return files.all(kind)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def headers_read(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """Every path whose header is read."""
    read: list[Path] = []

    def counted(path: Path) -> WeightsHeader:
        read.append(path)
        return read_header(path)

    monkeypatch.setattr(inspection, "read_header", counted)
    yield read


def test_files_of_every_kind_by_name(tmp_path: Path) -> None:
    paths = resolve_paths(data_dir=tmp_path)
    write_weights(tmp_path / "models" / "Stable-diffusion" / "b.safetensors", SD1)
    write_weights(tmp_path / "models" / "Lora" / "style" / "ink.v1.safetensors", LORA)
    write_weights(tmp_path / "models" / "LyCORIS" / "Pen.safetensors", LORA)
    write_weights(tmp_path / "models" / "embeddings" / "cat.safetensors", EMBEDDING)
    files = ModelFiles(paths.model_folders)
    assert {"atelier-demo", "b"} == {file.name for file in looked_at(files)}
    assert [(file.name, file.problem) for file in files.all("lora")] == [("Pen", ""), ("style/ink.v1", "")]
    (embedding,) = files.all("embedding")
    assert embedding.identity is not None and embedding.identity.family == "sd1"
    assert embedding.size == embedding.path.stat().st_size
    assert embedding.mtime == pytest.approx(embedding.path.stat().st_mtime, abs=1e-3)
    assert [file.name for file in files.all("upscaler")] == ["atelier-x2"]


def test_names_are_unique_and_earlier_folders_win(tmp_path: Path) -> None:
    for place in ("a/x", "b/X", "b/y"):
        write_weights(tmp_path / f"{place}.safetensors", LORA)
    files = ModelFiles({"lora": [tmp_path / "a", tmp_path / "b", tmp_path / "a"]})
    assert [file.path.parent.name for file in looked_at(files, "lora")] == ["a", "b"]


def test_headers_are_read_once_and_never_again_after_a_restart(tmp_path: Path, headers_read: list[Path]) -> None:
    for number in range(300):
        write_weights(tmp_path / "lora" / f"{number}.safetensors", LORA)
    (tmp_path / "lora" / "broken.safetensors").write_bytes(b"<html>")
    store = tmp_path / "models.sqlite3"
    for expected in (301, 0):
        headers_read.clear()
        files = ModelFiles({"lora": [tmp_path / "lora"]}, FileFacts(store))
        found = looked_at(files, "lora")
        looked_at(files, "lora")
        assert len(headers_read) == expected
        assert len(found) == 301 and sum(file.is_broken for file in found) == 1
        assert {file.identity.family for file in found if file.identity} == {"sd1"}
        files.close()


def test_changed_file_is_read_again_alone(tmp_path: Path, headers_read: list[Path]) -> None:
    for name in "abc":
        write_weights(tmp_path / f"{name}.safetensors", SD1)
    files = ModelFiles({"checkpoint": [tmp_path]})
    looked_at(files)
    version = files.version
    looked_at(files)
    assert files.version == version
    headers_read.clear()
    changed = write_weights(tmp_path / "b.safetensors", SD2)
    assert [file.identity and file.identity.family for file in looked_at(files)] == ["sd1", "sd2", "sd1"]
    assert headers_read == [changed]
    assert files.version > version


def test_nothing_in_a_folder_stops_the_look(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    write_weights(folder / "good.safetensors", SD1)
    write_weights(folder / ".hidden" / "no.safetensors", SD1)
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    (folder / "deep").mkdir()
    (folder / "deep" / "up").symlink_to(folder, target_is_directory=True)
    (folder / "dangling.safetensors").symlink_to(tmp_path / "nowhere")
    (folder / "self.safetensors").symlink_to(folder / "self.safetensors")
    (folder / "folder.safetensors").mkdir()
    (folder / "notes.txt").write_text("no model")
    write_weights(tmp_path / "elsewhere" / "linked.safetensors", SD2)
    (folder / "link").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    os.mkfifo(folder / "pipe.txt")
    files = ModelFiles({"checkpoint": [folder, tmp_path / "missing", folder / "good.safetensors"]})
    assert [file.name for file in looked_at(files)] == ["good", "link/linked"]


def test_file_that_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.safetensors")
    write_weights(tmp_path / "z.safetensors", SD1)
    assert [file.name for file in looked_at(ModelFiles({"checkpoint": [tmp_path]}))] == ["z"]


def test_file_that_vanishes_before_it_is_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_weights(tmp_path / "gone.safetensors", SD1)
    look = inspection.inspect_file

    def too_late(file: Path) -> inspection.Finding:
        file.unlink()
        return look(file)

    monkeypatch.setattr(model_files, "inspect_file", too_late)
    files = ModelFiles({"checkpoint": [tmp_path]})
    assert files.refresh(wait=None, read=True)
    monkeypatch.undo()
    assert looked_at(files) == ()
    write_weights(path, SD1)
    assert [file.problem for file in looked_at(files)] == [""]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_file_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    write_weights(tmp_path / "secret.safetensors", SD1).chmod(0)
    (file,) = looked_at(ModelFiles({"checkpoint": [tmp_path]}))
    assert "secret.safetensors cannot be read: Permission denied" in file.problem


def test_slow_disk_blocks_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_weights(tmp_path / "first.safetensors", SD1)
    files = ModelFiles({"checkpoint": [tmp_path]})
    before = looked_at(files)
    may_go_on = threading.Event()
    walk = folder_walk.walk

    def slow(folder: Path, *, whole_folders: bool) -> Iterator[folder_walk.FoundFile]:
        may_go_on.wait(30)
        return walk(folder, whole_folders=whole_folders)

    monkeypatch.setattr(model_files, "walk", slow)
    write_weights(tmp_path / "second.safetensors", SD1)
    assert files.all("checkpoint", wait=0.05) == before
    assert not files.refresh(wait=0.0)
    may_go_on.set()
    assert [file.name for file in looked_at(files)] == ["first", "second"]


def test_a_started_one_sees_and_hashes_new_files_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_files, "POLL", 0.02)
    folder = tmp_path / "lora"
    folder.mkdir()
    files = ModelFiles({"lora": [folder]}, FileFacts(tmp_path / "models.sqlite3"))
    files.start()
    until(lambda: files.version == 0)
    path = write_weights(folder / "new.safetensors", LORA)
    until(lambda: files.version > 0)
    until(lambda: any(file.sha256 for file in files.all("lora")))
    (file,) = files.all("lora")
    assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert file.short_hash == file.sha256[:10]
    until(lambda: files.network_hash(file, wait=False) is not None)
    files.close()
    again = ModelFiles({"lora": [folder]}, FileFacts(tmp_path / "models.sqlite3"))
    assert [file.sha256 for file in looked_at(again, "lora")] == [file.sha256]
    again.close()


def test_what_is_learnt_of_a_file_during_a_look_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_weights(tmp_path / "new.safetensors", LORA)
    files = ModelFiles({"lora": [tmp_path]})
    looked_at(files, "lora")
    walk = folder_walk.walk

    def hashed_meanwhile(folder: Path, *, whole_folders: bool) -> Iterator[folder_walk.FoundFile]:
        files.sha256_of(path)
        return walk(folder, whole_folders=whole_folders)

    monkeypatch.setattr(model_files, "walk", hashed_meanwhile)
    (file,) = looked_at(files, "lora")
    assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_hash_known_before_the_header_is_kept_when_that_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_weights(tmp_path / "new.safetensors", LORA)
    files = ModelFiles({"lora": [tmp_path]})

    def hashed_meanwhile(path: Path) -> WeightsHeader:
        files.sha256_of(path)
        return read_header(path)

    monkeypatch.setattr(inspection, "read_header", hashed_meanwhile)
    (file,) = looked_at(files, "lora")
    assert file.was_read
    assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def slowed(monkeypatch: pytest.MonkeyPatch, seconds: float) -> list[Path]:
    """Have each look at a folder take so long; every folder that is looked at."""
    looks: list[Path] = []
    walk = folder_walk.walk

    def slow(folder: Path, *, whole_folders: bool) -> Iterator[folder_walk.FoundFile]:
        looks.append(folder)
        time.sleep(seconds)
        return walk(folder, whole_folders=whole_folders)

    monkeypatch.setattr(model_files, "walk", slow)
    return looks


def test_reading_headers_goes_on_while_looks_at_a_slow_drive_are_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(40):
        write_weights(tmp_path / f"{number}.safetensors", LORA)
    looks = slowed(monkeypatch, 0.2)
    look = inspection.inspect_file

    def slow(path: Path) -> inspection.Finding:
        time.sleep(0.02)
        return look(path)

    monkeypatch.setattr(model_files, "inspect_file", slow)
    monkeypatch.setattr(model_files, "_BATCH_SECONDS", 0.05)
    monkeypatch.setattr(model_files, "_READING", 5.0)
    files = ModelFiles({"lora": [tmp_path]})
    files.refresh(wait=0.0)
    while not (found := files.all("lora", wait=0.01)) or not all(file.was_read for file in found):
        time.sleep(0.01)
    assert len(looks) <= 2
    files.close()


def test_headers_are_read_for_as_long_as_a_look_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = ModelFiles({"lora": [tmp_path]})
    asked: list[float] = []

    def reading(number: int, least: float) -> bool:
        asked.append(least)
        return True

    monkeypatch.setattr(files, "_read_new_files", reading)
    for seconds, least in ((0.0, 20.0), (0.3, 0.1)):
        monkeypatch.setattr(model_files, "_READING", least)
        slowed(monkeypatch, seconds)
        files.refresh(wait=None, read=True)
    assert asked[0] == 20.0
    assert asked[1] >= 0.3


def test_a_slow_drive_is_left_alone_in_between(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_files, "POLL", 0.01)
    looks = slowed(monkeypatch, 0.3)
    files = ModelFiles({"lora": [tmp_path]})
    files.start()
    time.sleep(1.0)
    files.close()
    assert len(looks) == 1


def test_a_network_s_hash_is_made_where_only_that_of_the_file_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_files, "POLL", 0.02)
    write_weights(tmp_path / "a.safetensors", LORA)
    files = ModelFiles({"lora": [tmp_path]})
    (file,) = looked_at(files, "lora")
    assert files.sha256(file) and files.network_hash(file, wait=False) is None
    files.start()
    until(lambda: files.network_hash(file, wait=False) is not None)
    files.close()


def test_hashing_that_failed_is_tried_once_until_the_file_is_another_or_was_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_files, "POLL", 0.02)
    path = write_weights(tmp_path / "models" / "a.safetensors", LORA)
    tries: list[Path] = []

    def fails(file: Path, pace: object = None) -> str:
        tries.append(file)
        raise OSError(5, "Input/output error")

    files = ModelFiles({"lora": [path.parent]})
    monkeypatch.setattr(files._hashes, "sha256", fails)
    files.start()
    until(lambda: len(tries) == 1)
    time.sleep(0.2)
    assert len(tries) == 1
    os.utime(path, ns=(7, 7))
    until(lambda: len(tries) == 2)
    path.parent.rename(tmp_path / "away")
    until(lambda: not files.all("lora"))
    time.sleep(0.2)
    (tmp_path / "away").rename(path.parent)
    until(lambda: len(tries) == 3)
    files.close()


def test_one_that_was_not_started_hashes_only_what_is_asked_for(tmp_path: Path) -> None:
    for name in "ab":
        write_weights(tmp_path / f"{name}.safetensors", SD1)
    files = ModelFiles({"checkpoint": [tmp_path]})
    first, second = looked_at(files)
    assert files.sha256(first, wait=False) is None
    whole = files.sha256(first)
    assert whole == hashlib.sha256(first.path.read_bytes()).hexdigest()
    assert [file.sha256 for file in looked_at(files)] == [whole, None]
    assert files.sha256(second, wait=False) is None


def test_hash_of_a_network_is_that_of_its_numbers(tmp_path: Path) -> None:
    numbers = b"numbers!" * 10
    shapes = {"lora_unet_x.lora_down.weight": [4, 10]}
    write_weights(tmp_path / "plain.safetensors", shapes, numbers=numbers)
    write_weights(tmp_path / "retold.safetensors", shapes, {"title": "other words"}, numbers=numbers)
    write_weights(tmp_path / "telling.safetensors", shapes, {"sshs_model_hash": "AB" * 32}, numbers=numbers)
    write_weights(tmp_path / "lying.safetensors", shapes, {"sshs_model_hash": "<b>"}, numbers=numbers)
    files = ModelFiles({"lora": [tmp_path]})
    hashes = {file.name: files.network_hash(file) for file in looked_at(files, "lora")}
    own = hashlib.sha256(numbers).hexdigest()[:12]
    assert hashes == {"plain": own, "retold": own, "lying": own, "telling": "ab" * 6}


def test_hash_of_an_embedding_is_that_of_the_file(tmp_path: Path) -> None:
    path = write_weights(tmp_path / "cat.safetensors", EMBEDDING)
    files = ModelFiles({"embedding": [tmp_path]})
    (file,) = looked_at(files, "embedding")
    assert files.network_hash(file) == hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def test_misplaced_files_are_told_where_they_belong(tmp_path: Path) -> None:
    samples = {"sd": SD1, "lora": LORA, "word": EMBEDDING, "odd": {"odd": [3]}}
    for kind in FOLDER_KINDS:
        for name, shapes in samples.items():
            write_weights(tmp_path / kind / f"{name}.safetensors", shapes)
    files = ModelFiles({kind: [tmp_path / kind] for kind in FOLDER_KINDS})
    looked_at(files)
    own = {"checkpoint": ["sd"], "lora": ["lora"], "embedding": ["word"], "upscaler": ["odd"]}
    for kind in FOLDER_KINDS:
        good = [file.name for file in files.all(kind) if not file.problem]
        assert good == own.get(kind, []), kind
    problems = {file.name: file.problem for file in files.all("vae")}
    assert "Move it to models/Lora." in problems["lora"]
    assert "Move it to models/Stable-diffusion." in problems["sd"]
    assert "nothing that is known here" in problems["odd"]


def test_pickled_upscalers_are_left_to_their_reader(tmp_path: Path) -> None:
    (tmp_path / "4x.pth").write_bytes(b"PK\x03\x04")
    (file,) = looked_at(ModelFiles({"upscaler": [tmp_path]}), "upscaler")
    assert (file.name, file.problem, file.identity) == ("4x", "", None)
    (file,) = looked_at(ModelFiles({"embedding": [tmp_path]}), "embedding")
    assert "is a pickle" in file.problem


def test_facts_that_make_no_sense_are_not_believed(tmp_path: Path) -> None:
    write_weights(tmp_path / "a.safetensors", SD1)
    for nonsense in (1, "x", {}, {"identity": {"kind": 1}, "problem": "", "is_broken": False},
                     {"identity": None, "problem": 3, "is_broken": False}):  # fmt: skip
        facts = FileFacts()
        first = ModelFiles({"checkpoint": [tmp_path]}, facts)
        (file,) = looked_at(first)
        facts.put(file.state, model_files._IDENTITY, nonsense)
        (again,) = looked_at(ModelFiles({"checkpoint": [tmp_path]}, facts))
        assert again.identity == file.identity and again.problem == ""


def test_closing_ends_all_threads(tmp_path: Path) -> None:
    write_weights(tmp_path / "a.safetensors", SD1)
    before = set(threading.enumerate())
    files = ModelFiles({"checkpoint": [tmp_path]})
    files.start()
    looked_at(files)
    files.close()
    assert set(threading.enumerate()) <= before
    assert not files.refresh(wait=0.5) or files.all("checkpoint") is not None
