"""Faces are found again where they were: alignment, putting back, and what a restorer refuses."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from torch import Tensor, nn

from modules.errors import InvalidRequest, NumbersOverflowed, UnsupportedModel
from modules.upscaling.face_alignment import SIDE, TEMPLATE, similarity
from modules.upscaling.faces import FaceRestorer
from modules.upscaling.model_files import load_network
from tests.upscaling.face_networks import codeformer, gfpgan
from tests.upscaling.networks import compact, write


class Network(nn.Module):
    """Gives back what it is given, or its negative, as GFPGAN's kind does: a tuple, values from -1 to 1."""

    def __init__(self, gain: float = 1.0) -> None:
        super().__init__()
        self.gain = gain
        self.given: list[Tensor] = []
        self.options: list[dict[str, object]] = []

    def forward(self, x: Tensor, **options: object) -> tuple[Tensor, None]:
        self.given.append(x)
        self.options.append(options)
        return x * self.gain, None


def restorer(network: Network, architecture: str = "GFPGAN") -> FaceRestorer:
    descriptor: Any = SimpleNamespace(
        purpose="FaceSR",
        model=network,
        architecture=SimpleNamespace(id=architecture),
        device=torch.device("cpu"),
        dtype=torch.float32,
    )
    return FaceRestorer(architecture, descriptor)


def placed(scale: float, turn: float, x: float, y: float) -> np.ndarray:
    """The template's five points, scaled and turned about its middle, which comes to x, y."""
    cosine, sine = np.cos(turn) * scale, np.sin(turn) * scale
    points: np.ndarray = (TEMPLATE - SIDE / 2) @ np.array([[cosine, sine], [-sine, cosine]]) + [x, y]
    return points


def drawn(face: np.ndarray, side: int = 400) -> np.ndarray:
    """A picture with a blot at each point of a face, soft enough to be resampled."""
    image = Image.new("RGB", (side * 6, side * 6), (90, 120, 150))
    pen = ImageDraw.Draw(image)
    for x, y in face * 6:
        pen.ellipse((x - 36, y - 36, x + 36, y + 36), fill=(250, 240, 30))
    return np.asarray(image.resize((side, side), Image.Resampling.BOX))


@given(st.floats(0.05, 5), st.floats(-3.1, 3.1), st.floats(-500, 500), st.floats(-500, 500))
def test_alignment_undoes_any_turn_scale_and_shift(scale: float, turn: float, x: float, y: float) -> None:
    face = placed(scale, turn, x, y)
    found = similarity(face, TEMPLATE)
    np.testing.assert_allclose(face @ found[:, :2].T + found[:, 2], TEMPLATE, atol=1e-6)


def test_a_turned_face_comes_upright_into_the_square() -> None:
    network, face = Network(), placed(0.4, 0.5, 190, 210)
    restorer(network).restore(drawn(face), [face])
    square = network.given[0][0].permute(1, 2, 0).numpy()
    assert square.shape == (SIDE, SIDE, 3) and -1 <= square.min() and square.max() <= 1
    bright = square[..., 0] > 0.5
    for x, y in TEMPLATE:
        rows, columns = np.nonzero(bright[int(y) - 25 : int(y) + 25, int(x) - 25 : int(x) + 25])
        assert abs(rows.mean() + 0.5 + int(y) - 25 - y) < 0.4
        assert abs(columns.mean() + 0.5 + int(x) - 25 - x) < 0.4


def test_what_a_network_leaves_as_it_is_comes_back_in_place() -> None:
    face = placed(0.5, -0.7, 200, 180)
    picture = drawn(face)
    made = restorer(Network()).restore(picture, [face])
    assert np.abs(made.astype(int) - picture).mean() < 0.5
    assert np.abs(made.astype(int) - picture).max() < 40, "only edges are softened"


def test_only_the_face_is_changed_and_as_much_as_is_asked() -> None:
    face = placed(0.3, 0.2, 250, 150)
    picture = drawn(face)
    whole = restorer(Network(-1)).restore(picture, [face])
    half = restorer(Network(-1)).restore(picture, [face], visibility=0.5)
    none = restorer(Network(-1)).restore(picture, [face], visibility=0)
    assert np.array_equal(none, picture)
    far = np.hypot(*(np.indices(picture.shape[:2]) + 0.5 - np.array([150, 250])[:, None, None])) > 0.3 * SIDE * 0.75
    assert np.array_equal(whole[far], picture[far])
    assert (np.abs(255 - picture[150, 250].astype(int) - whole[150, 250]) <= 2).all()
    assert (np.abs((picture[150, 250].astype(int) + whole[150, 250]) / 2 - half[150, 250]) <= 1).all()


@pytest.mark.parametrize("middle", [(0, 0), (399, 10), (-1000, 50), (200, 200)])
def test_faces_at_and_beyond_the_border_are_no_fault(middle: tuple[int, int]) -> None:
    picture = np.full((400, 400, 3), 80, np.uint8)
    made = restorer(Network()).restore(picture, [placed(0.5, 0.1, *middle), placed(3, 0, *middle)])
    assert made.shape == picture.shape


def test_without_faces_nothing_happens() -> None:
    picture = drawn(TEMPLATE)
    assert np.array_equal(restorer(Network(-1)).restore(picture, []), picture)


def test_codeformer_is_told_its_weight_and_others_are_not() -> None:
    network, face = Network(), placed(0.3, 0, 200, 200)
    restorer(network, "CodeFormer").restore(drawn(face), [face], fidelity=0.8)
    restorer(network, "RestoreFormer").restore(drawn(face), [face], fidelity=0.8)
    assert network.options == [{"weight": 0.8}, {}]


def test_alpha_stays_as_it_is() -> None:
    face = placed(0.3, 0, 200, 200)
    alpha = np.arange(400 * 400).reshape(400, 400, 1).astype(np.uint8)
    picture = drawn(face)
    made = restorer(Network(-1)).restore(np.dstack([picture, alpha]), [face])
    assert np.array_equal(made[..., 3:], alpha)
    assert np.array_equal(made[..., :3], restorer(Network(-1)).restore(picture, [face]))


def test_gfpgan_is_told_not_to_draw_fresh_noise() -> None:
    network, face = Network(), placed(0.3, 0, 200, 200)
    restorer(network, "GFPGAN").restore(drawn(face), [face])
    assert network.options == [{"randomize_noise": False, "return_rgb": False}]


@pytest.mark.slow
def test_a_gfpgan_of_real_size_restores_the_same_face_the_same_way(tmp_path: Path) -> None:
    path = write(tmp_path / "GFPGANv1.4.safetensors", gfpgan())
    network = FaceRestorer("GFPGAN", load_network(path).eval())
    face = placed(0.3, 0.1, 200, 200)
    first, second = (network.restore(drawn(face), [face]) for _ in range(2))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, drawn(face))


@pytest.mark.slow
def test_a_codeformer_of_real_size_restores_a_face(tmp_path: Path) -> None:
    path = write(tmp_path / "codeformer.safetensors", codeformer())
    network = FaceRestorer("CodeFormer", load_network(path, accept_noncommercial=True).eval())
    face = placed(0.3, 0.1, 200, 200)
    made = {weight: network.restore(drawn(face), [face], fidelity=weight) for weight in (0.0, 1.0)}
    assert not np.array_equal(made[0.0], drawn(face))
    assert not np.array_equal(made[0.0], made[1.0])


def test_refusals(tmp_path: Path) -> None:
    picture = drawn(TEMPLATE)
    with pytest.raises(InvalidRequest, match=r"Face restoration visibility 1\.5 is not 0 to 1"):
        restorer(Network()).restore(picture, [TEMPLATE], visibility=1.5)
    with pytest.raises(InvalidRequest, match="all its points in one place"):
        restorer(Network()).restore(picture, [np.ones((5, 2))])
    with pytest.raises(NumbersOverflowed):
        restorer(Network(float("nan"))).restore(picture, [TEMPLATE])
    with pytest.raises(UnsupportedModel, match="'tiny' does not restore faces; it is a RealESRGAN Compact network"):
        FaceRestorer("tiny", load_network(write(tmp_path / "a.safetensors", compact())))
