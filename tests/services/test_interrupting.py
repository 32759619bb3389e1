"""Jobs that are interrupted, skipped in part, stopped or short of memory: what is saved, what the next one gets."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import BaseModel

from modules.checkpoints.loaded import LoadedModel
from modules.config.paths import resolve_paths
from modules.errors import Interrupted, NumbersOverflowed, OutOfMemory
from modules.imaging.reading import load_picture
from modules.jobs.job_control import JobControl
from modules.pipeline import conditioning
from modules.schema.batch_request import BatchPart, ResolvedBatch
from modules.schema.events import JobEvent, PictureSaved, Progress, Stage
from modules.schema.extras_request import ExtrasRequest
from modules.schema.infotext import parse_infotext
from modules.schema.jobs import Job, JobKind
from modules.schema.pictures import Picture
from modules.schema.requests import Img2ImgRequest, ResolvedImg2Img, Txt2ImgRequest
from modules.services import model_keeping, picture_files
from modules.services.options import EngineOptions
from modules.services.workshop import Workshop
from tests.services.jobs_to_end import drawing, img2img, txt2img

Ask = Callable[[JobControl], object]
FINISH_CURRENT: Ask = partial(JobControl.interrupt, how="after_current")
A1111_PARAMETER = re.compile(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')
"""How A1111 reads a line of parameters."""


class Onlooker:
    """Where a job tells its events; at step `at` of the job, or at a stage, somebody asks for something."""

    def __init__(self, control: JobControl, asked: dict[int | str, Ask]) -> None:
        self.steps_after = 0
        self._control = control
        self._asked = asked
        self._begun = False

    def append(self, event: JobEvent) -> None:
        if isinstance(event, Progress):
            self.steps_after += self._begun
            self._obey(event.step)
        elif isinstance(event, Stage):
            self._obey(event.text)
        elif isinstance(event, PictureSaved):
            self._obey(f"picture {event.picture.index}")

    def is_watched(self, job_id: str) -> bool:
        return False

    def _obey(self, what: int | str) -> None:
        if ask := self._asked.pop(what, None):
            ask(self._control)
            self._begun = True


class Shop:
    """Carries jobs out, one after another."""

    def __init__(self, workshop: Workshop) -> None:
        self.workshop = workshop
        self.onlooker = Onlooker(JobControl(), {})

    def job(self, request: BaseModel) -> Job:
        """A job as the queue would hand it out."""
        kind: JobKind = "batch" if isinstance(request, ResolvedBatch) else "extras"
        if isinstance(request, (Txt2ImgRequest, Img2ImgRequest)):
            kind = request.task
            resolved = self.workshop.resolver.resolve(request)
            request = self.workshop.scripts.prepared(resolved, request, self.workshop.resolver.changed)
        elif isinstance(request, ExtrasRequest):
            request = self.workshop.resolver.resolve_extras(request)
        now = time.time()
        return Job(
            id=secrets.token_hex(8),
            kind=kind,
            state="running",
            request=request.model_dump_json(),
            created=now,
            started=now,
            finished=None,
            error=None,
        )

    def run(self, job: Job, asked: dict[int | str, Ask] | None = None) -> JobControl:
        """Raises what ends the job."""
        control = JobControl()
        self.onlooker = Onlooker(control, asked or {})
        self.workshop.bench(self.onlooker).run(job, control)
        return control

    def ended(self, job: Job, asked: dict[int | str, Ask]) -> list[Picture]:
        """The pictures of a job that is interrupted or stopped."""
        with pytest.raises(Interrupted):
            self.run(job, asked)
        return self.saved(job)

    def made(self, request: BaseModel, asked: dict[int | str, Ask] | None = None) -> list[Picture]:
        """The pictures of a job that comes to its end."""
        job = self.job(request)
        self.run(job, asked)
        return self.saved(job)

    def saved(self, job: Job) -> list[Picture]:
        return self.workshop.records.of_job(job.id)

    def pixels(self, picture: Picture) -> np.ndarray:
        return np.asarray(load_picture(self.workshop.paths.outputs / picture.path).convert("RGB"))

    @property
    def parts(self) -> list[Path]:
        """What jobs left beside their results."""
        folder = self.workshop.paths.cache / "parts"
        return sorted(folder.iterdir()) if folder.is_dir() else []


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A workshop with the demo model, on a data folder of its own."""
    paths = resolve_paths(data_dir=tmp_path_factory.mktemp("data"))
    with closing(Workshop(paths, EngineOptions(use_cpu=True, precision="full"))) as workshop:
        yield Shop(workshop)


def alike(shop: Shop, some: list[Picture], whole: list[Picture]) -> bool:
    """Whether each picture is, to the last bit, the one of the same number among the others."""
    wanted = {picture.index: picture for picture in whole}
    return all(np.array_equal(shop.pixels(one), shop.pixels(wanted[one.index])) for one in some)


def indices(pictures: list[Picture]) -> list[int | None]:
    return [picture.index for picture in pictures]


# --- skipping and interrupting --------------------------------------------------------------------------------------

FOUR = txt2img(steps=4, batch_count=4)


@pytest.mark.parametrize("skipped", range(4))
def test_a_skipped_picture_is_left_out_and_the_others_stay_what_they_are(shop: Shop, skipped: int) -> None:
    whole = shop.made(FOUR)
    some = shop.made(FOUR, {4 * skipped + 2: JobControl.skip})
    assert indices(some) == [index for index in range(4) if index != skipped]
    assert alike(shop, some, whole)
    assert shop.onlooker.steps_after == 4 * (3 - skipped)
    assert shop.parts == []


def test_what_was_skipped_stays_so_when_the_job_is_run_again(shop: Shop) -> None:
    whole, job = shop.made(FOUR), shop.job(FOUR)
    assert indices(shop.ended(job, {6: JobControl.skip, 10: JobControl.stop})) == [0]
    assert [path.name for path in shop.parts] == [job.id]
    shop.run(job)
    assert indices(shop.saved(job)) == [0, 2, 3]
    assert alike(shop, shop.saved(job), whole)
    assert shop.parts == []


def test_an_interrupt_keeps_what_is_finished(shop: Shop) -> None:
    whole, job = shop.made(FOUR), shop.job(FOUR)
    some = shop.ended(job, {10: JobControl.interrupt})
    assert (indices(some), shop.onlooker.steps_after) == ([0, 1], 0)
    assert alike(shop, some, whole)


def test_the_current_picture_is_finished_where_that_is_wanted(shop: Shop) -> None:
    whole, job = shop.made(FOUR), shop.job(FOUR)
    some = shop.ended(job, {6: FINISH_CURRENT})
    assert (indices(some), shop.onlooker.steps_after) == ([0, 1], 2)
    assert alike(shop, some, whole)


def test_asked_twice_it_stops_at_once(shop: Shop) -> None:
    some = shop.ended(shop.job(FOUR), {6: FINISH_CURRENT, 7: FINISH_CURRENT})
    assert (indices(some), shop.onlooker.steps_after) == ([0], 1)


def test_the_only_picture_is_not_waited_for(shop: Shop) -> None:
    assert shop.ended(shop.job(txt2img(steps=4)), {2: FINISH_CURRENT}) == []
    assert shop.onlooker.steps_after == 0


def test_the_last_picture_is_finished_and_the_job_is_done(shop: Shop) -> None:
    assert indices(shop.made(FOUR, {14: FINISH_CURRENT})) == [0, 1, 2, 3]


def test_a_skip_after_the_last_step_leaves_the_next_picture_alone(shop: Shop) -> None:
    assert indices(shop.made(FOUR, {"picture 1": JobControl.skip})) == [0, 1, 2, 3]


@pytest.mark.parametrize("ask", [JobControl.interrupt, FINISH_CURRENT, JobControl.stop])
def test_nothing_begins_that_is_interrupted_before(shop: Shop, ask: Ask) -> None:
    shop.workshop.engine.unload()
    name = shop.workshop.models.current().name
    assert shop.ended(shop.job(FOUR), {f"Loading the model {name}": ask}) == []
    assert shop.workshop.engine.held() == [], "stopped while it was read"
    assert shop.onlooker.steps_after == 0
    assert len(shop.made(FOUR)) == 4


# --- batches and scripts --------------------------------------------------------------------------------------------


def batch(shop: Shop) -> ResolvedBatch:
    """Three inputs with two pictures each."""
    ids = [shop.workshop.inputs.add(drawing(seed=place)) for place in range(3)]
    parts = []
    for place, one in enumerate(ids):
        request = shop.workshop.resolver.resolve(img2img(init_images=[one], batch_size=2, steps=4))
        assert isinstance(request, ResolvedImg2Img)
        parts.append(BatchPart(request=request, name=f"{place}"))
    return ResolvedBatch(parts=tuple(parts))


def test_a_part_of_a_batch_is_skipped(shop: Shop) -> None:
    whole = shop.made(batch(shop))
    some = shop.made(batch(shop), {12: JobControl.skip})  # steps are counted for every picture
    assert (indices(whole), indices(some)) == ([0, 1, 2, 3, 4, 5], [0, 1, 4, 5])
    assert alike(shop, some, whole)


def test_a_batch_ends_behind_its_current_part(shop: Shop) -> None:
    assert indices(shop.ended(shop.job(batch(shop)), {12: FINISH_CURRENT})) == [0, 1, 2, 3]


@pytest.mark.parametrize("asked", [JobControl.skip, JobControl.interrupt])
def test_extras_leave_out_what_is_not_wanted(shop: Shop, asked: Ask) -> None:
    ids = [shop.workshop.inputs.add(drawing(seed=place)) for place in range(3)]
    request = ExtrasRequest.of({"images": ids, "upscaler_1": "Lanczos", "upscaling_resize": 2})
    job = shop.job(request)
    if asked is JobControl.interrupt:
        assert indices(shop.ended(job, {"Picture 2 of 3": asked})) == [0]
    else:
        shop.run(job, {"Picture 2 of 3": asked})
        assert indices(shop.saved(job)) == [0, 2000]


def plot(**arguments: Any) -> BaseModel:
    values = {"x_type": "Seed", "x_values": "1, 2", "y_type": "Steps", "y_values": "3, 4", "draw_legend": False}
    return txt2img(script_name="X/Y/Z plot", script_args={**values, **arguments})


def cells(grid: np.ndarray) -> list[np.ndarray]:
    """The four cells of a grid without legends, row by row."""
    height, width = grid.shape[0] // 2, grid.shape[1] // 2
    return [grid[top : top + height, left : left + width] for top in (0, height) for left in (0, width)]


@pytest.mark.parametrize("shown", [True, False])
def test_a_skipped_cell_is_white(shop: Shop, shown: bool) -> None:
    *_, whole = shop.made(plot(include_lone_images=shown))
    *single, some = shop.made(plot(include_lone_images=shown), {4: JobControl.skip})
    assert indices(single) == ([0, 2, 3] if shown else [])
    wanted, found = cells(shop.pixels(whole)), cells(shop.pixels(some))
    assert [np.array_equal(*pair) for pair in zip(found, wanted, strict=True)] == [True, False, True, True]
    assert (found[1] == 255).all()


@pytest.mark.parametrize(("ask", "finished"), [(JobControl.interrupt, 2), (FINISH_CURRENT, 3)])
def test_an_interrupted_plot_draws_the_grid_of_what_it_has(shop: Shop, ask: Ask, finished: int) -> None:
    *_, whole = shop.made(plot())
    *_, some = shop.ended(shop.job(plot()), {8: ask})
    assert "Script: X/Y/Z plot" in some.infotext
    wanted, found = cells(shop.pixels(whole)), cells(shop.pixels(some))
    assert all(np.array_equal(*pair) for pair in list(zip(found, wanted, strict=True))[:finished])
    assert all((cell == 255).all() for cell in found[finished:])
    assert shop.parts == []


def test_a_plot_without_a_finished_cell_has_no_grid(shop: Shop) -> None:
    assert shop.ended(shop.job(plot()), {2: JobControl.interrupt}) == []


def test_a_stopped_plot_draws_its_grid_when_it_goes_on(shop: Shop) -> None:
    *_, whole = shop.made(plot())
    job = shop.job(plot())
    before = shop.ended(job, {8: JobControl.stop})
    assert all("Script" not in picture.infotext for picture in before)
    shop.run(job)
    *_, grid = shop.saved(job)
    assert np.array_equal(shop.pixels(grid), shop.pixels(whole))


# --- unfinished pictures --------------------------------------------------------------------------------------------


@pytest.fixture
def keeping(shop: Shop) -> Iterator[Shop]:
    """The same, where unfinished pictures are kept."""
    shop.workshop.settings.change(save_incomplete_images=True)
    yield shop
    shop.workshop.settings.change(save_incomplete_images=False)


def test_an_unfinished_picture_says_so(keeping: Shop) -> None:
    whole = keeping.made(FOUR)
    first, second = keeping.ended(keeping.job(FOUR), {6: JobControl.interrupt})
    assert np.array_equal(keeping.pixels(first), keeping.pixels(whole[0])) and "Incomplete" not in first.infotext
    assert keeping.pixels(second).shape == keeping.pixels(whole[1]).shape
    assert not np.array_equal(keeping.pixels(second), keeping.pixels(whole[1]))
    assert dict(A1111_PARAMETER.findall(second.infotext.splitlines()[-1]))["Incomplete"] == "step 2 of 4"
    ours, theirs = (parse_infotext(one.infotext).parameters for one in (second, whole[1]))
    assert ours == {**theirs, "Incomplete": "step 2 of 4"}


def test_a_skipped_picture_is_kept_as_far_as_it_was_and_not_made_again(keeping: Shop) -> None:
    job = keeping.job(FOUR)
    assert indices(keeping.ended(job, {6: JobControl.skip, 10: JobControl.stop})) == [0, 1]
    keeping.run(job)
    saved = keeping.saved(job)
    assert [(one.index, "Incomplete" in one.infotext) for one in saved] == [
        (0, False), (1, True), (2, False), (3, False),
    ]  # fmt: skip


def test_a_server_that_stops_keeps_nothing_unfinished(keeping: Shop) -> None:
    assert indices(keeping.ended(keeping.job(FOUR), {6: JobControl.stop})) == [0]


# --- memory and numbers ---------------------------------------------------------------------------------------------

LACKS = [torch.OutOfMemoryError("CUDA out of memory."), MemoryError(), RuntimeError("CUDA error: out of memory")]
PLACES: dict[str, tuple[Any, str]] = {
    "load": (model_keeping, "load_checkpoint"),
    "text": (conditioning, "encode_texts"),
    "encode": (LoadedModel, "encode"),
    "step": (LoadedModel, "predict"),
    "decode": (LoadedModel, "decode"),
    "save": (picture_files, "encode_png"),
}


@pytest.mark.parametrize(
    ("place", "error"),
    [(place, error) for place in PLACES for error in LACKS if place != "save" or isinstance(error, MemoryError)],
    ids=str,
)
def test_memory_that_runs_out_fails_one_job_in_words(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, place: str, error: Exception
) -> None:
    """In the second of two pictures, where the job gets so far."""
    picture_id = shop.workshop.inputs.add(drawing(seed=1))
    request = img2img(init_images=[picture_id], prompt=f"a {place} {error}", batch_count=2, steps=2)
    owner, name = PLACES[place]
    real, calls = getattr(owner, name), 0

    def fails(*values: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if place in ("load", "text", "encode") or calls > 1:
            if place == "load":
                raise OutOfMemory("Model 'demo' does not fit into the memory of the device.") from error
            raise error
        return real(*values, **named)

    if place == "load":
        shop.workshop.engine.unload()
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, fails)
        job = shop.job(request)
        with pytest.raises(OutOfMemory, match=r"smaller|does not fit"):
            shop.run(job)
    assert shop.parts == []
    whole = shop.made(request)
    assert indices(whole) == [0, 1]
    assert alike(shop, shop.saved(job), whole)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_vae_that_overflows_saves_no_picture_and_spoils_no_other(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, bad: float
) -> None:
    model = shop.workshop.engine.engine()._keeper.get(shop.workshop.models.current().name)
    before = shop.made(txt2img())
    hook = model.vae.decoder.register_forward_hook(lambda module, given, made: torch.full_like(made, bad))
    job = shop.job(txt2img())
    try:
        with pytest.raises(NumbersOverflowed, match="--precision full"):
            shop.run(job)
    finally:
        hook.remove()
    assert shop.saved(job) == []
    assert alike(shop, shop.made(txt2img()), before)
