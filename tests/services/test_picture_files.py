"""Format, name and folder of finished pictures, by the settings."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import webui
from modules.config.database import Database
from modules.config.settings_table import Settings
from modules.gallery.records import PictureRecords
from modules.gallery.store import PictureStore
from modules.imaging.reading import load_picture, read_infotext
from modules.schema.pictures import Picture
from modules.schema.requests import ResolvedTxt2Img
from modules.services.finished_picture import FinishedPicture
from modules.services.job_grids import columns_of, save_job_grid
from modules.services.job_pictures import JobPictures
from modules.services.picture_files import PictureFiles

INFOTEXT = "a red house, at night\nSteps: 4, Sampler: Euler, Seed: 6, Model hash: 0123456789, Model: demo"
REQUEST = ResolvedTxt2Img(
    prompt="a red house, (at night:1.2)", negative_prompt="rain", steps=4, sampler_name="DPM++ 2M", scheduler="Karras",
    cfg_scale=7.5, seed=5, width=64, height=64, batch_count=2, batch_size=2, rng="NV", model="drawn/demo",
    sd_vae="fine.safetensors", styles=("Ink", "Old"), template="a red house",
)  # fmt: skip
PIXELS = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)


class Saving:
    """A job whose pictures are saved into a folder."""

    def __init__(self, folder: Path) -> None:
        self.outputs = folder / "outputs"
        self._database = Database(folder / "test.sqlite3")

    def close(self) -> None:
        self._database.close()

    def job(self, job_id: str = "job", **settings: Any) -> JobPictures:
        records = PictureRecords(self._database)
        store = PictureStore(self._database, records, self.outputs)
        files = PictureFiles(Settings(**settings), user="ann", job_started=1_700_000_000.0)
        return JobPictures(job_id, store, records, self.outputs, lambda event: None, user="ann", files=files)

    def saved(
        self, *, job_id: str = "job", pixels: np.ndarray = PIXELS, infotext: str = INFOTEXT, **settings: Any
    ) -> Picture:
        picture = FinishedPicture(1, pixels, infotext, 6)
        self.job(job_id, **settings).save(1, picture, self.outputs / "txt2img-images", request=REQUEST)
        return PictureRecords(self._database).of_job(job_id)[-1]


@pytest.fixture
def saving(tmp_path: Path) -> Any:
    opened = Saving(tmp_path)
    yield opened
    opened.close()


def test_without_settings_it_is_a_png_named_by_number_and_seed(saving: Saving) -> None:
    path = saving.saved().path
    assert re.fullmatch(r"txt2img-images/\d{4}-\d\d-\d\d/00001-6\.png", path)
    assert read_infotext(saving.outputs / path) == INFOTEXT


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("[seed]-[seed_first]-[seed_last]", "6-5-8"),
        ("[steps] [cfg] [width]x[height] [clip_skip]", "4 7.5 64x64 1"),
        ("[sampler], [scheduler], [sampler_scheduler]", "DPM++ 2M, Karras, DPM++ 2M Karras"),
        ("[model_name] [model_hash] [vae_filename]", "demo 0123456789 fine.safetensors"),
        ("[styles]", "Ink, Old"),
        ("[prompt_words]", "a red house at night 1"),
        ("[prompt_spaces]", "a red house, (at night_1.2)"),
        ("[prompt]", "a_red_house,_(at_night_1.2)"),
        ("[prompt_no_styles]", "a_red_house"),
        ("[batch_number]of[batch_size] [generation_number]", "2of2 2"),
        ("[user] [job_timestamp]", None),
        ("x-[denoising]", "00001"),
        ("[hasprompt<RED|blue><cat|dog>]", "REDdog"),
        ("[prompt_hash]", hashlib.sha256(REQUEST.prompt.encode()).hexdigest()[:8]),
        ("[image_hash<12>]", hashlib.sha256(PIXELS.tobytes()).hexdigest()[:12]),
        ("[datetime<%Y><Europe/Berlin>]", None),
        ("[none]", "00001"),
    ],
)
def test_words_of_patterns(saving: Saving, pattern: str, expected: str | None) -> None:
    settings: dict[str, Any] = {"samples_filename_pattern": pattern, "save_images_add_number": False}
    path = Path(saving.saved(**settings, directories_max_prompt_words=6).path)
    if expected is not None:
        assert path.stem == (expected if expected != "00001" else "00001-6")
    else:
        assert re.fullmatch(r"ann \d{14}|20\d\d", path.stem)


def test_equal_names_and_numbers(saving: Saving) -> None:
    same: dict[str, Any] = {"samples_filename_pattern": "[model_name]", "save_to_dirs": False}
    paths = [saving.saved(job_id=f"job {place}", **same, save_images_add_number=False).path for place in range(2)]
    assert paths == ["txt2img-images/demo.png", "txt2img-images/demo-1.png"]
    assert saving.saved(job_id="numbered", **same).path == "txt2img-images/00001-demo.png"


def test_folders(saving: Saving) -> None:
    pattern = "[model_name]/[prompt_words]/../[user]"
    assert saving.saved(directories_filename_pattern=pattern, directories_max_prompt_words=3).path == (
        "txt2img-images/demo/a red house/ann/00001-6.png"
    )


@pytest.mark.parametrize(
    ("settings", "suffix", "format"),
    [
        ({"samples_format": "jpg"}, ".jpg", "JPEG"),
        ({"samples_format": "webp"}, ".webp", "WEBP"),
        ({"samples_format": "webp", "webp_lossless": True}, ".webp", "WEBP"),
    ],
)
def test_formats_carry_the_parameters(saving: Saving, settings: dict[str, Any], suffix: str, format: str) -> None:
    saved = saving.saved(**settings, infotext=f"☃ {INFOTEXT}")
    path = saving.outputs / saved.path
    assert (path.suffix, read_infotext(path), saved.infotext) == (suffix, f"☃ {INFOTEXT}", f"☃ {INFOTEXT}")
    pixels = np.asarray(load_picture(path))
    assert np.array_equal(pixels, PIXELS) == settings.get("webp_lossless", False)


def test_quality(saving: Saving) -> None:
    sizes = [
        (saving.outputs / saving.saved(job_id=str(quality), samples_format="jpg", jpeg_quality=quality).path)
        .stat()
        .st_size
        for quality in (10, 95)
    ]
    assert sizes[0] < sizes[1] / 2


@pytest.mark.parametrize(
    "odd",
    [
        {"pixels": np.zeros((8, 8, 4), np.uint8)},
        {"pixels": np.zeros((8, 16_384, 3), np.uint8)},
        {"infotext": "a" * 40_000},
    ],
)
def test_what_another_format_cannot_hold_is_a_png(saving: Saving, odd: dict[str, Any]) -> None:
    saved = saving.saved(**odd, samples_format="webp")
    path = saving.outputs / saved.path
    assert (path.suffix, read_infotext(path)) == (".png", odd.get("infotext", INFOTEXT))


def test_text_beside_and_no_text_inside(saving: Saving) -> None:
    path = saving.outputs / saving.saved(save_txt=True, enable_pnginfo=False).path
    assert path.with_suffix(".txt").read_text("utf-8") == f"{INFOTEXT}\n"
    assert read_infotext(path) == ""


def test_a_grid_of_a_job_is_saved_once(saving: Saving) -> None:
    pictures = saving.job(grid_format="jpg", grid_save_to_dirs=False)
    folder = saving.outputs / "grids"
    for index in range(3):
        pictures.save(index, FinishedPicture(index, PIXELS, INFOTEXT, 5 + index), saving.outputs / "txt2img-images")
    for _ in range(2):
        save_job_grid(REQUEST, pictures, folder, rows=-1)
    (grid,) = folder.iterdir()
    assert grid.name == "00001-5.jpg" and load_picture(grid).size == (128, 128)
    assert pictures.finished() == {0, 1, 2, REQUEST.picture_count}


def test_one_picture_makes_no_grid(saving: Saving) -> None:
    saving.saved()
    save_job_grid(REQUEST, saving.job(), saving.outputs / "grids", rows=-1)
    assert not (saving.outputs / "grids").exists()


@pytest.mark.parametrize(("rows", "columns"), [(-1, 3), (0, 4), (1, 7), (2, 4), (16, 1)])
def test_rows_of_a_grid(rows: int, columns: int) -> None:
    assert columns_of(7, rows, 2) == columns


def test_a_copy_for_the_command_line_keeps_the_suffix_of_its_format(tmp_path: Path) -> None:
    picture = tmp_path / "00001-5.jpg"
    picture.write_bytes(b"a jpeg")
    for place, expected in ((None, "house.jpg"), (2, "house-2.jpg")):
        copied = webui._copy(picture, tmp_path / "out" / "house.png", place)
        assert (copied.name, copied.read_bytes()) == (expected, b"a jpeg")
