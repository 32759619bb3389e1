"""Input pictures: one file for the same pixels, whatever they came in, and no way out of the folder."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from modules.errors import NotFound, StorageFull, UnreadablePicture
from modules.services.build import Services
from tests.services.jobs_to_end import drawing, drawn_file


def stored_files(services: Services) -> list[str]:
    folder = services.paths.input_pictures
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def test_the_same_pixels_have_one_id(idle_services: Services, tmp_path: Path) -> None:
    picture = drawing(40, 24)
    picture.save(tmp_path / "a.png")
    picture.save(tmp_path / "b.webp", lossless=True)
    picture.save(tmp_path / "c.bmp")
    turned = picture.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter, clockwise
    turned.save(tmp_path / "d.png", exif=exif)
    ids = {idle_services.inputs.add_file(tmp_path / name) for name in ("a.png", "b.webp", "c.bmp", "d.png")}
    ids.add(idle_services.inputs.add(picture))
    assert len(ids) == 1
    (picture_id,) = ids
    assert stored_files(idle_services) == [f"{picture_id}.png"]
    assert idle_services.inputs.size(picture_id) == (40, 24)
    with Image.open(idle_services.inputs.file(picture_id)) as image:
        assert np.array_equal(np.asarray(image), np.asarray(picture))


def test_a_rotated_jpeg_is_stored_upright(idle_services: Services, tmp_path: Path) -> None:
    plain, turned = tmp_path / "plain.jpg", tmp_path / "turned.jpg"
    grey = Image.new("RGB", (40, 24), (128, 128, 128))
    grey.save(plain)
    exif = Image.Exif()
    exif[0x0112] = 8
    grey.transpose(Image.Transpose.ROTATE_270).save(turned, exif=exif)
    assert idle_services.inputs.add_file(plain) == idle_services.inputs.add_file(turned)


def test_size_and_transparency_are_part_of_the_id(idle_services: Services) -> None:
    black = [Image.new("RGB", (8, 4)), Image.new("RGB", (4, 8)), Image.new("RGBA", (8, 4)), Image.new("L", (8, 4))]
    ids = [idle_services.inputs.add(picture) for picture in black]
    assert len(set(ids)) == 3
    assert ids[3] == ids[0]  # grey is stored as colours


def test_texts_are_kept_where_a_task_passes_them_on(idle_services: Services, tmp_path: Path) -> None:
    texts = {"parameters": "a prompt\nSteps: 1, Sampler: Euler, Seed: 5", "Software": "Ünicode ✓"}
    file = drawn_file(tmp_path / "a.png", texts=texts)
    with_texts = idle_services.inputs.add_file(file, with_texts=True)
    without = idle_services.inputs.add_file(file)
    assert with_texts != without
    with Image.open(idle_services.inputs.file(with_texts)) as image:
        assert image.info == texts
    with Image.open(idle_services.inputs.file(without)) as image:
        assert image.info == {}


HOSTILE = [
    "../atelier",
    "../../etc/passwd",
    "/etc/passwd",
    "A" * 32,
    "0" * 31,
    "0" * 33,
    "0" * 100_000,
    "0" * 31 + "\n",
    "0" * 32 + "\n",
    "٠" * 32,
    "",
    "..",
    "0" * 16 + "/" + "0" * 15,
    "0" * 31 + "\x00",
]


@pytest.mark.parametrize("picture_id", HOSTILE, ids=range(len(HOSTILE)))
def test_ids_that_are_none_are_refused(idle_services: Services, picture_id: str) -> None:
    assert not idle_services.inputs.has(picture_id)
    for ask in (idle_services.inputs.file, idle_services.inputs.size):
        with pytest.raises(NotFound, match=r"is no id of an input picture") as refused:
            ask(picture_id)
        assert len(str(refused.value)) < 250


def test_unknown_id_is_told(idle_services: Services) -> None:
    assert not idle_services.inputs.has("0" * 32)
    with pytest.raises(NotFound, match=f"Input picture {'0' * 32} is not stored here. Choose the picture again."):
        idle_services.inputs.file("0" * 32)


def test_inputs_are_no_pictures_of_the_gallery(idle_services: Services) -> None:
    idle_services.inputs.add(drawing())
    drawn_file(idle_services.paths.outputs / "mine.png")
    idle_services.pictures.refresh()
    assert [picture.path for picture in idle_services.pictures.page(0, 9)] == ["mine.png"]


def test_full_disk_is_told_and_leaves_nothing(idle_services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFull, match=r"init-images is full. Free some space there and try again."):
        idle_services.inputs.add(drawing())
    assert stored_files(idle_services) == []


def test_broken_files_are_told(idle_services: Services, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    with pytest.raises(UnreadablePicture, match=r"Picture 'broken.png' cannot be read"):
        idle_services.inputs.add_file(tmp_path / "broken.png")
    with pytest.raises(UnreadablePicture, match=r"Picture 'gone.png' is not there"):
        idle_services.inputs.add_file(tmp_path / "gone.png")
    assert stored_files(idle_services) == []


def test_strokes_become_a_mask(idle_services: Services) -> None:
    original = drawing(32, 16)
    painted = original.copy()
    painted.paste((255, 0, 255), (8, 4, 16, 12))
    with Image.open(idle_services.inputs.file(idle_services.inputs.add_strokes(painted, original))) as mask:
        levels = np.asarray(mask.convert("L"))
    wanted = np.zeros((16, 32), np.uint8)
    wanted[4:12, 8:16] = 255
    assert np.array_equal(levels, wanted)
