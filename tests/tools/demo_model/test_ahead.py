"""What is prepared ahead is what was asked for, in any depth, and is begun before it is asked for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tools.demo_model.ahead import Ahead


@pytest.mark.parametrize("depth", [0, 1, 5])
@pytest.mark.parametrize("pieces", [1, 3])
def test_every_piece_comes_in_its_turn(depth: int, pieces: int) -> None:
    made: list[tuple[int, int]] = []

    def make(step: int, piece: int) -> tuple[int, int]:
        made.append((step, piece))
        return step, piece

    wanted = [(step, piece) for step in range(7, 10) for piece in range(pieces)]
    with ThreadPoolExecutor(1) as executor:
        ahead = Ahead(make, pieces, executor, depth)
        assert [ahead.get(*key) for key in wanted] == wanted
    assert made[: len(wanted)] == wanted
    assert len(made) == len(wanted) + depth
