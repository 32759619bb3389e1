"""Faces are found where they are: a real face turned, mirrored, small and cut off, and pictures without any."""

from __future__ import annotations

from pathlib import Path

import cv2
import cv2.data
import numpy as np
import pytest
from PIL import Image, ImageOps

from modules.config.paths import ROOT
from modules.errors import BrokenInstallation, BrokenModel
from modules.upscaling.face_alignment import TEMPLATE, moved, warped
from modules.upscaling.face_cascades import CascadeDetector
from modules.upscaling.face_detection import face_detector
from modules.upscaling.face_yunet import YuNetDetector
from tests.upscaling.yunet_network import CELL, POINTS, write_yunet

ASTRONAUT = Path(__file__).parent / "pictures" / "astronaut.jpg"
MEASURED = np.array([[108.2, 101.3], [150.7, 103.5], [128.3, 126.8], [108.2, 140.3], [147.8, 141.2]])
"""Both pupils, the tip of the nose and the corners of the mouth, measured by hand."""
EYES, NOSE, MOUTH = slice(0, 2), slice(2, 3), slice(3, 5)


@pytest.fixture(scope="module")
def cascades() -> CascadeDetector:
    return CascadeDetector()


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    return np.asarray(Image.open(ASTRONAUT).convert("RGB"))


def errors(found: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """How far each point is off, as a share of the distance of the eyes."""
    result: np.ndarray = np.hypot(*(found - measured).T) / np.hypot(*(measured[1] - measured[0]))
    return result


def assert_found(found: list[np.ndarray], measured: np.ndarray, eyes: float = 0.06) -> None:
    """One face, its eyes within that share of their distance; nose and mouth where an average face has them."""
    assert len(found) == 1 and found[0].shape == (5, 2)
    off = errors(found[0], measured)
    assert (off[EYES] < eyes).all(), off
    assert (off[NOSE] < 0.1).all() and (off[MOUTH] < 0.25).all(), off


def turned(pixels: np.ndarray, degrees: float) -> tuple[np.ndarray, np.ndarray]:
    """The picture turned about its middle, in the same size, and where its points are then."""
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = np.array([pixels.shape[1], pixels.shape[0]]) / 2
    back = np.column_stack([turn.T, middle - turn.T @ middle])
    return warped(pixels, back, pixels.shape[1], pixels.shape[0]), (MEASURED - middle) @ turn.T + middle


@pytest.mark.parametrize("degrees", [0, 10, -10, 20, -20, 35, -35])
def test_a_face_is_found_at_every_usual_angle(cascades: CascadeDetector, portrait: np.ndarray, degrees: float) -> None:
    picture, measured = turned(portrait, degrees)
    assert_found(cascades.detect(picture), measured)


def test_a_mirrored_face_has_its_points_by_side_as_one_sees_it(cascades: CascadeDetector, portrait: np.ndarray) -> None:
    mirrored = (MEASURED * [-1, 1] + [portrait.shape[1], 0])[[1, 0, 2, 4, 3]]
    assert_found(cascades.detect(portrait[:, ::-1]), mirrored)


@pytest.mark.parametrize("side", [80, 150, 1500])
def test_sizes(cascades: CascadeDetector, portrait: np.ndarray, side: int) -> None:
    picture = np.asarray(Image.fromarray(portrait).resize((side, side), Image.Resampling.LANCZOS))
    assert_found(cascades.detect(picture), MEASURED * side / portrait.shape[0], eyes=0.08)


def test_a_large_picture_is_looked_at_smaller_and_answered_in_its_own_pixels(
    cascades: CascadeDetector, portrait: np.ndarray
) -> None:
    picture = np.full((2000, 3001, 3), 128, np.uint8)
    large = np.asarray(Image.fromarray(portrait).resize((720, 720), Image.Resampling.LANCZOS))
    picture[1203:1923, 2101:2821] = large
    assert_found(cascades.detect(picture), MEASURED * 3 + [2101, 1203])


@pytest.mark.parametrize(
    "cut", [(80, 60, 240, 240), (0, 72, 180, 175)], ids=["hair and one side cut off", "brow and chin cut off"]
)
def test_a_face_at_the_border(cascades: CascadeDetector, portrait: np.ndarray, cut: tuple[int, int, int, int]) -> None:
    left, top, right, bottom = cut
    assert_found(cascades.detect(portrait[top:bottom, left:right]), MEASURED - [left, top])


def test_two_faces_and_the_alpha_channel(cascades: CascadeDetector, portrait: np.ndarray) -> None:
    both = np.concatenate([portrait, portrait[:, ::-1]], axis=1)
    both = np.dstack([both, np.full(both.shape[:2], 255, np.uint8)])
    found = sorted(cascades.detect(both), key=lambda face: float(face[0, 0]))
    assert len(found) == 2
    assert_found(found[:1], MEASURED)
    assert_found(found[1:], (MEASURED * [-1, 1] + [480, 0])[[1, 0, 2, 4, 3]])


def test_without_eyes_the_box_tells_where_they_are(cascades: CascadeDetector, portrait: np.ndarray) -> None:
    blind = CascadeDetector()
    blind._left = blind._right = ()
    found = blind.detect(portrait)
    assert len(found) == 1
    assert (errors(found[0], MEASURED)[EYES] < 0.15).all()
    assert not np.allclose(found[0], cascades.detect(portrait)[0])


def test_the_same_picture_gives_the_same_faces(cascades: CascadeDetector, portrait: np.ndarray) -> None:
    both = np.concatenate([portrait, portrait], axis=1)
    threads = cv2.getNumThreads()
    try:
        answers = []
        for count in (1, 4, 4):
            cv2.setNumThreads(count)
            answers.append(np.array(cascades.detect(both)))
    finally:
        cv2.setNumThreads(threads)
    assert len(answers[0]) == 2
    assert np.array_equal(answers[0], answers[1]) and np.array_equal(answers[1], answers[2])


@pytest.mark.parametrize("file", ["docs/images/txt2img.webp", "models/Stable-diffusion/atelier-demo.png"])
def test_pages_and_drawn_scenes_have_no_faces(cascades: CascadeDetector, file: str) -> None:
    assert cascades.detect(np.asarray(Image.open(ROOT / file).convert("RGB"))) == []


def test_none_of_48_drawn_scenes_has_a_face(cascades: CascadeDetector) -> None:
    sheet = np.asarray(Image.open(ROOT / "docs/images/demo_model.jpg").convert("RGB"))
    scenes = [sheet[top : top + 256, left : left + 256] for top in range(0, 1536, 256) for left in range(0, 2048, 256)]
    assert [number for number, scene in enumerate(scenes) if cascades.detect(np.ascontiguousarray(scene))] == []


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 3000, 3), (30, 20, 4), (200, 300, 3)])
def test_noise_and_tiny_pictures_have_no_faces(cascades: CascadeDetector, shape: tuple[int, ...]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    assert cascades.detect(noise) == []


def test_an_upside_down_face_is_not_found(cascades: CascadeDetector, portrait: np.ndarray) -> None:
    assert cascades.detect(np.asarray(ImageOps.flip(Image.fromarray(portrait)))) == []


@pytest.mark.parametrize("content", [None, b"", b"<opencv_storage>", b"\xff\xfe"])
def test_a_damaged_installation_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None) -> None:
    monkeypatch.setattr(cv2.data, "haarcascades", str(tmp_path))
    if content is not None:
        (tmp_path / "haarcascade_frontalface_alt2.xml").write_bytes(content)
    with pytest.raises(BrokenInstallation, match=r"frontalface_alt2\.xml is missing or damaged.*--reinstall"):
        CascadeDetector()


def red_cells(width: int, height: int, *cells: tuple[int, int]) -> np.ndarray:
    pixels = np.full((height, width, 3), 40, np.uint8)
    for column, row in cells:
        pixels[row * CELL : (row + 1) * CELL, column * CELL : (column + 1) * CELL] = (255, 0, 0)
    return pixels


def test_yunet_is_used_where_its_file_is(tmp_path: Path) -> None:
    detector = face_detector(write_yunet(tmp_path / "face_detection_yunet_2023mar.onnx"))
    assert isinstance(detector, YuNetDetector) and isinstance(face_detector(None), CascadeDetector)
    for width, height in ((320, 240), (333, 250)):
        found = sorted(detector.detect(red_cells(width, height, (5, 10), (20, 17))), key=lambda face: float(face[0, 0]))
        assert len(found) == 2
        np.testing.assert_allclose(found[0], (POINTS + [5, 10]) * CELL, atol=1e-3)
        np.testing.assert_allclose(found[1], (POINTS + [20, 17]) * CELL, atol=1e-3)
    assert detector.detect(red_cells(320, 240)) == []


def test_yunet_is_given_large_pictures_smaller_and_tiny_ones_larger(tmp_path: Path) -> None:
    detector = YuNetDetector(write_yunet(tmp_path / "face_detection_yunet_2023mar.onnx"))
    large = np.asarray(Image.fromarray(red_cells(1024, 512, (50, 30))).resize((3072, 1536), Image.Resampling.NEAREST))
    alpha = np.full(large.shape[:2], 9, np.uint8)
    (found,) = detector.detect(np.dstack([large, alpha]))
    np.testing.assert_allclose(found, (POINTS + [50, 30]) * CELL * 3, atol=1e-2)
    assert detector.detect(red_cells(1, 1)) == []


def test_yunet_looks_again_for_faces_too_large_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    detector = YuNetDetector(write_yunet(tmp_path / "face_detection_yunet_2023mar.onnx"))
    seen: list[float] = []

    def found(picture: Image.Image, shrinking: float) -> list[np.ndarray]:
        seen.append(shrinking)
        return [TEMPLATE] if shrinking > 0.5 else [TEMPLATE + 3, TEMPLATE * 2 + 400]

    monkeypatch.setattr(detector, "_found", found)
    small, large = detector.detect(red_cells(1280, 640))
    assert seen == [0.8, 0.25]
    assert np.array_equal(small, TEMPLATE) and np.array_equal(large, TEMPLATE * 2 + 400)
    detector.detect(red_cells(320, 160))
    assert seen == [0.8, 0.25, 1.0]


def test_files_that_are_no_yunet_are_refused(tmp_path: Path) -> None:
    whole = write_yunet(tmp_path / "whole.onnx").read_bytes()
    for name, content in {
        "empty": b"",
        "words": b"not a network",
        "short": whole[: len(whole) // 2],
        "huge": whole + bytes(5 * 1024**2),
    }.items():
        path = tmp_path / f"{name}.onnx"
        path.write_bytes(content)
        with pytest.raises(BrokenModel, match=rf"{name}\.onnx is damaged, or not a YuNet network.*take the file away"):
            YuNetDetector(path).detect(red_cells(64, 64))
    with pytest.raises(BrokenModel, match=r"gone\.onnx"):
        YuNetDetector(tmp_path / "gone.onnx")


def test_another_network_in_its_place_is_refused(tmp_path: Path) -> None:
    path = write_yunet(tmp_path / "other.onnx")
    path.write_bytes(path.read_bytes().replace(b"kps_", b"xyz_"))
    with pytest.raises(BrokenModel, match=r"other\.onnx is damaged, or not a YuNet network"):
        YuNetDetector(path).detect(red_cells(64, 64))


def test_the_points_of_a_face_keep_the_proportions_of_the_template(
    cascades: CascadeDetector, portrait: np.ndarray
) -> None:
    (face,) = cascades.detect(portrait)
    sides = [np.hypot(*(points[1] - points[0])) / np.hypot(*(points[4] - points[3])) for points in (face, TEMPLATE)]
    assert sides[0] == pytest.approx(sides[1])
    assert np.array_equal(moved(face, np.eye(2, 3)), face)
