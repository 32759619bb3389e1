"""The bin: file and record move both or neither, and nothing is ever written over."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from modules.config.database import Database
from modules.errors import StorageFull
from modules.gallery.bin import PictureBin
from modules.gallery.places import BIN, file_of
from modules.gallery.reconciliation import reconcile
from modules.gallery.records import PictureRecords
from modules.gallery.search import PictureSearch
from modules.gallery.store import PictureStore
from modules.imaging.encoding import encode_png
from modules.schema.pictures import Picture

PNG = encode_png(np.zeros((8, 16, 3), dtype=np.uint8), "a prompt\nSteps: 1, Sampler: Euler, Seed: 5")


@pytest.fixture
def records(database: Database) -> PictureRecords:
    return PictureRecords(database)


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    return tmp_path / "outputs"


@pytest.fixture
def pictures(database: Database, records: PictureRecords, outputs: Path) -> list[Picture]:
    return [save(database, records, outputs, index, user) for index, user in enumerate(("ann", "ann", "bob"))]


def save(database: Database, records: PictureRecords, outputs: Path, index: int, user: str = "") -> Picture:
    return PictureStore(database, records, outputs).save(
        PNG,
        folder=outputs / "txt2img-images",
        width=16,
        height=8,
        seed=5,
        infotext="a prompt",
        job_id="job",
        index=index,
        name="mine",
        subfolder="day",
        user=user,
    )


def files(outputs: Path) -> list[str]:
    return sorted(path.relative_to(outputs).as_posix() for path in outputs.rglob("*") if path.is_file())


def test_there_and_back(database: Database, records: PictureRecords, outputs: Path, pictures: list[Picture]) -> None:
    bin_ = PictureBin(database, outputs)
    first, second, foreign = pictures
    assert bin_.put([first.id, second.id, foreign.id, 99], "ann") == 2
    assert files(outputs) == [f"{BIN}/{first.id}.png", f"{BIN}/{second.id}.png", foreign.path]
    assert [one.id for one in records.page(0, 9)] == [foreign.id]
    binned = records.search(PictureSearch(bin=True), 9)
    assert [one.id for one in binned] == [second.id, first.id] and all(one.binned for one in binned)
    assert file_of(binned[0], outputs).read_bytes() == PNG
    reconcile(database, records, outputs, without=outputs / "init-images")
    assert records.count(PictureSearch(bin=True)) == 2 and records.count() == 1
    assert bin_.restore([first.id, foreign.id], None) == 1
    assert records.get(first.id) == first
    assert files(outputs) == [f"{BIN}/{second.id}.png", *sorted((first.path, foreign.path))]


def test_a_name_that_was_taken_meanwhile_is_left_alone(
    database: Database, records: PictureRecords, outputs: Path, pictures: list[Picture]
) -> None:
    bin_ = PictureBin(database, outputs)
    first, second, _ = pictures
    bin_.put([first.id, second.id], None)
    newer = save(database, records, outputs, 3)
    assert newer.path == first.path
    (outputs / second.path).write_bytes(b"somebody's own")
    assert bin_.restore([first.id, second.id], None) == 2
    assert (outputs / second.path).read_bytes() == b"somebody's own"
    restored = [records.get(one.id) for one in (first, second)]
    assert len({one.path for one in (*restored, newer)}) == 3
    assert all((outputs / one.path).read_bytes() == PNG and one.binned is None for one in (*restored, newer))


def write_texts(outputs: Path, pictures: list[Picture]) -> None:
    for picture in pictures:
        (outputs / picture.path).with_suffix(".txt").write_text(f"the text of {picture.id}")


def text_of(outputs: Path, path: str) -> str:
    return (outputs / path).with_suffix(".txt").read_text()


def test_a_text_file_goes_with_its_picture(
    database: Database, records: PictureRecords, outputs: Path, pictures: list[Picture]
) -> None:
    bin_ = PictureBin(database, outputs)
    write_texts(outputs, pictures)
    at_first = files(outputs)
    ids = [one.id for one in pictures]
    assert bin_.put(ids, None) == 3
    assert files(outputs) == sorted(f"{BIN}/{one}.{suffix}" for one in ids for suffix in ("png", "txt"))
    reconcile(database, records, outputs, without=outputs / "init-images")
    assert bin_.restore(ids, None) == 3 and files(outputs) == at_first
    assert [text_of(outputs, one.path) for one in pictures] == [f"the text of {one}" for one in ids]
    bin_.put(ids, None)
    assert bin_.delete(ids[:1], None) == 1 and not {f"{BIN}/{ids[0]}.txt"} & set(files(outputs))
    assert bin_.delete(None, None) == 2 and files(outputs) == []


def test_a_text_comes_back_beside_what_took_its_name(
    database: Database, records: PictureRecords, outputs: Path, pictures: list[Picture]
) -> None:
    bin_, first = PictureBin(database, outputs), pictures[0]
    write_texts(outputs, [first])
    bin_.put([first.id], None)
    (outputs / first.path).with_suffix(".txt").write_text("somebody's own")
    bin_.restore([first.id], None)
    back = records.get(first.id)
    assert back.path != first.path and text_of(outputs, back.path) == f"the text of {first.id}"
    assert text_of(outputs, first.path) == "somebody's own" and (outputs / back.path).read_bytes() == PNG


def test_a_picture_from_elsewhere_takes_its_text_along_unless_another_one_shares_it(
    database: Database, records: PictureRecords, outputs: Path
) -> None:
    """A1111 names the text after the picture, whatever format that has."""
    folder = outputs / "from elsewhere"
    folder.mkdir(parents=True)
    for name in ("one.png", "two.png", "two.PNG.png"):
        (folder / name).write_bytes(PNG)
    shutil.copy(folder / "two.png", folder / "two.webp")
    for name in ("one.txt", "two.txt"):
        (folder / name).write_text(name)
    reconcile(database, records, outputs, without=outputs / "init-images")
    bin_, by_path = PictureBin(database, outputs), {one.path: one.id for one in records.page(0, 9)}
    bin_.put([by_path["from elsewhere/one.png"], by_path["from elsewhere/two.png"]], None)
    assert not (folder / "one.txt").exists() and (folder / "two.txt").is_file()
    bin_.put([by_path["from elsewhere/two.webp"]], None)
    assert not (folder / "two.txt").exists()
    bin_.restore(list(by_path.values()), None)
    assert (folder / "one.txt").read_text() == "one.txt" and (folder / "two.txt").read_text() == "two.txt"


def test_a_text_that_cannot_be_moved_keeps_no_picture_back(
    database: Database, records: PictureRecords, outputs: Path, pictures: list[Picture], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_texts(outputs, pictures)
    replace = Path.replace

    def refuse(source: Path, target: Path) -> None:
        if source.suffix == ".txt":
            raise PermissionError(errno.EACCES, "Another program holds it")
        replace(source, target)

    monkeypatch.setattr(Path, "replace", refuse)
    bin_, ids = PictureBin(database, outputs), [one.id for one in pictures]
    assert bin_.put(ids, None) == 3 and text_of(outputs, pictures[0].path) == f"the text of {ids[0]}"
    assert bin_.restore(ids, None) == 3 and [records.get(one) for one in ids] == pictures


def test_emptying_deletes_ones_own_for_good(
    database: Database, records: PictureRecords, outputs: Path, pictures: list[Picture]
) -> None:
    bin_ = PictureBin(database, outputs)
    assert bin_.delete([pictures[0].id], None) == 0  # it is not in the bin
    bin_.put([one.id for one in pictures], None)
    assert bin_.delete(None, "ann") == 2
    assert [one.id for one in records.of_job("job")] == [pictures[2].id]
    assert files(outputs) == [f"{BIN}/{pictures[2].id}.png"]
    assert bin_.delete([pictures[2].id], None) == 1 and files(outputs) == []


def test_a_job_that_goes_on_does_not_paint_again_what_lies_in_the_bin(
    database: Database, records: PictureRecords, outputs: Path, pictures: list[Picture]
) -> None:
    PictureBin(database, outputs).put([pictures[0].id], None)
    PictureStore(database, records, outputs).forget_missing("job")
    assert [one.index for one in records.of_job("job")] == [0, 1, 2]


def test_a_file_that_cannot_be_moved_stays_where_it_was(
    database: Database, records: PictureRecords, outputs: Path, pictures: list[Picture], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: Path, target: Path) -> None:
        if source.name == Path(pictures[0].path).name:
            raise PermissionError(errno.EACCES, "Another program holds it")
        replace(source, target)

    replace = Path.replace
    monkeypatch.setattr(Path, "replace", refuse)
    assert PictureBin(database, outputs).put([one.id for one in pictures[:2]], None) == 1
    assert records.get(pictures[0].id) == pictures[0]
    assert (outputs / pictures[0].path).is_file() and records.get(pictures[1].id).binned


@pytest.mark.parametrize("is_full", [False, True])
def test_a_bin_on_another_drive(
    database: Database,
    records: PictureRecords,
    outputs: Path,
    pictures: list[Picture],
    monkeypatch: pytest.MonkeyPatch,
    is_full: bool,
) -> None:
    """Such as where one of the folders is a link."""
    replace, link = Path.replace, os.link

    def apart(move: object) -> object:
        def across(source: Path, target: Path) -> None:
            if (BIN in Path(source).parts) != (BIN in Path(target).parts):
                raise OSError(errno.EXDEV, "Invalid cross-device link")
            move(source, target)  # type: ignore[operator]

        return across

    monkeypatch.setattr(Path, "replace", apart(replace))
    monkeypatch.setattr(os, "link", apart(link))
    bin_ = PictureBin(database, outputs)
    if is_full:

        def full(source: Path, target: Path) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(shutil, "copy2", full)
        with pytest.raises(StorageFull):
            bin_.put([one.id for one in pictures], None)
        assert [records.get(one.id) for one in pictures] == pictures
        assert files(outputs) == sorted(one.path for one in pictures)
        return
    assert bin_.put([one.id for one in pictures], None) == 3
    assert files(outputs) == sorted(f"{BIN}/{one.id}.png" for one in pictures)
    assert bin_.restore([one.id for one in pictures], None) == 3
    assert files(outputs) == sorted(one.path for one in pictures)
    assert [records.get(one.id) for one in pictures] == pictures


KILLED = """
import os, sys
from pathlib import Path
from modules.config.database import Database
from modules.gallery.bin import PictureBin
database, outputs = Database(Path(sys.argv[1])), Path(sys.argv[2])
act, moves = sys.argv[3], int(sys.argv[4])
def counted(move):
    def moved(*given, **named):
        global moves
        if moves == 0:
            os.kill(os.getpid(), 9)
        moves -= 1
        return move(*given, **named)
    return moved
os.link, Path.unlink, Path.replace = map(counted, (os.link, Path.unlink, Path.replace))
bin_ = PictureBin(database, outputs)
getattr(bin_, act)([1, 2, 3], None)
"""


@pytest.mark.parametrize(
    ("act", "moves"),
    [("put", 0), ("put", 1), ("put", 2), *(("restore", count) for count in range(1, 7)), ("delete", 2)],
)
def test_after_a_kill_each_picture_is_whole_and_in_one_place(
    database: Database, records: PictureRecords, outputs: Path, pictures: list[Picture], act: str, moves: int
) -> None:
    bin_ = PictureBin(database, outputs)
    write_texts(outputs, pictures)
    if act != "put":
        bin_.put([one.id for one in pictures], None)
    command = [sys.executable, "-c", KILLED, str(database.path), str(outputs), act, str(moves)]
    assert subprocess.run(command, timeout=120).returncode == -9
    bin_.finish()
    bin_.finish()
    reconcile(database, records, outputs, without=outputs / "init-images")
    left = [*records.page(0, 9), *records.search(PictureSearch(bin=True), 9)]
    in_place = sorted(
        file_of(one, outputs).relative_to(outputs).as_posix() for one in left if file_of(one, outputs).is_file()
    )
    texts = sorted(Path(name).with_suffix(".txt").as_posix() for name in in_place)
    assert files(outputs) == sorted((*in_place, *texts))
    for one in left if act != "delete" else ():
        lies = file_of(one, outputs).with_suffix(".txt")
        assert lies.read_text() == f"the text of {one.id}"
    if act == "delete":  # the file goes first: its record is deleted the next time
        assert len(left) == 3 and len(in_place) == 2
        assert bin_.delete(None, None) == 3 and records.of_job("job") == []
    else:
        assert len(in_place) == 3 == len({one.id for one in left})
        assert {one.binned is not None for one in left} == {act == "put"}
        assert all((outputs / name).read_bytes() == PNG for name in in_place)
