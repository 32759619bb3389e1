"""Batches: many files through one form."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from modules.config.paths import resolve_paths
from modules.errors import InvalidRequest, StorageFull
from modules.schema.batch_request import BatchPart, ResolvedBatch
from modules.schema.extras_request import ResolvedExtras
from modules.schema.requests import ResolvedImg2Img
from modules.services.batches import Batch
from modules.services.build import Services, build_services
from modules.services.options import EngineOptions
from tests.services.jobs_to_end import drawing, drawn_file, img2img

INFOTEXT = (
    "a blue boat\nNegative prompt: rain\nSteps: 3, Sampler: Heun, Schedule type: Karras, CFG scale: 3.25, Seed: 77, "
    "Size: 64x64, Model: atelier-demo"
)


@pytest.fixture
def folder(idle_services: Services) -> Path:
    return idle_services.paths.data / "pictures"


def parts_of(batch: Batch) -> tuple[BatchPart, ...]:
    assert isinstance(batch.request, ResolvedBatch)
    return batch.request.parts


def test_one_part_for_each_file_by_its_name(idle_services: Services, folder: Path) -> None:
    for seed, name in enumerate(("b.png", "a.jpg", "C.WEBP")):
        drawn_file(folder / name, seed=seed)
    drawn_file(folder / ".hidden.png")
    (folder / "notes.txt").write_text("no picture")
    (folder / "folder.png").mkdir()
    files = idle_services.batches.files_in(folder)
    assert [file.name for file in files] == ["C.WEBP", "a.jpg", "b.png"]
    batch = idle_services.batches.img2img(img2img(seed=-1), files, folder="mine")
    assert batch.left_out == ()
    assert [part.name for part in parts_of(batch)] == ["C", "a", "b"]
    assert len({part.request.init_images for part in parts_of(batch)}) == 3
    assert len({part.request.seed for part in parts_of(batch)}) == 1  # drawn once, so that a series changes alike
    assert batch.request.folder == "mine"


def test_masks_go_with_the_files_of_their_names(idle_services: Services, folder: Path) -> None:
    files = [drawn_file(folder / name, seed=1) for name in ("one.png", "Two.jpg", "three.png")]
    masks = [drawn_file(folder / "masks" / name, seed=place) for place, name in enumerate(("two.png", "ONE.webp"), 5)]
    batch = idle_services.batches.img2img(img2img(), files, masks=masks)
    assert batch.left_out == ("Picture 'three.png' has no mask of its name.",)
    ids = {mask.stem.lower(): idle_services.inputs.add_file(mask) for mask in masks}
    assert {part.name: part.request.mask for part in parts_of(batch)} == {"one": ids["one"], "Two": ids["two"]}


def test_a_single_mask_is_for_all(idle_services: Services, folder: Path) -> None:
    files = [drawn_file(folder / name, seed=1) for name in ("one.png", "two.jpg")]
    mask = drawn_file(folder / "masks" / "any.png", seed=9)
    batch = idle_services.batches.img2img(img2img(), files, masks=[mask])
    assert {part.request.mask for part in parts_of(batch)} == {idle_services.inputs.add_file(mask)}


@pytest.mark.parametrize(
    ("take", "wanted"),
    [
        ((), {}),
        (("prompt",), {"prompt": "a red house a blue boat"}),
        (("negative_prompt",), {"negative_prompt": "rain"}),
        (("seed", "cfg_scale"), {"seed": 77, "cfg_scale": 3.25}),
        (("steps", "model"), {"steps": 3, "model": "atelier-demo"}),
        (("sampler_name",), {"sampler_name": "Heun"}),
    ],
)
def test_parameters_are_taken_from_each_picture(
    idle_services: Services, folder: Path, take: tuple[str, ...], wanted: dict[str, Any]
) -> None:
    form = img2img(prompt="a red house", subseed=1)
    told = drawn_file(folder / "told.png", texts={"parameters": INFOTEXT}, seed=1)
    silent = drawn_file(folder / "silent.png", seed=2)
    plain = [part.request for part in parts_of(idle_services.batches.img2img(form, [told, silent]))]
    taken = [part.request for part in parts_of(idle_services.batches.img2img(form, [told, silent], take=take))]
    assert taken[1] == plain[1]
    differing = {name for name, value in taken[0] if value != getattr(plain[0], name)}
    assert {name: getattr(taken[0], name) for name in wanted} == wanted
    # What goes with it: the checkpoint is the only one here, and a new sampler has its own schedule.
    assert differing <= {*wanted, "scheduler"}
    assert differing >= wanted.keys() - {"model"}


def test_model_that_is_not_here_leaves_its_picture_out(idle_services: Services, folder: Path) -> None:
    told = INFOTEXT.replace("atelier-demo", "nonesuch")
    files = [drawn_file(folder / "a.png", texts={"parameters": told}), drawn_file(folder / "b.png", seed=1)]
    batch = idle_services.batches.img2img(img2img(), files, take=["model"])
    assert [part.name for part in parts_of(batch)] == ["b"]
    assert batch.left_out[0].startswith("Picture 'a.png': Model 'nonesuch' is not here.")


def test_broken_files_are_left_out_and_told(idle_services: Services, folder: Path) -> None:
    good = drawn_file(folder / "good.png")
    (folder / "bad.png").write_bytes(b"no picture")
    bad, gone = folder / "bad.png", folder / "gone.png"
    painted = idle_services.batches.img2img(img2img(), [bad, good, gone])
    assert [part.name for part in parts_of(painted)] == ["good"]
    processed = idle_services.batches.extras({"upscaler_1": "Lanczos"}, [bad, good, gone])
    assert isinstance(processed.request, ResolvedExtras)
    assert processed.request.names == ("good",)
    for batch in (painted, processed):
        assert [reason.split(" ")[1] for reason in batch.left_out] == ["'bad.png'", "'gone.png'"]
    refused: list[Callable[[], Batch]] = [
        lambda: idle_services.batches.img2img(img2img(), [bad]),
        lambda: idle_services.batches.extras({}, [bad]),
    ]
    for refuse in refused:
        with pytest.raises(InvalidRequest, match=r"1 files.* cannot be .*Picture 'bad.png' cannot be read"):
            refuse()


def test_a_full_disk_ends_it_at_once(idle_services: Services, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [drawn_file(folder / name) for name in ("a.png", "b.png")]

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    asking: list[Callable[[], Batch]] = [
        lambda: idle_services.batches.img2img(img2img(), files),
        lambda: idle_services.batches.extras({}, files),
    ]
    for ask in asking:
        with pytest.raises(StorageFull, match="Free some space"):
            ask()


def test_none_and_too_many_files_are_refused(idle_services: Services, folder: Path) -> None:
    many = [drawn_file(folder / "a.png")] * 1601
    for files, sentence in (([], "has no pictures"), (many, r"'1,601 files' is too many at once. The most is 1,600")):
        with pytest.raises(InvalidRequest, match=sentence):
            idle_services.batches.img2img(img2img(), files)
        with pytest.raises(InvalidRequest, match=sentence):
            idle_services.batches.extras({}, files)


def test_form_that_is_not_for_batches_is_refused(idle_services: Services, folder: Path) -> None:
    files = [drawn_file(folder / "a.png")]
    with pytest.raises(InvalidRequest, match=r"Script 'Loopback' does not run in a batch. Leave it out."):
        idle_services.batches.img2img(img2img(script_name="Loopback"), files)
    with pytest.raises(
        InvalidRequest, match=r"Batch parameter 'width' cannot be taken from pictures. Choose from: prom"
    ):
        idle_services.batches.img2img(img2img(), files, take=["seed", "width"])


def test_names_become_harmless(idle_services: Services, folder: Path) -> None:
    file = drawn_file(folder / "a;b $(c).png")
    batch = idle_services.batches.img2img(img2img(), [file], folder="../../away")
    assert [part.name for part in parts_of(batch)] == ["a_b _(c)"]
    assert batch.request.folder is not None
    assert "/" not in batch.request.folder and not batch.request.folder.startswith(".")


def test_only_the_data_folder_and_allowed_ones_are_read(tmp_path: Path) -> None:
    data, allowed, other = (tmp_path / name for name in ("data", "allowed", "other"))
    for place in (data, allowed, other):
        drawn_file(place / "in" / "a.png")
    (data / "link").symlink_to(other / "in")
    (allowed / "in" / "linked.png").symlink_to(other / "in" / "a.png")
    (allowed / "link").symlink_to(data / "in")
    (tmp_path / "data2").mkdir()  # begins like one that is allowed
    services = build_services(resolve_paths(data_dir=data, readable_folders=[allowed]), EngineOptions())
    files_in = services.batches.files_in
    assert files_in(data / "in") == [data / "in" / "a.png"]
    assert files_in(f"{allowed}/in/../in") == [allowed / "in" / "a.png"]
    assert files_in(allowed / "link") == [data / "in" / "a.png"]
    shares = (r"\\server\share", "//server/share", f"/{data}/in")
    outside = (other / "in", data / "link", data / ".." / "other" / "in", tmp_path / "data2", tmp_path / "nowhere")
    for folder in (*outside, *shares):
        with pytest.raises(InvalidRequest, match=r"may not be read from here. Use one below .*--allow-folder"):
            files_in(folder)
    assert files_in(other / "in", trusted=True) == [other / "in" / "a.png"]
    services.close()


@pytest.mark.parametrize(
    ("folder", "sentence"),
    [
        ("", "Folder '' is empty"),
        ("  ", "is empty"),
        ("{data}/none", "is no folder that can be read"),
        ("{data}/a.png", "is no folder that can be read"),
        ("{data}/\x00", "is no folder that can be read"),
        ("~nobody-of-that-name/x", "is no folder that can be read"),
        ("{data}/" + "x" * 5000, "is no folder that can be read"),
        ("{data}/empty", r"holds no pictures. Looked for: \..*png"),
    ],
    ids=range(8),
)
def test_odd_folders_are_told_in_words(idle_services: Services, folder: str, sentence: str) -> None:
    data = idle_services.paths.data
    (data / "empty").mkdir()
    drawn_file(data / "a.png")
    for trusted in (True, False):
        with pytest.raises(InvalidRequest, match=sentence):
            idle_services.batches.files_in(folder.format(data=data), trusted=trusted)


def test_parts_are_sized_by_their_own_pictures(idle_services: Services, folder: Path) -> None:
    files = [drawn_file(folder / "a.png", width=64, height=96), drawn_file(folder / "b.png", width=96, height=64)]
    form = img2img().model_copy(update={"width": None, "height": None})
    requests = [part.request for part in parts_of(idle_services.batches.img2img(form, files))]
    assert [(one.width, one.height) for one in requests] == [(64, 96), (96, 64)]
    assert all(isinstance(one, ResolvedImg2Img) for one in requests)


def test_extras_keep_texts_and_names(idle_services: Services, folder: Path) -> None:
    file = drawn_file(folder / "told.png", texts={"parameters": INFOTEXT, "Software": "elsewhere"})
    batch = idle_services.batches.extras({"upscaler_1": "lanczos"}, [file], folder="larger")
    assert isinstance(batch.request, ResolvedExtras)
    assert (batch.request.names, batch.request.folder, batch.request.upscaler_1) == (("told",), "larger", "Lanczos")
    with Image.open(idle_services.inputs.file(batch.request.images[0])) as image:
        assert image.info == {"parameters": INFOTEXT, "Software": "elsewhere"}
        assert image.size == drawing().size
