"""Scripts as jobs: asked for by a request, run through the queue, gone on with after a stop."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from modules.config.paths import resolve_paths
from modules.errors import InvalidRequest, PluginFailed
from modules.hooks import Arguments, Drafting, Resolved, Script, ScriptContext
from modules.jobs.job_control import JobControl
from modules.pipeline.watcher import Unwatched
from modules.schema.events import Progress, Stage
from modules.schema.requests import ResolvedTxt2Img
from modules.services.build import Services, running_services
from modules.services.engine import Engine
from modules.services.finished_picture import FinishedPicture
from modules.services.job_parts import JobParts
from modules.services.job_watching import JobWatcher
from modules.services.options import EngineOptions
from modules.services.reporting import PlannedWatcher
from modules.services.script_running import ScriptRun
from tests.services.jobs_to_end import drawing, ended, img2img, made, txt2img
from tests.services.test_generate import pixels, psnr, until

OPTIONS = EngineOptions(use_cpu=True, precision="full")


def plot(**arguments: Any) -> dict[str, Any]:
    return {"script_name": "x/y/z PLOT", "script_args": arguments}


def test_a_plot_is_its_cells_and_a_grid(demo_services: Services) -> None:
    arguments = {"x_type": "Steps", "x_values": "1, 2", "y_type": "Seed", "y_values": "8, 9", "draw_legend": False}
    *cells, grid = made(demo_services, txt2img(**plot(**arguments, include_lone_images=True)))
    readings = [demo_services.pictures.read_text(cell.infotext).request for cell in cells]
    assert [(one.steps, one.seed) for one in readings] == [(1, 8), (2, 8), (1, 9), (2, 9)]
    for cell, reading in zip(cells, readings, strict=True):
        assert reading.script_name is None
        (single,) = made(demo_services, reading)
        assert np.array_equal(pixels(demo_services, cell), pixels(demo_services, single))
    whole = pixels(demo_services, grid)
    wanted = [pixels(demo_services, cell) for cell in cells]
    assert np.array_equal(whole, np.vstack([np.hstack(wanted[:2]), np.hstack(wanted[2:])]))
    assert Path(grid.path).parts[0] == "grids"
    assert "Script: X/Y/Z plot, X Type: Steps, X Values: " in grid.infotext
    assert [picture.index for picture in (*cells, grid)] == list(range(5))


def test_cells_that_are_not_shown_are_no_results(demo_services: Services) -> None:
    arguments = {"x_type": "Seed", "x_values": "1, 2", "draw_legend": False, "include_lone_images": False}
    (grid,) = made(demo_services, txt2img(**plot(**arguments)))
    cells = [pixels(demo_services, *made(demo_services, txt2img(seed=seed))) for seed in (1, 2)]
    assert np.array_equal(pixels(demo_services, grid), np.hstack(cells))
    parts = demo_services.paths.cache / "parts"
    assert not parts.is_dir() or not list(parts.rglob("*.png"))


def test_a_prompt_matrix(demo_services: Services) -> None:
    *cells, grid = made(demo_services, txt2img(prompt="a house|red|at night", script_name="Prompt matrix"))
    assert [cell.infotext.split("\n")[0] for cell in cells] == [
        "a house",
        "a house, red",
        "a house, at night",
        "a house, red, at night",
    ]
    assert grid.infotext.startswith("a house|red|at night\n")
    assert grid.width > 2 * 64


def test_prompts_from_lines(demo_services: Services) -> None:
    lines = 'a boat\n\n--prompt "a star" --steps 1 --seed 77\n# nothing'
    request = txt2img(prompt="at sea", script_name="Prompts from file or textbox", script_args={"prompt_txt": lines})
    first, second = made(demo_services, request)
    assert first.infotext.startswith("a boat at sea\nSteps: 2")
    assert second.infotext.startswith("a star at sea\nSteps: 1")
    assert (first.seed, second.seed) == (5, 77)


def test_lines_know_that_their_seed_was_drawn(demo_services: Services) -> None:
    fields = {"script_name": "Prompts from file or textbox", "script_args": {"prompt_txt": "a boat\na star"}}
    first, second = made(demo_services, txt2img(seed=-1, **fields))
    assert first.seed != second.seed
    first, second = made(demo_services, txt2img(seed=9, **fields))
    assert (first.seed, second.seed) == (9, 9)


def test_loops_begin_with_what_came_out_before(demo_services: Services) -> None:
    source = demo_services.inputs.add(drawing())
    arguments = {"loops": "3", "final_denoising_strength": 0.2}
    fields = {"init_images": [source], "denoising_strength": 0.6}
    *loops, grid = made(demo_services, img2img(**fields, script_name="Loopback", script_args=arguments))
    readings = [demo_services.pictures.read_text(loop.infotext).request.model_dump() for loop in loops]
    assert [one["denoising_strength"] for one in readings] == [0.6, 0.4, 0.2]
    before = [demo_services.inputs.add(Image.fromarray(pixels(demo_services, loop).astype(np.uint8))) for loop in loops]
    assert [one["init_images"] for one in readings] == [(source,), (before[0],), (before[1],)]
    assert np.array_equal(pixels(demo_services, grid), np.hstack([pixels(demo_services, loop) for loop in loops]))
    assert psnr(pixels(demo_services, loops[0]), pixels(demo_services, loops[2])) < 60


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"script_name": "X/Y plot"}, "Script 'X/Y plot' is not known. Nearest: X/Y/Z plot"),
        ({"script_name": "Loopback"}, "Script 'Loopback' does not run with txt2img. Use img2img"),
        ({"script_name": "Prompt matrix"}, "Prompt 'a red house' has no variable part"),
        (plot(x_type="Stps"), "'Stps' is not known. Nearest: Steps"),
        (plot(x_type="Steps", x_values="1, many"), "many"),
        (plot(x_type="Steps", x_values="1, 1000"), "1000"),
        (plot(x_type="Sampler", x_values="Euler, Eulr"), "Eulr"),
        (plot(x_type="Checkpoint name", x_values="nonesuch"), "nonesuch"),
        (plot(margin="3"), "Script argument 'margin' is not known"),
        (plot(margin_size="-3"), "-3.0 is too small. The least is 0"),
    ],
    ids=range(10),
)
def test_what_a_script_cannot_use_is_refused_before_queueing(
    idle_services: Services, fields: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InvalidRequest, match=sentence):
        idle_services.generate.submit(txt2img(**fields))
    assert idle_services.generate.active_jobs() == []


def test_progress_of_a_plot_is_one_count(demo_services: Services) -> None:
    arguments = {"x_type": "Steps", "x_values": "4, 8, 12", "include_lone_images": False, "draw_grid": True}
    job = demo_services.generate.submit(txt2img(**plot(**arguments)))
    seen: dict[int, tuple[int, int]] = {}
    stages: list[str] = []
    while not demo_services.generate.job(job.id).is_over:
        for event in demo_services.generate.events(job.id):
            if isinstance(event, Progress):
                seen[event.sequence] = (event.step, event.steps)
            if isinstance(event, Stage) and event.text not in stages:
                stages.append(event.text)
        time.sleep(0.001)
    assert ended(demo_services, job).error is None
    assert {total for _, total in seen.values()} == {24}
    steps = [step for _, (step, _) in sorted(seen.items())]
    assert steps == sorted(steps)
    assert steps[-1] == 24
    assert [text for text in stages if text.startswith("Cell")][-1] == "Cell 3 of 3"


class Broken(Script):
    """Fails in one of the places where others' code runs."""

    name = "Broken"

    def __init__(self, place: str) -> None:
        self.place = place

    def check(self, base: Resolved, arguments: Arguments, context: Drafting) -> None:
        if self.place == "check":
            raise KeyError("nothing there")

    def run(self, base: Resolved, arguments: Arguments, context: ScriptContext) -> None:
        if self.place == "run":
            raise ZeroDivisionError("division by zero")
        if self.place == "exit":
            raise SystemExit(3)
        if self.place == "grid":
            context.save_grid(np.zeros((4, 4, 7), np.float32), {})
        context.paint(base)


@contextmanager
def with_broken(services: Services, place: str) -> Iterator[None]:
    """Such a script among those that there are."""
    script = Broken(place)
    registry = services.scripts.registry
    registry._scripts["broken"] = script
    registry._plugins[script] = "my_extension"
    try:
        yield
    finally:
        del registry._scripts["broken"], registry._plugins[script]


@pytest.mark.parametrize(
    ("place", "problem"),
    [("run", "ZeroDivisionError: division by zero"), ("exit", "SystemExit: 3"), ("grid", "TypeError")],
)
def test_a_plugin_that_fails_is_named_in_its_job(demo_services: Services, place: str, problem: str) -> None:
    with with_broken(demo_services, place):
        job = ended(demo_services, demo_services.generate.submit(txt2img(script_name="Broken")))
    assert job.state == "failed"
    assert job.error is not None
    assert job.error.startswith(f"Script 'Broken' of the plugin my_extension failed ({problem}")
    assert made(demo_services, txt2img())  # and nobody else is hurt


def test_a_plugin_that_fails_at_submit_is_named(demo_services: Services) -> None:
    with (
        with_broken(demo_services, "check"),
        pytest.raises(PluginFailed, match=r"Script 'Broken' of the plugin my_extension failed \(KeyError"),
    ):
        demo_services.generate.submit(txt2img(script_name="Broken"))


def test_no_plugin_is_blamed_for_a_fault_of_painting(
    demo_services: Services, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def paint(*arguments: Any) -> Any:
        raise ZeroDivisionError("ours")

    with with_broken(demo_services, "nowhere"), caplog.at_level(logging.CRITICAL):
        (painted,) = made(demo_services, txt2img(script_name="Broken"))
        assert painted.seed == 5
        monkeypatch.setattr(Engine, "paint", paint)
        job = ended(demo_services, demo_services.generate.submit(txt2img(script_name="Broken")))
    assert "fault of the program" in (job.error or "")


@pytest.mark.parametrize("shown", [True, False])
def test_a_stopped_plot_goes_on_where_it_was(tmp_path: Path, shown: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server is stopped in order while a cell is painted; the next one paints the others alone."""
    paths = resolve_paths(data_dir=tmp_path)
    arguments = {"x_type": "Seed", "x_values": "1-6", "include_lone_images": shown, "draw_legend": False}

    def painted_cells() -> int:
        folder = paths.txt2img_pictures if shown else paths.cache / "parts"
        return len(list(folder.rglob("*.png")))

    with running_services(paths, OPTIONS) as services:
        job = services.generate.submit(txt2img(**plot(**arguments), steps=40))
        until(lambda: painted_cells() >= 2)
    before = painted_cells()
    assert 2 <= before < 6
    with running_services(paths, OPTIONS) as services:
        seeds = CountedSeeds(Engine.paint)
        monkeypatch.setattr(Engine, "paint", lambda *given: seeds(*given))
        assert ended(services, job).error is None
        *cells, grid = services.pictures.of_job(job.id)
        assert len(cells) == (6 if shown else 0)
        assert seeds.painted == list(range(before + 1, 7))
        singles = [pixels(services, *made(services, txt2img(seed=seed, steps=40))) for seed in (1, before + 1)]
        whole = pixels(services, grid)
        assert whole.shape == (64, 6 * 64, 3)
        assert np.array_equal(whole[:, :64], singles[0])
        assert np.array_equal(whole[:, 64 * before : 64 * (before + 1)], singles[1])


class CountedSeeds:
    """Paints, and remembers the seeds of what was painted."""

    def __init__(self, paint: Any) -> None:
        self._paint = paint
        self.painted: list[int] = []
        self._lock = threading.Lock()

    def __call__(self, engine: Engine, request: ResolvedTxt2Img, *rest: Any) -> Iterator[FinishedPicture]:
        for picture in self._paint(engine, request, *rest):
            with self._lock:
                self.painted.append(request.seed_of(picture.index))
            yield picture


def test_cells_keep_their_words_when_a_stopped_script_goes_on(demo_services: Services, tmp_path: Path) -> None:
    """A style file that changes between two starts must not give one grid two kinds of cells."""
    demo_services.styles.save("film", "{prompt} on film", "")
    base = demo_services.resolver.resolve(txt2img(prompt="a house", seed=1))
    assert isinstance(base, ResolvedTxt2Img)

    unused: Any = None

    def cell() -> str:
        parts = JobParts(tmp_path / "parts", "job")
        run = ScriptRun(
            base,
            demo_services.scripts.available("txt2img"),
            resolver=demo_services.resolver,
            inputs=unused,
            pictures=unused,
            parts=parts,
            watcher=JobWatcher(PlannedWatcher(Unwatched()), JobControl(), parts),
            paint=unused,
            describe=unused,
            folder=tmp_path,
            grids=tmp_path,
        )
        return run.changed(base, {"styles": ("film",)}).prompt

    assert cell() == "a house on film"
    demo_services.styles.save("film", "{prompt} on paper", "")
    assert cell() == "a house on film"
    JobParts(tmp_path / "parts", "job").clear()
    assert cell() == "a house on paper"
