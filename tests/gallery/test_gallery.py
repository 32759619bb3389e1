"""Pictures: file and record, both or neither."""

from __future__ import annotations

import errno
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from modules.config.database import Database
from modules.config.files import move_to_new_name
from modules.errors import NotFound, StorageFull, UnreadablePicture
from modules.gallery.reconciliation import reconcile
from modules.gallery.records import PictureRecords
from modules.gallery.store import PictureStore
from modules.gallery.thumbnails import thumbnail_of
from modules.imaging.encoding import encode_png
from modules.schema.pictures import Picture

PNG = encode_png(np.zeros((8, 16, 3), dtype=np.uint8), "a prompt\nSteps: 1, Sampler: Euler, Seed: 5")


@pytest.fixture
def records(database: Database) -> PictureRecords:
    return PictureRecords(database)


def save(
    database: Database, outputs: Path, *, index: int = 0, seed: int = 5, job: str = "job", infotext: str = "a prompt"
) -> Picture:
    return PictureStore(database, PictureRecords(database), outputs).save(
        PNG,
        folder=outputs / "txt2img-images",
        width=16,
        height=8,
        seed=seed,
        infotext=infotext,
        job_id=job,
        index=index,
    )


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_names_count_up_and_carry_the_seed(database: Database, records: PictureRecords, tmp_path: Path) -> None:
    pictures = [save(database, tmp_path, index=index, seed=40 + index) for index in range(3)]
    assert files_in(tmp_path / "txt2img-images") == ["00001-40.png", "00002-41.png", "00003-42.png"]
    assert records.of_job("job") == pictures
    assert [picture.id for picture in records.page(0, 2)] == [pictures[2].id, pictures[1].id]
    assert records.page(1, 2) == [pictures[0]]
    assert records.count() == 3
    assert records.get(pictures[0].id) == pictures[0]
    with pytest.raises(NotFound, match="Picture 99"):
        records.get(99)


def test_numbers_go_on_after_files_of_others(database: Database, records: PictureRecords, tmp_path: Path) -> None:
    first = save(database, tmp_path)
    folder = (tmp_path / first.path).parent
    (folder / "00002-5.png").write_bytes(PNG)  # came from elsewhere, with the very next name
    assert Path(save(database, tmp_path, index=1).path).name == "00003-5.png"
    assert (folder / "00002-5.png").read_bytes() == PNG


def named(database: Database, outputs: Path, index: int, *, job: str = "job") -> str:
    picture = PictureStore(database, PictureRecords(database), outputs).save(
        PNG,
        folder=outputs / "extras-images",
        width=16,
        height=8,
        seed=None,
        infotext="",
        job_id=job,
        index=index,
        name="mine",
        subfolder="larger",
    )
    return picture.path


def test_pictures_with_a_name_get_a_number_only_where_it_is_taken(
    database: Database, records: PictureRecords, tmp_path: Path
) -> None:
    assert [named(database, tmp_path, index) for index in range(3)] == [
        "extras-images/larger/mine.png",
        "extras-images/larger/mine-1.png",
        "extras-images/larger/mine-2.png",
    ]
    assert [picture.seed for picture in records.of_job("job")] == [None] * 3


def test_name_whose_file_was_deleted_is_free_again(database: Database, records: PictureRecords, tmp_path: Path) -> None:
    deleted, kept = named(database, tmp_path, 0), named(database, tmp_path, 1)
    (tmp_path / deleted).unlink()  # the record stays until the gallery is looked at
    assert named(database, tmp_path, 0, job="another") == deleted
    assert [picture.path for picture in records.of_job("another")] == [deleted]
    assert [picture.path for picture in records.of_job("job")] == [kept]


@pytest.mark.parametrize("wins", ["first", "second"])
def test_two_workers_that_take_one_name_at_one_moment_both_keep_their_picture(
    database: Database, records: PictureRecords, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wins: str
) -> None:
    """The second one comes when the first has its record and not yet its file."""
    move = move_to_new_name

    def first_move(temporary: Path, path: Path) -> None:
        def second_move(other: Path, other_path: Path) -> None:
            if wins == "first" and other_path == path:
                move(temporary, path)
            move(other, other_path)

        monkeypatch.setattr(f"{PictureStore.__module__}.move_to_new_name", second_move)
        named(database, tmp_path, 0, job="second")
        monkeypatch.setattr(f"{PictureStore.__module__}.move_to_new_name", move)
        if not (wins == "first" and path.exists()):
            move(temporary, path)

    monkeypatch.setattr(f"{PictureStore.__module__}.move_to_new_name", first_move)
    named(database, tmp_path, 0, job="first")
    recorded = [picture.path for job in ("first", "second") for picture in records.of_job(job)]
    assert sorted(recorded) == ["extras-images/larger/mine-1.png", "extras-images/larger/mine.png"]
    assert files_in(tmp_path / "extras-images") == ["mine-1.png", "mine.png"]


def test_picture_keeps_its_record_when_another_process_looked_for_its_file_a_moment_too_early(
    database: Database, records: PictureRecords, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked, saved = threading.Event(), threading.Event()

    def missing() -> Iterator[str]:
        yield from [path for path in records_of_other.paths() if not (tmp_path / path).is_file()]
        looked.set()
        saved.wait(1)

    def move_late(temporary: Path, path: Path) -> None:
        looking.start()
        assert looked.wait(60)
        move_to_new_name(temporary, path)

    with closing(Database(database.path)) as other:
        records_of_other = PictureRecords(other)
        looking = threading.Thread(target=lambda: records_of_other.forget(missing()))
        monkeypatch.setattr(f"{PictureStore.__module__}.move_to_new_name", move_late)
        picture = save(database, tmp_path)
        saved.set()
        looking.join()
    assert records.of_job("job") == [picture]


def test_pictures_without_a_seed_are_numbered(database: Database, tmp_path: Path) -> None:
    store = PictureStore(database, PictureRecords(database), tmp_path)
    facts = {"width": 16, "height": 8, "seed": None, "infotext": "", "job_id": "job"}
    paths = [store.save(PNG, folder=tmp_path / "grids", index=index, **facts).path for index in range(2)]  # type: ignore[arg-type]
    assert [Path(path).name for path in paths] == ["00001.png", "00002.png"]


def test_input_pictures_are_no_pictures_of_the_gallery(
    database: Database, records: PictureRecords, tmp_path: Path
) -> None:
    for name in ("init-images/a.png", "init-images/deep/b.png", "init-images-too/c.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(PNG)
    reconcile(database, records, tmp_path, without=tmp_path / "init-images")
    assert [picture.path for picture in records.page(0, 9)] == ["init-images-too/c.png"]


def test_folder_filled_by_another_program_is_counted_on(
    database: Database, records: PictureRecords, tmp_path: Path
) -> None:
    made = save(database, tmp_path / "elsewhere")
    folder = tmp_path / "outputs" / Path(made.path).parent
    folder.mkdir(parents=True)
    (folder / "00041-1.png").write_bytes(PNG)
    assert Path(save(database, tmp_path / "outputs", index=1).path).name == "00042-5.png"


def test_same_picture_of_a_job_is_not_saved_twice(database: Database, records: PictureRecords, tmp_path: Path) -> None:
    save(database, tmp_path)
    with pytest.raises(Exception, match="UNIQUE"):
        save(database, tmp_path)
    assert len(files_in(tmp_path / "txt2img-images")) == records.count() == 1


def test_full_disk_while_writing_leaves_neither_file_nor_record(
    database: Database, records: PictureRecords, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFull, match="Free some space"):
        save(database, tmp_path)
    assert (files_in(tmp_path / "txt2img-images"), records.count()) == ([], 0)


def test_full_database_leaves_neither_file_nor_record(
    database: Database, records: PictureRecords, tmp_path: Path
) -> None:
    pages = database.row("PRAGMA page_count")
    assert pages is not None
    database.row(f"PRAGMA max_page_count = {pages[0]}")
    with pytest.raises(StorageFull):
        save(database, tmp_path, infotext="x" * 100_000)
    assert (files_in(tmp_path / "txt2img-images"), records.count()) == ([], 0)
    database.row("PRAGMA max_page_count = 100000")
    save(database, tmp_path)
    assert records.count() == 1


def test_record_whose_file_never_came_is_dropped(database: Database, records: PictureRecords, tmp_path: Path) -> None:
    kept, lost = save(database, tmp_path), save(database, tmp_path, index=1)
    (tmp_path / lost.path).unlink()
    PictureStore(database, records, tmp_path).forget_missing("job")
    assert records.of_job("job") == [kept]


def test_picture_saved_while_the_gallery_looks_keeps_its_record(
    database: Database, records: PictureRecords, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(database, tmp_path)
    known = records.paths

    def meanwhile() -> set[str]:
        before = known()
        save(database, tmp_path, index=1)
        return before

    monkeypatch.setattr(records, "paths", meanwhile)
    reconcile(database, records, tmp_path, without=tmp_path / "init-images")
    assert [picture.index for picture in records.of_job("job")] == [0, 1]


def test_pictures_behind_a_linked_folder_are_not_forgotten(
    database: Database, records: PictureRecords, tmp_path: Path
) -> None:
    outputs = tmp_path / "outputs"
    (tmp_path / "other disk").mkdir()
    outputs.mkdir()
    (outputs / "txt2img-images").symlink_to(tmp_path / "other disk")
    save(database, outputs)
    reconcile(database, records, outputs, without=outputs / "init-images")
    assert records.count() == 1


def test_name_that_is_not_utf8_is_left_out(database: Database, records: PictureRecords, tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff.png")).write_bytes(PNG)
    (tmp_path / "z.png").write_bytes(PNG)
    reconcile(database, records, tmp_path, without=tmp_path / "init-images")
    assert [picture.path for picture in records.page(0, 9)] == ["z.png"]


def test_files_that_came_and_went_are_noticed(database: Database, records: PictureRecords, tmp_path: Path) -> None:
    kept, deleted = save(database, tmp_path), save(database, tmp_path, index=1)
    (tmp_path / deleted.path).unlink()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "copied.png").write_bytes(PNG)
    (tmp_path / "mine" / "broken.png").write_bytes(b"no picture")
    (tmp_path / "mine" / ".hidden.png").write_bytes(PNG)
    (tmp_path / "mine" / "link.png").symlink_to(tmp_path / kept.path)
    reconcile(database, records, tmp_path, without=tmp_path / "init-images")
    found = {picture.path: picture for picture in records.page(0, 9)}
    assert found.keys() == {kept.path, "mine/copied.png", "mine/broken.png"}
    assert "cannot be read" in found["mine/broken.png"].problem
    adopted = found["mine/copied.png"]
    assert (adopted.width, adopted.height, adopted.job_id) == (16, 8, None)
    assert (adopted.infotext.startswith("a prompt\nSteps: 1"), adopted.seed, adopted.problem) == (True, 5, "")
    (tmp_path / "mine" / "broken.png").write_bytes(PNG)
    reconcile(database, records, tmp_path, without=tmp_path / "init-images")
    assert [picture.problem for picture in records.page(0, 9)] == [""] * 3


def test_thumbnail_is_made_once_and_anew_when_the_file_changes(tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    picture.write_bytes(PNG)
    first = thumbnail_of(picture, tmp_path / "thumbnails")
    assert thumbnail_of(picture, tmp_path / "thumbnails") == first
    picture.write_bytes(encode_png(np.zeros((9, 9, 3), dtype=np.uint8), ""))
    assert thumbnail_of(picture, tmp_path / "thumbnails") != first
    shutil.rmtree(tmp_path / "thumbnails")
    picture.unlink()
    with pytest.raises(UnreadablePicture):
        thumbnail_of(picture, tmp_path / "thumbnails")
