"""The chain of Extras: its order, and what it tells of itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from modules.errors import Interrupted, InvalidRequest
from modules.hooks.postprocessing import is_of_extras
from modules.pipeline.extras import ExtrasTools, ProcessedPicture, process
from modules.schema.extras_request import ExtrasRequest
from modules.upscaling.listener import Listener
from modules.upscaling.upscaler import PillowUpscaler, Upscaler

PICTURE = np.random.default_rng(1).integers(0, 200, (64, 96, 3), np.uint8)


class Restorer:
    """Adds a hundred times what is seen of it, and remembers how large the picture was."""

    def __init__(self, name: str, log: list[str]) -> None:
        self._name = name
        self._log = log

    def restore(
        self, pixels: np.ndarray, faces: list[np.ndarray], *, visibility: float, fidelity: float, listener: Listener
    ) -> np.ndarray:
        self._log.append(f"{self._name} {pixels.shape[1]}x{pixels.shape[0]} {len(faces)} {visibility:g} {fidelity:g}")
        return np.minimum(pixels + np.uint8(100 * visibility), 255).astype(np.uint8)


class Detector:
    """Finds as many faces as it is told to."""

    def __init__(self, count: int) -> None:
        self._faces = [np.zeros((5, 2))] * count

    def detect(self, pixels: np.ndarray) -> list[np.ndarray]:
        return self._faces


class Watcher:
    """Remembers the stages; stops at one of them."""

    def __init__(self, stop_at: str = "") -> None:
        self.stages: list[str] = []
        self._stop_at = stop_at

    def check(self) -> None: ...

    def stage(self, text: str) -> None:
        if self._stop_at and self._stop_at in text:
            raise Interrupted
        self.stages.append(text)

    def step(self, done: int, total: int, preview: Any) -> None: ...


def processed(
    fields: dict[str, Any],
    pixels: np.ndarray = PICTURE,
    *,
    watcher: Watcher | None = None,
    faces: int = 2,
    most: int = 99,
) -> tuple[list[ProcessedPicture], list[str]]:
    """The results, and what the restorers saw."""
    log: list[str] = []

    def upscaler(name: str) -> Upscaler:
        return PillowUpscaler(name, Image.Resampling.NEAREST)

    tools = ExtrasTools(
        upscaler,
        lambda name: Restorer(name, log),  # type: ignore[arg-type, return-value]
        lambda: Detector(faces),
    )
    request = ExtrasRequest.of({"images": ["0" * 32], **fields})
    results = list(process(request, pixels, tools, watcher or Watcher(), most))
    assert all(is_of_extras(key) for one in results for key in one.done), "no step of an extension may have such a key"
    return results, log


def test_nothing_asked_is_nothing_done() -> None:
    (result,), log = processed({})
    assert np.array_equal(result.pixels, PICTURE)
    assert (result.done, log) == ({}, [])


@pytest.mark.parametrize(("first", "seen"), [(True, "192x128"), (False, "96x64")])
def test_faces_are_restored_after_or_before_enlarging(first: bool, seen: str) -> None:
    fields = {"upscaler_1": "Nearest", "gfpgan_visibility": 0.5, "codeformer_visibility": 0.25}
    (result,), log = processed({**fields, "codeformer_weight": 0.75, "upscale_first": first})
    assert log == [f"GFPGAN {seen} 2 0.5 0.75", f"CodeFormer {seen} 2 0.25 0.75"]
    assert np.array_equal(result.pixels, PICTURE.repeat(2, axis=0).repeat(2, axis=1) + 75)
    faces = ["GFPGAN visibility", "CodeFormer visibility", "CodeFormer weight"]
    upscale = ["Postprocess upscale by", "Postprocess upscaler"]
    assert list(result.done) == (upscale + faces if first else faces + upscale)


def test_a_picture_without_faces_stays_and_says_so() -> None:
    watcher = Watcher()
    (result,), log = processed({"gfpgan_visibility": 1}, watcher=watcher, faces=0)
    assert np.array_equal(result.pixels, PICTURE)
    assert (result.done, log, watcher.stages[-1]) == ({}, [], "No face was found")


def test_a_size_is_covered_and_cut() -> None:
    to_size = {"upscaler_1": "Nearest", "resize_mode": "Scale to", "upscaling_resize_w": 100}
    (result,), _ = processed({**to_size, "upscaling_resize_h": 100})
    assert result.pixels.shape == (100, 100, 3)
    assert result.done == {
        "Postprocess upscale to": "100x100",
        "Postprocess crop to": "100x100",
        "Postprocess upscaler": "Nearest",
    }
    (whole,), _ = processed({**to_size, "upscaling_resize_h": 100, "upscaling_crop": False})
    assert whole.pixels.shape == (100, 150, 3)
    assert "Postprocess crop to" not in whole.done
    (by_width,), _ = processed({**to_size, "upscaling_resize_w": 192})
    assert by_width.pixels.shape == (128, 192, 3)


def test_a_factor_stops_at_the_longest_side() -> None:
    (result,), _ = processed({"upscaler_1": "Nearest", "upscaling_resize": 4, "max_side_length": 192})
    assert result.pixels.shape == (128, 192, 3)
    assert result.done["Postprocess upscale by"] == "2", "what was done, not what was asked for"
    (free,), _ = processed({"upscaler_1": "Nearest", "upscaling_resize": 1.5, "max_side_length": 192})
    assert free.done["Postprocess upscale by"] == "1.5"


def test_parts_come_with_their_mirrored_copies() -> None:
    fields = {"split_oversized": True, "crop_width": 64, "crop_height": 64, "overlap_ratio": 0, "split_threshold": 1}
    flips = ["both", "horizontal"]
    results, _ = processed({**fields, "flipped_copies": flips}, np.vstack([PICTURE[:, :64]] * 2))
    square = PICTURE[:, :64]
    wanted = [square, square[:, ::-1], square[::-1, ::-1]]
    copies: list[dict[str, str]] = [{}, {"Flipped copy": "horizontal"}, {"Flipped copy": "both"}]
    assert len(results) == 6
    for place, result in enumerate(results):
        assert np.array_equal(result.pixels, wanted[place % 3])
        assert result.done == {"Split oversized": "64x64", **copies[place % 3]}
    (whole,), _ = processed(fields, square)
    assert whole.done == {}, "it was not long enough"


def test_a_crop_is_told_behind_what_went_before() -> None:
    fields = {"upscaler_1": "Nearest", "focal_crop": True, "crop_width": 64, "crop_height": 72}
    (result,), _ = processed(fields)
    assert result.pixels.shape == (72, 64, 3)
    assert list(result.done.items())[-1] == ("Focal crop", "64x72")
    assert next(iter(result.done)) == "Postprocess upscale by"


def test_more_results_than_there_may_be_are_refused_before_the_first() -> None:
    fields = {"split_oversized": True, "crop_width": 64, "crop_height": 64, "overlap_ratio": 0, "split_threshold": 1}
    long = np.vstack([PICTURE[:, :64]] * 3)
    flipped = {**fields, "flipped_copies": ["both"]}
    assert len(processed(flipped, long, most=6)[0]) == 6
    with pytest.raises(InvalidRequest, match="Results of one picture 6 are more than 5. Choose larger parts"):
        processed(flipped, long, most=5)


def test_no_auto_sized_crop_leaves_the_picture() -> None:
    limits = {"min_side": 64, "max_side": 64, "min_area": 4096, "max_area": 4096, "crop_threshold": 0}
    (result,), _ = processed({"auto_sized_crop": True, **limits})
    assert np.array_equal(result.pixels, PICTURE)
    assert result.done == {}
    (cut,), _ = processed({"auto_sized_crop": True, **limits, "crop_threshold": 1})
    assert cut.pixels.shape == (64, 64, 3)
    assert cut.done == {"Auto-sized crop": "64x64"}


def test_each_stage_may_stop_it() -> None:
    fields = {"upscaler_1": "Nearest", "gfpgan_visibility": 1}
    watcher = Watcher()
    processed(fields, watcher=watcher)
    assert watcher.stages == ["Upscaling with Nearest", "Looking for faces", "Restoring faces with GFPGAN"]
    for text in watcher.stages:
        with pytest.raises(Interrupted):
            processed(fields, watcher=Watcher(text))
