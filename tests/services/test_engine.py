"""The engine where memory is short: what is let go, what is painted again, and what the person is told."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from modules.checkpoints.card import Card
from modules.checkpoints.loaded import LoadedModel
from modules.checkpoints.memory_plan import MemoryPlan
from modules.checkpoints.model_files import ModelFile
from modules.checkpoints.registry import Checkpoint
from modules.config.database import Database
from modules.config.paths import Paths
from modules.config.settings import SettingsStore
from modules.diffusion.noise_levels import NoiseLevels
from modules.errors import InvalidRequest, ModelNotFound, OutOfMemory, UserError
from modules.gallery.inputs import InputPictures
from modules.hooks import Available, Plugins
from modules.hooks.sampling_registry import SamplingRegistry
from modules.pipeline.extras import process
from modules.pipeline.resources import PaintedPicture, Resources
from modules.schema.extras_request import ExtrasRequest
from modules.schema.requests import ResolvedTxt2Img
from modules.services import engine as engine_module
from modules.services import model_keeping
from modules.services.brought_models import BroughtModels
from modules.services.brought_upscalers import BroughtUpscalers
from modules.services.counters import Counters
from modules.services.engine import Engine
from modules.services.network_files import NetworkFileService
from modules.services.options import EngineOptions
from modules.services.postprocessing import PostprocessingService
from modules.services.sections import SectionService
from modules.services.vaes import VaeService
from modules.upscaling.registry import UpscalerRegistry
from tests.pipeline.painting import Onlooker
from tests.upscaling.networks import compact, write

ON_THE_CARD = torch.OutOfMemoryError("CUDA out of memory.")
ON_THE_PROCESSOR = RuntimeError(
    "[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate "
    "1125899906842624 bytes. Error code 12 (Cannot allocate memory)"
)
LET_GO = "Memory ran out: what this does not need was let go, and it goes on from there"


class Weights(torch.nn.Module):
    """What a loaded model has in memory."""


@dataclass
class Machine:
    """An engine whose models are light, and whose painting needs room for `room` of them at most."""

    engine: Engine
    room: int = 1
    error: BaseException = ON_THE_CARD
    fits: int = 0
    """So many pictures fit beside anything."""
    alive: weakref.WeakSet[Weights] = field(default_factory=weakref.WeakSet)
    attempts: list[list[int]] = field(default_factory=list)

    def load(self, checkpoint: Checkpoint, **_: object) -> LoadedModel:
        weights, levels = Weights(), NoiseLevels.scaled_linear(0.00085, 0.012, 1000)
        self.alive.add(weights)
        cpu = torch.device("cpu")
        return LoadedModel(checkpoint.name, "", "sd1", cpu, (), weights, torch.nn.Module(), levels, "epsilon")

    def task(
        self, request: ResolvedTxt2Img, resources: Resources, *, finished: frozenset[int]
    ) -> Iterator[PaintedPicture]:
        missing = [index for index in range(request.picture_count) if index not in finished]
        self.attempts.append(missing)
        models = [resources.model(name) for name in (request.model, request.refiner_checkpoint) if name is not None]
        for index in missing:
            if index >= self.fits and len(self.alive) > self.room:
                raise copy(self.error)  # an error keeps its frames, and what they hold
            yield PaintedPicture(index, np.full((8, 8, 3), len(models), np.uint8))

    def painted(self, watcher: Onlooker, finished: frozenset[int] = frozenset(), **fields: Any) -> list[int]:
        missing: Any = None
        return [picture.index for picture in self.engine.paint(request(**fields), watcher, missing, finished)]


class Models:
    """Finds whatever is asked for but "gone", and no other files."""

    def hash_of(self, name: str) -> str:
        return "0" * 10

    def files(self, kind: str) -> tuple[ModelFile, ...]:
        return ()

    def remembered(self, path: Path, name: str, compute: Callable[[], str]) -> str:
        return compute()

    def find(self, name: str) -> Checkpoint:
        if name == "gone":
            raise ModelNotFound(name)
        return Checkpoint(name, Path("missing"), Card())


def request(**fields: Any) -> ResolvedTxt2Img:
    usual = {"prompt": "", "negative_prompt": "", "steps": 1, "sampler_name": "Euler", "scheduler": "Uniform"}
    usual |= {"cfg_scale": 7, "seed": 1, "width": 64, "height": 128, "batch_count": 3, "batch_size": 1, "rng": "CPU"}
    return ResolvedTxt2Img.of({**usual, "model": "a", **fields})


@pytest.fixture
def machine(paths: Paths, database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    models: Any = Models()
    options = EngineOptions(use_cpu=True, precision="full")
    write(tmp_path / "upscalers" / "tiny.safetensors", compact())
    upscalers = UpscalerRegistry([tmp_path / "upscalers"])
    settings = SettingsStore(paths.settings_file)
    vaes, networks = VaeService(models, settings), NetworkFileService(models)
    plugins, counters = Plugins(()), Counters(database)
    inputs = InputPictures(paths.input_pictures)
    sections = SectionService(plugins, lambda task: Available(task), inputs)
    steps = PostprocessingService(plugins, lambda: Available("txt2img"), inputs)
    brought = BroughtUpscalers(plugins, upscalers)
    files = (models, vaes, networks)
    of_plugins = (sections, plugins, brought, steps, SamplingRegistry(plugins), BroughtModels(plugins))
    made_of = (*files, settings, options, counters, upscalers, (), *of_plugins)
    machine = Machine(Engine(*made_of))
    monkeypatch.setattr(model_keeping, "load_checkpoint", machine.load)
    monkeypatch.setattr(machine.engine.machine, "memory", lambda *_: MemoryPlan("resident", "It fits."))
    monkeypatch.setattr(engine_module, "txt2img", machine.task)
    return machine


@pytest.mark.parametrize("error", [ON_THE_CARD, ON_THE_PROCESSOR, OutOfMemory("too little for an upscaler")])
def test_idle_models_go_where_memory_runs_out_and_no_picture_is_painted_twice(
    machine: Machine, error: BaseException
) -> None:
    watcher = Onlooker()
    machine.error = error
    assert machine.painted(watcher, model="idle", batch_count=1) == [0]
    machine.fits = 3
    assert machine.painted(watcher, frozenset({1}), batch_count=5) == [0, 2, 3, 4]
    assert machine.attempts == [[0], [0, 2, 3, 4], [3, 4]]
    assert watcher.stages.count(LET_GO) == 1
    assert len(machine.alive) == 1
    machine.painted(watcher, batch_count=1)
    assert [text for text in watcher.stages if text.startswith("Loading")] == [
        "Loading the model idle",
        "Loading the model a",
    ], "the model that was in use stayed"


def test_an_idle_model_stays_while_there_is_room(machine: Machine) -> None:
    watcher = Onlooker()
    machine.room = 2
    for name in ("idle", "a", "idle"):
        machine.painted(watcher, model=name)
    assert len(machine.alive) == 2
    assert len([text for text in watcher.stages if text.startswith("Loading")]) == 2
    assert LET_GO not in watcher.stages


def test_models_that_a_request_names_stay(machine: Machine) -> None:
    watcher = Onlooker()
    machine.engine._upscaler_cache.get(machine.engine._upscalers.find("tiny"))
    with pytest.raises(OutOfMemory):
        machine.painted(watcher, model="a", refiner_checkpoint="b")
    assert len(machine.attempts) == 2, "the upscaler was let go, which was not enough"
    assert (len(machine.alive), machine.engine._upscaler_cache.clear()) == (2, False)


def test_where_nothing_can_be_let_go_nothing_is_tried_again(machine: Machine) -> None:
    machine.room = 0
    watcher = Onlooker()
    with pytest.raises(OutOfMemory):
        machine.painted(watcher)
    assert machine.attempts == [[0, 1, 2]]
    assert LET_GO not in watcher.stages


def test_what_is_no_lack_of_memory_passes_through(machine: Machine) -> None:
    watcher = Onlooker()
    machine.painted(watcher, model="idle", batch_count=1)
    machine.error = RuntimeError("shapes do not match")
    with pytest.raises(RuntimeError, match="shapes do not match"):
        machine.painted(watcher)
    assert len(machine.attempts) == 2


@pytest.mark.parametrize("error", [ON_THE_CARD, ON_THE_PROCESSOR])
@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"batch_size": 2}, r"^64 x 128 at batch size 2 does not fit .* Make the picture or the batch smaller\.$"),
        (
            {"enable_hr": True, "hr_scale": 1.5},
            r"^64 x 128 with a second pass at 96 x 192 at batch size 1 does not fit .*smaller\.$",
        ),
        ({"hr_scale": 1.5}, r"^64 x 128 at batch size 1 does not fit"),
    ],
)
def test_what_did_not_fit_is_named(machine: Machine, error: Exception, fields: dict[str, Any], sentence: str) -> None:
    machine.room, machine.error = 0, error
    with pytest.raises(OutOfMemory, match=sentence):
        machine.painted(Onlooker(), **fields)


EXTRAS = ExtrasRequest.of({"images": ["0" * 32], "upscaler_1": "Nearest", "flipped_copies": ["both"]})


@pytest.mark.parametrize("error", [ON_THE_CARD, ON_THE_PROCESSOR, MemoryError()])
def test_extras_that_do_not_fit_are_told_in_words(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    attempts: list[int] = []

    def full(*_: object) -> Iterator[Any]:
        attempts.append(len(machine.alive))
        raise copy(error)
        yield

    monkeypatch.setattr(engine_module, "process", full)
    machine.room = 9
    machine.painted(Onlooker())
    with pytest.raises(OutOfMemory, match=r"^A picture of 6 x 4 .*memory of the device\. .*smaller"):
        list(machine.engine.process(EXTRAS, np.zeros((4, 6, 3), np.uint8), Onlooker(), most=10))
    assert attempts == [1, 0], "no checkpoint is needed, so it was let go"


def test_extras_go_on_behind_what_they_gave(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: Any) -> Iterator[Any]:
        for place, result in enumerate(process(*arguments)):
            if place and machine.alive:
                raise copy(ON_THE_CARD)
            yield result

    monkeypatch.setattr(engine_module, "process", full)
    machine.room = 9
    machine.painted(Onlooker())
    pixels, watcher = np.arange(72, dtype=np.uint8).reshape(4, 6, 3), Onlooker()
    first, second = machine.engine.process(EXTRAS, pixels, watcher, most=10)
    assert np.array_equal(first.pixels[::-1, ::-1], second.pixels)
    assert LET_GO in watcher.stages


def test_more_results_than_there_may_be_are_refused(machine: Machine) -> None:
    fields = {"images": ["0" * 32], "split_oversized": True, "crop_width": 64, "crop_height": 64, "overlap_ratio": 0}
    extras = ExtrasRequest.of({**fields, "flipped_copies": ["both"]})
    pixels = np.zeros((64, 64 * 20, 3), np.uint8)
    assert len(list(machine.engine.process(extras, pixels, Onlooker(), most=40))) == 40
    sentence = r"Results of one picture 40 are more than 39.*larger parts"
    with pytest.raises(InvalidRequest, match=sentence) as caught:
        next(machine.engine.process(extras, pixels, Onlooker(), most=39))
    assert isinstance(caught.value, UserError)
