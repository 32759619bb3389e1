"""Pictures that a job needs on its way."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np

from modules.services.finished_picture import FinishedPicture
from modules.services.job_parts import JobParts
from tests.services.jobs_to_end import drawing


def test_parts_outlive_their_server_and_not_their_job(tmp_path: Path) -> None:
    picture = FinishedPicture(0, np.asarray(drawing(16, 8)), "a star\nSteps: 1, Sampler: Euler, Seed: 5", 5)
    JobParts(tmp_path / "parts", "one").save(7, picture)
    parts = JobParts(tmp_path / "parts", "one")
    assert parts.finished(6, 3) == {1}
    assert not parts.finished(0, 7)
    found = parts.saved(7)
    assert np.array_equal(found.pixels, picture.pixels)
    assert found.infotext == picture.infotext
    parts.clear()
    assert list((tmp_path / "parts").iterdir()) == []


def test_parts_of_others_stay_unless_they_never_went_on(tmp_path: Path) -> None:
    """Several jobs may run at once, and one that waits to go on may wait for long."""
    for name, days in (("waits", 20), ("forgotten", 40)):
        JobParts(tmp_path, name).decide("something")
        then = time.time() - days * 24 * 3600
        os.utime(tmp_path / name, (then, then))
    JobParts(tmp_path, "new")
    assert [path.name for path in tmp_path.iterdir()] == ["waits"]


def test_what_is_left_out_is_kept(tmp_path: Path) -> None:
    parts = JobParts(tmp_path, "one")
    assert parts.left_out(0, 100) == frozenset()
    parts.leave_out([12, 7])
    parts.leave_out([7, 13])
    for found in (parts, JobParts(tmp_path, "one")):
        assert (found.left_out(0, 100), found.left_out(10, 3)) == (frozenset({7, 12, 13}), frozenset({2}))
    assert JobParts(tmp_path, "two").left_out(0, 100) == frozenset()


def test_decisions_are_kept_in_order_but_for_one_that_was_cut_off(tmp_path: Path) -> None:
    parts = JobParts(tmp_path / "parts", "one")
    assert parts.decisions() == []
    for line in ("first", "with a \u2028 in it"):
        parts.decide(line)
    with (tmp_path / "parts" / "one" / "decisions.jsonl").open("a") as file:
        file.write("cut o")
    assert JobParts(tmp_path / "parts", "one").decisions() == ["first", "with a \u2028 in it"]
