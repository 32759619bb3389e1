"""Previews cost the sampler next to nothing, nobody's absence anything, and a job never its pictures."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image

from modules.diffusion.previews import StepPreview
from modules.schema.events import JobEvent, Preview
from modules.services.preview_making import SECONDS_BETWEEN_PREVIEWS, SHARE
from modules.services.reporting import Reporter

LATENTS = torch.zeros(1, 4, 8, 8)


def shows(step: int) -> StepPreview:
    """A preview as bright as its step."""
    return StepPreview(lambda latents: torch.full((1, 8, 8, 3), step, dtype=torch.uint8), LATENTS)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


def steps_of_previews(sent: list[JobEvent]) -> list[int]:
    return [event.step for event in sent if isinstance(event, Preview)]


def test_previews_are_made_by_another_thread_and_the_last_is_of_the_newest_step() -> None:
    """All others may be dropped on the way."""
    sent: list[JobEvent] = []
    makers: set[int] = set()

    def made(step: int) -> StepPreview:
        def make(latents: torch.Tensor) -> torch.Tensor:
            makers.add(threading.get_ident())
            return torch.full((1, 8, 8, 3), 10 * step, dtype=torch.uint8)

        return StepPreview(make, LATENTS)

    with Reporter("job", sent.append, lambda: None, preview_every=1, watched=lambda: True) as reporter:
        for step in range(1, 21):
            reporter.step(step, 20, made(step))
        until(lambda: steps_of_previews(sent)[-1:] == [20])
    previews = [event for event in sent if isinstance(event, Preview)]
    assert steps_of_previews(sent) == sorted(set(steps_of_previews(sent))) and len(previews) < 20
    shown = np.asarray(Image.open(io.BytesIO(previews[-1].jpeg)))
    assert shown.shape == (64, 64, 3) and np.abs(shown.astype(int) - 200).max() <= 2
    assert threading.get_ident() not in makers and len(makers) == 1


def test_a_preview_is_of_the_latents_as_they_were() -> None:
    """The sampler may write over them as soon as the step is told."""
    sent: list[JobEvent] = []
    latents = torch.full((1, 3, 8, 8), 100.0)
    preview = StepPreview(lambda given: given.permute(0, 2, 3, 1).to(torch.uint8), latents)
    with Reporter("job", sent.append, lambda: None, preview_every=1, watched=lambda: True) as reporter:
        reporter.step(1, 2, preview)
        latents.zero_()
        until(lambda: bool(steps_of_previews(sent)))
    (shown,) = (event for event in sent if isinstance(event, Preview))
    assert abs(int(np.asarray(Image.open(io.BytesIO(shown.jpeg))).mean()) - 100) <= 2


def test_nothing_is_made_or_copied_when_nobody_looks() -> None:
    class Untouchable(StepPreview):
        def keep(self) -> StepPreview:
            raise AssertionError("copied for nobody")

    sent: list[JobEvent] = []
    threads = set(threading.enumerate())
    with Reporter("job", sent.append, lambda: None, preview_every=1, watched=lambda: False) as reporter:
        for step in range(1, 6):
            reporter.step(step, 5, Untouchable(lambda latents: latents, LATENTS, uses_model=step % 2 == 0))
        assert set(threading.enumerate()) <= threads
    with Reporter("job", sent.append, lambda: None, preview_every=None, watched=lambda: True) as reporter:
        reporter.step(1, 5, Untouchable(lambda latents: latents, LATENTS))
    assert [event.kind for event in sent] == ["progress"] * 6


def test_who_comes_late_is_shown_the_steps_from_then_on() -> None:
    sent: list[JobEvent] = []
    looks = False
    with Reporter("job", sent.append, lambda: None, preview_every=2, watched=lambda: looks) as reporter:
        for step in range(1, 10):
            looks = step > 5
            reporter.step(step, 10, shows(step))
        until(lambda: steps_of_previews(sent)[-1:] == [8])
    assert set(steps_of_previews(sent)) <= {6, 8}


@pytest.mark.parametrize("uses_model", [False, True])
@pytest.mark.parametrize("fault", [torch.OutOfMemoryError("full"), ZeroDivisionError("x"), MemoryError()])
def test_a_preview_that_fails_is_the_last_and_does_not_hurt_the_job(
    fault: Exception, uses_model: bool, caplog: pytest.LogCaptureFixture
) -> None:
    attempts = []

    def fail(latents: torch.Tensor) -> torch.Tensor:
        attempts.append(1)
        raise fault

    sent: list[JobEvent] = []
    with Reporter("job", sent.append, lambda: None, preview_every=1, watched=lambda: True) as reporter:
        reporter.step(1, 6, StepPreview(fail, LATENTS, uses_model=uses_model))
        until(lambda: "A preview failed" in caplog.text)
        for step in range(2, 7):
            reporter.step(step, 6, StepPreview(fail, LATENTS, uses_model=uses_model))
    assert [event.kind for event in sent] == ["progress"] * 6 and attempts == [1]


def test_a_copy_that_fails_does_not_hurt_the_job(caplog: pytest.LogCaptureFixture) -> None:
    class Full(StepPreview):
        def keep(self) -> StepPreview:
            raise torch.OutOfMemoryError("full")

    sent: list[JobEvent] = []
    with Reporter("job", sent.append, lambda: None, preview_every=1, watched=lambda: True) as reporter:
        for step in range(1, 4):
            reporter.step(step, 3, Full(lambda latents: latents, LATENTS))
    assert [event.kind for event in sent] == ["progress"] * 3 and caplog.text.count("A preview failed") == 1


def test_what_needs_the_job_s_networks_is_made_between_its_steps() -> None:
    makers = []

    def make(latents: torch.Tensor) -> torch.Tensor:
        makers.append(threading.get_ident())
        return torch.zeros((1, 8, 8, 3), dtype=torch.uint8)

    sent: list[JobEvent] = []
    with Reporter("job", sent.append, lambda: None, preview_every=1, watched=lambda: True) as reporter:
        reporter.step(1, 3, StepPreview(make, LATENTS, uses_model=True))
        reporter.step(2, 3, StepPreview(make, LATENTS, uses_model=True))
    assert makers == [threading.get_ident()] and [e.kind for e in sent] == ["progress", "preview", "progress"]


def test_previews_take_their_share_of_the_time_and_no_more() -> None:
    """Each takes 10 ms here, so the next one comes no sooner than 500 ms later; the first is not counted."""
    times: list[float] = []

    def make(latents: torch.Tensor) -> torch.Tensor:
        times.append(time.monotonic())
        time.sleep(0.01)
        return torch.zeros((1, 8, 8, 3), dtype=torch.uint8)

    with Reporter("job", lambda event: None, lambda: None, preview_every=1, watched=lambda: True) as reporter:
        ends = time.monotonic() + 60
        while len(times) < 3 and time.monotonic() < ends:
            reporter.step(1, 2, StepPreview(make, LATENTS))
            time.sleep(0.01)
    first, second = times[1] - times[0], times[2] - times[1]
    lateness = 0.05  # of the thread that begins one after it was let go
    assert first >= SECONDS_BETWEEN_PREVIEWS - lateness and second >= 0.01 / SHARE - lateness


def test_closing_waits_for_the_preview_that_is_being_made_and_sends_none_after() -> None:
    sent: list[JobEvent] = []
    begun, go_on = threading.Event(), threading.Event()

    def make(latents: torch.Tensor) -> torch.Tensor:
        begun.set()
        go_on.wait(60)
        return torch.zeros((1, 8, 8, 3), dtype=torch.uint8)

    reporter = Reporter("job", sent.append, lambda: None, preview_every=1, watched=lambda: True)
    reporter.step(1, 9, StepPreview(make, LATENTS))
    assert begun.wait(60)
    reporter.step(2, 9, shows(2))
    threading.Timer(0.05, go_on.set).start()
    reporter.close()
    assert steps_of_previews(sent) == [1]
    reporter.step(3, 9, shows(3))
    time.sleep(0.05)
    assert steps_of_previews(sent) == [1]
    assert not [thread for thread in threading.enumerate() if thread.name == "previews"]
