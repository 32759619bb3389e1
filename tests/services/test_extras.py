"""Extras end to end: the chain, its order, what the files say, and what they are called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from modules.imaging.cutting import flipped_copies
from modules.schema.extras_request import ExtrasRequest
from modules.schema.pictures import Picture
from modules.services import job_running
from modules.services.build import Services
from tests.services.jobs_to_end import drawing, drawn_file, ended, made

INFOTEXT = "a blue boat\nSteps: 3, Sampler: Heun, CFG scale: 4.5, Seed: 77, Size: 64x48"


def processed(services: Services, files: list[Path], *, folder: str | None = None, **fields: Any) -> list[Picture]:
    return made(services, services.batches.extras(fields, files, folder=folder))


def opened(services: Services, picture: Picture) -> Image.Image:
    with Image.open(services.pictures.file(picture)) as image:
        image.load()
    return image


def test_what_a_file_said_is_kept_and_what_was_done_is_added(demo_services: Services, tmp_path: Path) -> None:
    texts = {"parameters": INFOTEXT, "Software": "elsewhere", "extras": "of another time"}
    file = drawn_file(tmp_path / "told.png", width=64, height=48, texts=texts)
    (picture,) = processed(demo_services, [file], upscaler_1="lanczos", upscaling_resize=1.5)
    done = "Postprocess upscale by: 1.5, Postprocess upscaler: Lanczos"
    image = opened(demo_services, picture)
    assert image.info == {"parameters": INFOTEXT, "Software": "elsewhere", "postprocessing": done, "extras": done}
    assert (image.size, picture.width, picture.height) == ((96, 72), 96, 72)
    assert picture.infotext == INFOTEXT
    assert demo_services.pictures.read(demo_services.pictures.file(picture)).request.seed == 77


def test_a_file_that_said_nothing_gets_no_parameters(demo_services: Services, tmp_path: Path) -> None:
    (picture,) = processed(demo_services, [drawn_file(tmp_path / "silent.jpg")], flipped_copies=())
    assert opened(demo_services, picture).info == {}
    assert picture.infotext == ""


def test_two_upscalers_are_blended(demo_services: Services, tmp_path: Path) -> None:
    file = tmp_path / "noise.png"
    Image.fromarray(np.random.default_rng(4).integers(0, 256, (16, 16, 3), np.uint8)).save(file)

    def result(**fields: Any) -> tuple[np.ndarray, str]:
        image = opened(demo_services, *processed(demo_services, [file], **fields))
        return np.asarray(image).astype(int), image.info["postprocessing"]

    model, _ = result(upscaler_1="atelier-x2")
    plain, _ = result(upscaler_1="Nearest")
    both, told = result(upscaler_1="atelier-x2", upscaler_2="nearest", extras_upscaler_2_visibility=0.25)
    assert np.abs(model - plain).max() > 20
    assert np.abs(both - (0.75 * model + 0.25 * plain)).max() <= 1
    assert told == (
        "Postprocess upscale by: 2, Postprocess upscaler: atelier-x2, Postprocess upscaler 2: Nearest, "
        "Postprocess upscaler 2 visibility: 0.25"
    )


def test_the_chain_has_its_order(demo_services: Services, tmp_path: Path) -> None:
    """Enlarged, then split, then each part mirrored: nothing else gives these pixels."""
    file = drawn_file(tmp_path / "long.png", width=64, height=192, seed=6)
    fields: dict[str, Any] = {"upscaler_1": "Nearest", "split_oversized": True, "crop_width": 128, "crop_height": 128}
    pictures = processed(demo_services, [file], **fields, overlap_ratio=0, flipped_copies=["horizontal"])
    results = [np.asarray(opened(demo_services, picture)) for picture in pictures]
    larger = np.asarray(drawing(64, 192, seed=6)).repeat(2, axis=0).repeat(2, axis=1)
    wanted = []
    for top in (0, 128, 256):
        wanted += list(flipped_copies(larger[top : top + 128], horizontal=True, vertical=False, both=False))
    assert [picture.index for picture in pictures] == list(range(6))
    assert all(np.array_equal(one, other) for one, other in zip(results, wanted, strict=True))
    assert [Path(picture.path).name for picture in pictures] == ["long.png", *(f"long-{n}.png" for n in range(1, 6))]


def test_more_results_than_numbers_for_them_are_refused(
    demo_services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_running, "MOST_RESULTS", 3)
    file = drawn_file(tmp_path / "long.png", width=64, height=256)
    fields: dict[str, Any] = {"split_oversized": True, "crop_width": 64, "crop_height": 64, "overlap_ratio": 0}
    job = demo_services.generate.submit_batch(demo_services.batches.extras(fields, [file]))
    assert ended(demo_services, job).state == "failed"
    assert "Results of one picture 4 are more than 3" in (demo_services.generate.job(job.id).error or "")
    assert demo_services.pictures.of_job(job.id) == []


def test_transparency_stays(demo_services: Services, tmp_path: Path) -> None:
    file = drawn_file(tmp_path / "glass.png", mode="RGBA")
    (picture,) = processed(demo_services, [file], upscaler_1="atelier-x2")
    image = opened(demo_services, picture)
    assert (image.mode, image.size) == ("RGBA", (128, 128))
    alpha = np.asarray(image)[..., 3].astype(int)
    wanted = np.asarray(drawing(mode="RGBA").getchannel("A").resize((128, 128), Image.Resampling.LANCZOS)).astype(int)
    assert np.abs(alpha - wanted).max() <= 1


def test_names_and_folder(demo_services: Services, tmp_path: Path) -> None:
    files = [drawn_file(tmp_path / name / "same.png", seed=place) for place, name in enumerate(("one", "two"))]
    first = processed(demo_services, files, folder="larger")
    second = processed(demo_services, files[:1], folder="larger")
    assert [picture.path for picture in (*first, *second)] == [
        "extras-images/larger/same.png",
        "extras-images/larger/same-1.png",
        "extras-images/larger/same-2.png",
    ]
    demo_services.pictures.file(first[0]).unlink()  # and its record is still there
    (again,) = processed(demo_services, files[:1], folder="larger")
    assert again.path == "extras-images/larger/same.png"


def test_pictures_without_names_are_numbered(demo_services: Services) -> None:
    picture = demo_services.inputs.add(drawing(seed=8))
    job = demo_services.generate.submit_extras(ExtrasRequest.of({"images": [picture], "upscaler_1": "Lanczos"}))
    assert ended(demo_services, job).state == "done"
    (made_of_it,) = demo_services.pictures.of_job(job.id)
    assert Path(made_of_it.path).name == "00001.png"
    assert made_of_it.seed is None


@pytest.mark.parametrize(("field", "name"), [("gfpgan_visibility", "GFPGAN"), ("codeformer_visibility", "CodeFormer")])
def test_faces_without_a_network_fail_in_words(demo_services: Services, tmp_path: Path, field: str, name: str) -> None:
    batch = demo_services.batches.extras({field: 1}, [drawn_file(tmp_path / "a.png")])
    job = ended(demo_services, demo_services.generate.submit_batch(batch))
    assert job.state == "failed"
    assert f"There is no {name} network here." in (job.error or "")
