"""Pictures that a job needs on its way."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from modules.services.job_parts import JobParts
from modules.services.job_pictures import FinishedPicture
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
    JobParts(tmp_path / "parts", "two")
    assert not parts.finished(7, 1)
    parts.save(1, picture)
    parts.clear()
    assert list((tmp_path / "parts").iterdir()) == []


def test_decisions_are_kept_in_order_but_for_one_that_was_cut_off(tmp_path: Path) -> None:
    parts = JobParts(tmp_path / "parts", "one")
    assert parts.decisions() == []
    for line in ("first", "with a \u2028 in it"):
        parts.decide(line)
    with (tmp_path / "parts" / "one" / "decisions.jsonl").open("a") as file:
        file.write("cut o")
    assert JobParts(tmp_path / "parts", "one").decisions() == ["first", "with a \u2028 in it"]
