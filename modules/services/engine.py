"""The part of the services that needs torch; imported by the worker's thread, after the page is up."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from PIL import Image

from modules.checkpoints.cache import ModelCache
from modules.checkpoints.device import choose_device, choose_dtype
from modules.checkpoints.diffusers_folder import load_folder, read_tokenizer
from modules.checkpoints.loaded import LoadedModel
from modules.checkpoints.prompt_tokenizer import PromptTokenizer
from modules.checkpoints.registry import Checkpoint
from modules.config.settings import SettingsStore
from modules.diffusion.attention import choose_attention
from modules.diffusion.memory import ran_out_of_memory
from modules.errors import OutOfMemory, StorageFull
from modules.pipeline.conditioning import count_tokens
from modules.pipeline.extras import ExtrasTools, ProcessedPicture, process
from modules.pipeline.first_pass_memory import FirstPassMemory
from modules.pipeline.img2img import img2img
from modules.pipeline.resources import PaintedPicture, Resources
from modules.pipeline.text_cache import TextCache
from modules.pipeline.txt2img import txt2img
from modules.pipeline.watcher import Watcher
from modules.prompt.chunks import TokenCount
from modules.schema.extras_request import ExtrasRequest
from modules.schema.hires_fields import second_pass_sides
from modules.schema.infotext import write_infotext
from modules.schema.requests import Resolved, ResolvedImg2Img, ResolvedTxt2Img
from modules.services.counters import TEXTS_ENCODED, TEXTS_FOUND, Counters
from modules.services.job_pictures import FinishedPicture
from modules.services.models import ModelService
from modules.services.options import EngineOptions
from modules.upscaling.cache import UpscalerCache
from modules.upscaling.enlargement import Enlargement
from modules.upscaling.face_detection import FaceDetector, face_detector
from modules.upscaling.face_models import restorer_file
from modules.upscaling.faces import FaceRestorer
from modules.upscaling.listener import Listener
from modules.upscaling.registry import UpscalerRegistry, yunet_file
from modules.upscaling.target import BySize
from modules.upscaling.upscaler import Upscaler

log = logging.getLogger(__name__)

Result = TypeVar("Result")
_LACK_OF_MEMORY = (OutOfMemory, RuntimeError, MemoryError)
"""What memory that ran out is told by; a RuntimeError may also mean something else."""


class Engine:
    """Runs requests on this machine's device, with the models that were used last in memory."""

    def __init__(
        self,
        models: ModelService,
        settings: SettingsStore,
        options: EngineOptions,
        counters: Counters,
        upscalers: UpscalerRegistry,
    ) -> None:
        self._models = models
        self._settings = settings
        self._options = options
        self._counters = counters
        self._upscalers = upscalers
        self._texts = TextCache()
        self._tokenizer: tuple[Path, PromptTokenizer] | None = None
        self.device = choose_device(use_cpu=options.use_cpu)
        self.dtype = choose_dtype(options.precision, self.device)
        self._cache = ModelCache(self._load)
        self._hashes: dict[str, str] = {}
        self._first_passes = FirstPassMemory()
        self._upscaler_cache = UpscalerCache(self.device, self.dtype)

    @property
    def attention(self) -> str:
        """The kind of attention in use."""
        wanted = "xformers" if self._options.xformers else self._settings.current.cross_attention_optimization
        return choose_attention(wanted, self.device)

    @property
    def device_name(self) -> str:
        """The device as its maker calls it."""
        return torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else self.device.type

    def seconds_per_step(self, checkpoint: Checkpoint, width: int, height: int) -> float:
        """Time of one guided network call, the best of three; nothing is sampled."""
        model = self._cache.get(checkpoint)
        factor = model.pixels_per_latent
        with torch.inference_mode():
            conditioning = model.blank_conditioning(2, height, width)
            x = torch.zeros(2, model.latent_channels, height // factor, width // factor, device=self.device)
            times = []
            for _ in range(3):
                started = time.perf_counter()
                model.predict(x, torch.full((2,), 500.0, device=self.device), conditioning).cpu()
                times.append(time.perf_counter() - started)
        return min(times)

    def warm_up(self) -> None:
        """Have the model that the settings name in memory before anybody asks for it."""
        self._cache.get(self._models.current())

    def paint(
        self,
        request: ResolvedTxt2Img | ResolvedImg2Img,
        watcher: Watcher,
        picture: Callable[[str], Image.Image],
        finished: frozenset[int],
    ) -> Iterator[FinishedPicture]:
        """Every picture of a request that is not yet `finished`; `picture` gives the stored inputs by their ids.

        Where memory runs out, idle models and upscalers are let go, once, and the missing pictures are painted then.
        Raises what the task raises, and OutOfMemory.
        """
        if request.rng == "GPU" and self.device.type != "cuda":
            request = request.model_copy(update={"rng": "NV"})  # what it is here, and what the picture has to say
        model = partial(self._model, watcher)
        upscale = partial(self._upscale, watcher)
        resources = Resources(model, self._texts, watcher, picture, upscale, self._first_passes)
        done = set(finished)

        def attempt() -> Iterator[FinishedPicture]:
            for painted in _task(request, resources, frozenset(done)):
                infotext = self.describe(request, {}, index=painted.index)
                done.add(painted.index)
                yield FinishedPicture(painted.index, painted.pixels, infotext, request.seed_of(painted.index))

        try:
            yield from self._with_room(attempt, _models_of(request), watcher)
        except (RuntimeError, MemoryError) as error:
            if not ran_out_of_memory(error):
                raise
            raise OutOfMemory(
                f"{_size_of(request)} at batch size {request.batch_size} does not fit into the memory of the device. "
                "Make the picture or the batch smaller."
            ) from error
        finally:
            self._count_reuse()

    def _with_room(
        self, attempt: Callable[[], Iterator[Result]], needed: Iterable[str], watcher: Watcher
    ) -> Iterator[Result]:
        """What an attempt gives; where memory runs out, another one goes on, once, without what it does not need.

        `needed` are the names of its models. Raises whatever the last attempt raises.
        """
        try:
            yield from attempt()
            return
        except _LACK_OF_MEMORY as error:
            lacked = isinstance(error, OutOfMemory) or ran_out_of_memory(error)
            if not (lacked and self._let_go_but(needed)):
                raise
        # What the failed attempt had in memory lives as long as its exception, so the next one comes after it.
        watcher.stage("Memory ran out: what this does not need was let go, and it goes on from there")
        yield from attempt()

    def _let_go_but(self, needed: Iterable[str]) -> bool:
        """Let go of all models but the needed ones, and of all upscalers; whether there was anything."""
        models = self._cache.keep_only([self._models.find(name) for name in needed])
        upscalers = self._upscaler_cache.clear()
        return models or upscalers

    def _upscale(self, watcher: Watcher, name: str, pixels: np.ndarray, width: int, height: int) -> np.ndarray:
        upscaler = self._upscaler_cache.get(self._upscalers.find(name))
        listener = Listener(check=watcher.check, tell=watcher.stage)
        return Enlargement(upscaler).apply(pixels, BySize(width, height), listener=listener)

    def _model(self, watcher: Watcher, name: str) -> LoadedModel:
        checkpoint = self._models.find(name)
        if not self._cache.holds(checkpoint):
            watcher.stage(f"Loading the model {checkpoint.name}")
        return self._cache.get(checkpoint)

    def process(
        self, request: ExtrasRequest, pixels: np.ndarray, watcher: Watcher, *, most: int
    ) -> Iterator[ProcessedPicture]:
        """Every picture that a chain of Extras makes of one, (height, width, 3 or 4) uint8; at most `most`.

        Raises what `pipeline.extras.process` raises, and OutOfMemory.
        """
        tools = self._extras_tools(accept_noncommercial=request.accept_noncommercial)
        given = 0

        def attempt() -> Iterator[ProcessedPicture]:
            nonlocal given
            with torch.inference_mode():
                for result in islice(process(request, pixels, tools, watcher, most), given, None):
                    given += 1
                    yield result

        try:
            yield from self._with_room(attempt, (), watcher)
        except (RuntimeError, MemoryError) as error:
            if not ran_out_of_memory(error):
                raise
            raise OutOfMemory(
                f"A picture of {pixels.shape[1]} x {pixels.shape[0]} does not fit into the memory of the device. "
                "Enlarge it by less, or begin with a smaller one."
            ) from error

    def _extras_tools(self, *, accept_noncommercial: bool) -> ExtrasTools:
        def upscaler(name: str) -> Upscaler:
            return self._upscaler_cache.get(self._upscalers.find(name), accept_noncommercial=accept_noncommercial)

        def face_restorer(name: str) -> FaceRestorer:
            path = restorer_file(name, self._upscalers.models)
            return FaceRestorer(name, self._upscaler_cache.network(path, accept_noncommercial=accept_noncommercial))

        def detector() -> FaceDetector:
            return face_detector(yunet_file(*self._upscalers.models))

        return ExtrasTools(upscaler, face_restorer, detector)

    def count_tokens(self, prompt: str) -> TokenCount:
        """How many tokens a prompt has for the model that the settings name, and how many its chunks hold.

        Reads that model's tokenizer alone: a job that runs with another model keeps its memory.
        """
        folder = self._models.current().path
        if self._tokenizer is None or self._tokenizer[0] != folder:
            self._tokenizer = (folder, read_tokenizer(folder))
        return count_tokens(self._tokenizer[1], prompt)

    def _count_reuse(self) -> None:
        reuse = self._texts.take_reuse()
        try:
            self._counters.add({TEXTS_FOUND: reuse.found, TEXTS_ENCODED: reuse.encoded})
        except (StorageFull, sqlite3.Error):
            log.warning("The counters could not be written", exc_info=True)  # no reason to lose a picture

    def describe(self, request: Resolved, further: Mapping[str, str], *, index: int = 0) -> str:
        """The infotext of a picture of a request, with `further` parameters."""
        return write_infotext(
            request,
            index=index,
            model_hash=self._hash_of(request.model),
            precision=str(self.dtype).removeprefix("torch."),
            attention=self.attention,
            further=further,
        )

    def _hash_of(self, name: str) -> str:
        """The hash of a model that was loaded, which need not be in memory any more."""
        if name not in self._hashes:
            self._cache.get(self._models.find(name))
        return self._hashes[name]

    def _load(self, checkpoint: Checkpoint) -> LoadedModel:
        started = time.monotonic()
        attention = choose_attention(self.attention, self.device)
        model = load_folder(checkpoint, device=self.device, dtype=self.dtype, attention=attention)
        self._hashes[checkpoint.name] = model.hash
        log.info("Loaded %s in %.1f s", checkpoint.name, time.monotonic() - started)
        return model


def _task(
    request: ResolvedTxt2Img | ResolvedImg2Img, resources: Resources, finished: frozenset[int]
) -> Iterator[PaintedPicture]:
    if isinstance(request, ResolvedTxt2Img):
        return txt2img(request, resources, finished=finished)
    return img2img(request, resources, finished=finished)


def _models_of(request: ResolvedTxt2Img | ResolvedImg2Img) -> set[str]:
    """The names of the checkpoints that a request is painted with."""
    names = {request.model, request.refiner_checkpoint}
    if isinstance(request, ResolvedTxt2Img) and request.enable_hr:
        names.add(request.hr_checkpoint_name)
    return {name for name in names if name}


def _size_of(request: ResolvedTxt2Img | ResolvedImg2Img) -> str:
    """The sizes that are painted at once, in words."""
    first = f"{request.width} x {request.height}"
    if not (isinstance(request, ResolvedTxt2Img) and request.enable_hr):
        return first
    width, height = second_pass_sides(request, request.width, request.height)
    return f"{first} with a second pass at {width} x {height}"
