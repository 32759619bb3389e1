"""How long a look at a job lasts."""

from __future__ import annotations

import pytest

from modules.api.sdapi import progress
from modules.api.sdapi.progress import Onlookers
from modules.schema.requests import Txt2ImgRequest
from modules.services.build import Services
from tests.services.test_generate import until


def test_previews_are_wanted_no_longer_than_somebody_asks(
    idle_services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "WATCHING_SECONDS", 0.3)
    job = idle_services.generate.submit(Txt2ImgRequest(prompt="a fish"))
    onlookers, events = Onlookers(idle_services), idle_services.generate._events
    assert not events.is_watched(job.id)
    for _ in range(2):
        onlookers.look_at(job)
        assert events.is_watched(job.id)
        until(lambda: not events.is_watched(job.id))
