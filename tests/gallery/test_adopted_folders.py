"""Folders of other programs: listed where they lie, whatever is in them, and never written to."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from modules.config.database import Database
from modules.gallery.adopted_folders import AdoptedFolders
from modules.gallery.reconciliation import reconcile_adopted
from modules.gallery.records import PictureRecords
from modules.gallery.search import PictureSearch
from modules.imaging.encoding import encode_png, encode_with_comment
from modules.imaging.reading import load_picture
from modules.schema.pictures import Picture

TEXT = "a fish\nSteps: 20, Sampler: Euler a, Seed: 5, Size: 64x64, Model: photo, Version: v1.10.1"
NOISE = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
PNG = encode_png(NOISE, TEXT)


@pytest.fixture
def records(database: Database) -> PictureRecords:
    return PictureRecords(database)


@pytest.fixture
def folders(database: Database, records: PictureRecords) -> AdoptedFolders:
    return AdoptedFolders(database)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "elsewhere"
    (folder / "2024" / "deep").mkdir(parents=True)
    for path in ("a.png", "2024/b.png", "2024/deep/c.PNG"):
        (folder / path).write_bytes(PNG)
    return folder


@pytest.fixture
def look(
    database: Database, records: PictureRecords, folders: AdoptedFolders, root: Path
) -> Callable[[], list[Picture]]:
    """Adopts the folder, looks at it and gives its pictures, by path."""

    def looked() -> list[Picture]:
        folder = folders.add(root)
        assert reconcile_adopted(database, records, root, folder)
        return sorted(records.search(PictureSearch(folder=folder), 500), key=lambda picture: picture.path)

    return looked


def snapshot(root: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.lstat().st_mtime_ns, path.lstat().st_size) for path in root.rglob("*")}


def test_pictures_are_listed_where_they_lie(
    look: Callable[[], list[Picture]], root: Path, records: PictureRecords
) -> None:
    before = snapshot(root)
    found = look()
    assert [one.path for one in found] == ["2024/b.png", "2024/deep/c.PNG", "a.png"]
    assert {(one.width, one.height, one.seed, one.origin, one.problem) for one in found} == {(64, 64, 5, "A1111", "")}
    assert {(one.job_id, one.user, one.created) for one in found} == {
        (None, "", (root / one.path).stat().st_mtime_ns / 1e9) for one in found if one.path == "a.png"
    } | {(one.job_id, one.user, one.created) for one in found if one.path != "a.png"}
    assert records.count(PictureSearch(words="fish", model="photo")) == 3
    assert records.count(PictureSearch(folder=0)) == 0
    assert snapshot(root) == before


def test_only_what_changed_is_read_again(
    look: Callable[[], list[Picture]], root: Path, records: PictureRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = {one.path: one.id for one in look()}
    records.change([ids["a.png"]], None, {"rating": 4})
    read: list[str] = []
    from modules.gallery import file_reading, reconciliation

    def noted(path: Path, *given: object) -> object:
        read.append(path.name)
        return file_reading.facts_of_file(path, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(reconciliation, "facts_of_file", noted)
    look()
    assert read == []
    (root / "a.png").write_bytes(encode_png(NOISE[:32], TEXT.replace("fish", "boat")))
    (root / "2024" / "b.png").unlink()
    (root / "new.jpg").write_bytes(b"")
    found = {one.path: one for one in look()}
    assert sorted(read) == ["a.png", "new.jpg"]
    assert found.keys() == {"2024/deep/c.PNG", "a.png", "new.jpg"}
    assert (found["a.png"].id, found["a.png"].rating, found["a.png"].height) == (ids["a.png"], 4, 32)
    assert records.count(PictureSearch(words="boat")) == 1 and records.count(PictureSearch(words="fish")) == 1


def test_small_copies_of_other_programs_are_left_out(look: Callable[[], list[Picture]], root: Path) -> None:
    (root / "thumbnails").mkdir()
    (root / "thumbnails" / "a.webp").write_bytes(PNG)
    assert len(look()) == 3


def test_links_lead_nowhere(look: Callable[[], list[Picture]], root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.png").write_bytes(PNG)
    (root / "link.png").symlink_to(outside / "secret.png")
    (root / "folder").symlink_to(outside)
    (root / "round").symlink_to(root)
    assert len(look()) == 3


def break_fifty(root: Path) -> int:
    """Files that are called pictures and are none, of many kinds; how many."""
    jpeg = encode_with_comment(load_picture(root / "a.png"), "JPEG", TEXT)
    webp = encode_with_comment(load_picture(root / "a.png"), "WEBP", TEXT)
    contents = {
        "empty.png": b"", "empty.jpg": b"", "empty.webp": b"", "text.png": b"no picture at all", "text.gif": b"GIF?",
        "page.png": b"<!DOCTYPE html><html><body>404</body></html>", "page.jpg": b"<html>", "null.png": bytes(5000),
        "head.png": PNG[:8], "short.png": PNG[:20], "cut.png": PNG[: len(PNG) // 2], "cut.jpg": jpeg[: len(jpeg) // 2],
        "cut.webp": webp[: len(webp) // 2], "head.jpg": jpeg[:3], "head.webp": webp[:12], "zip.avif": b"PK\x03\x04",
        "almost.png": PNG[:-12], "bits.webp": b"RIFF\xff\xff\xff\xffWEBP",
        "huge.png": PNG[:16] + b"\x7f\xff" * 4 + PNG[24:],
    }  # fmt: skip
    count = 0
    for round_ in range(2):
        for name, content in contents.items():
            (root / f"{round_} {name}").write_bytes(content)
            count += 1
    for number in range(50 - count):
        (root / f"folder {number}.png").mkdir()
    return 50


def test_fifty_broken_files_are_marked(look: Callable[[], list[Picture]], root: Path) -> None:
    broken = break_fifty(root)
    found = look()
    assert len(found) == 3 + broken
    marked = {one.path: one.problem for one in found if one.problem}
    assert len(marked) == broken, sorted({one.path for one in found} - marked.keys())
    assert all(len(problem) > 15 and problem.endswith(".") for problem in marked.values())
    assert "empty" in marked["0 empty.png"] and "folder" in marked["folder 0.png"]
    assert "ends before" in marked["0 cut.png"] and "ends before" in marked["0 cut.jpg"]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions do not bind this user")
def test_a_file_without_permission_is_marked(look: Callable[[], list[Picture]], root: Path) -> None:
    (root / "a.png").chmod(0)
    assert "permissions" in look()[-1].problem


def test_a_file_that_may_not_be_opened_is_marked(
    look: Callable[[], list[Picture]], root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from modules.gallery import file_reading

    def refuse(path: Path, *given: object) -> object:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(file_reading, "read_picture", refuse)
    assert {"permissions" in one.problem for one in look()} == {True}


def test_a_drive_that_is_gone_takes_no_records_with_it(
    database: Database, look: Callable[[], list[Picture]], root: Path, records: PictureRecords, folders: AdoptedFolders
) -> None:
    ids = [one.id for one in look()]
    root.rename(root.parent / "unplugged")
    root.mkdir()
    assert not reconcile_adopted(database, records, root, folders.add(root))
    root.rmdir()
    (root.parent / "unplugged").rename(root)
    assert [one.id for one in look()] == ids


def test_removing_a_folder_leaves_its_files_and_no_records(
    database: Database, look: Callable[[], list[Picture]], root: Path, records: PictureRecords, folders: AdoptedFolders
) -> None:
    look()
    before = snapshot(root)
    number = folders.add(root)
    folders.remove(number)
    assert reconcile_adopted(database, records, root, number)  # a look that was under way
    assert records.count() == 0 and folders.all() == []
    for table in ("picture_texts", "picture_words", "picture_loras"):
        assert database.rows(f"SELECT * FROM {table}") == []
    assert snapshot(root) == before


def test_a_look_without_changes_at_many_files_is_quick(
    database: Database, records: PictureRecords, folders: AdoptedFolders, tmp_path: Path
) -> None:
    """1,000 files; the soak tests have ten times as many."""
    root = tmp_path / "many"
    root.mkdir()
    for number in range(1000):
        (root / f"{number}.png").write_bytes(PNG)
    folder = folders.add(root)
    began = time.process_time()
    reconcile_adopted(database, records, root, folder)
    read = time.process_time() - began
    assert records.count() == 1000 and read < 5, f"{read:.1f} s to read 1,000 files"
    began = time.process_time()
    reconcile_adopted(database, records, root, folder)
    assert time.process_time() - began < 0.5
