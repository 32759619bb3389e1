"""How a job is queued that the menu of the Generate button asks for; nothing is run."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import gradio as gr
import pytest

from modules.config.paths import resolve_paths
from modules.schema.requests import Txt2ImgRequest
from modules.services.accounts import EVERYBODY, Visitor
from modules.services.build import Services, build_services
from modules.services.options import EngineOptions
from modules.ui.job_handlers import MOST_TIMES, HowToQueue, JobHandlers, how_to_queue
from modules.ui.job_panel import JobPanel
from modules.ui.page_state import PageState, lay_out_state
from modules.ui.wiring import how_script
from tests.ui.form import laid_out

ANN, BOB = Visitor("ann", False), Visitor("bob", False)


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    """Services that accept jobs and run none."""
    built = build_services(resolve_paths(data_dir=tmp_path / "data"), EngineOptions())
    yield built
    built.close()


@pytest.fixture
def state() -> PageState:
    return laid_out(lambda: lay_out_state(gr.Tabs()))


def queued(services: Services, state: PageState, how: str, visitor: Visitor, prompt: str = "") -> dict[Any, Any]:
    panel = cast(JobPanel, SimpleNamespace(status="status"))
    submit = partial(services.generate.submit, Txt2ImgRequest(prompt=prompt))
    changes: dict[Any, Any] = JobHandlers(services, panel, state).queue(submit, {state.how: how}, visitor)
    return changes


def prompts(services: Services) -> list[str]:
    return [Txt2ImgRequest.model_validate_json(job.asked).prompt for job in services.generate.active_jobs()]


@pytest.mark.parametrize(
    ("told", "how"),
    [
        ("", HowToQueue()),
        (None, HowToQueue()),
        ('{"front": true}', HowToQueue(front=True)),
        ('{"repeats": true, "more": 1}', HowToQueue(repeats=True)),
        ('{"times": 7}', HowToQueue(times=7)),
        ('{"times": 1000000}', HowToQueue(times=MOST_TIMES)),
        ('{"times": -3}', HowToQueue()),
        ('{"front": "yes", "repeats": 1}', HowToQueue()),
        ('{"times": "x"}', HowToQueue()),
        ('{"times": Infinity}', HowToQueue()),
        ("[1]", HowToQueue()),
        ("{", HowToQueue()),
        ("[" * 100_000, HowToQueue()),
    ],
)
def test_what_the_menu_wrote_is_read_and_nonsense_is_the_usual(told: object, how: HowToQueue) -> None:
    assert how_to_queue(told) == how


def test_several_times_are_several_jobs_and_the_last_is_watched(services: Services, state: PageState) -> None:
    changes = queued(services, state, '{"times": 3}', EVERYBODY)
    jobs = services.generate.active_jobs()
    assert len(jobs) == 3 and changes[state.submitted] == jobs[-1].id


def test_forever_is_the_queue_s_own_repeating(services: Services, state: PageState) -> None:
    queued(services, state, '{"repeats": true}', EVERYBODY)
    assert [job.repeats for job in services.generate.active_jobs()] == [True]


def test_an_owner_goes_before_everybody_and_others_before_their_own_jobs(services: Services, state: PageState) -> None:
    for visitor, prompt in ((ANN, "ann 1"), (ANN, "ann 2"), (BOB, "bob 1"), (BOB, "bob 2")):
        queued(services, state, "", visitor, prompt)
    before = [one for one in prompts(services) if one.startswith("ann")]
    queued(services, state, '{"front": true}', BOB, "bob first")
    assert [one for one in prompts(services) if one.startswith("bob")] == ["bob first", "bob 1", "bob 2"]
    assert [one for one in prompts(services) if one.startswith("ann")] == before
    assert prompts(services)[0] == "ann 1"
    queued(services, state, '{"front": true}', EVERYBODY, "the owner's")
    assert prompts(services)[0] == "the owner's"


def test_how_comes_to_its_place_among_the_values(state: PageState) -> None:
    others = {state.submitted, state.running}
    assert how_script(state, {*others, state.how}) == "(...values) => values.with(2, window.atelier.takeHow())"
