"""The part of the services that needs torch; imported by the worker's thread, after the page is up."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from PIL import Image

from modules.checkpoints.diffusers_folder import read_tokenizer
from modules.checkpoints.loaded import LoadedModel
from modules.checkpoints.prompt_tokenizer import PromptTokenizer
from modules.checkpoints.registry import Checkpoint
from modules.config.settings import SettingsStore
from modules.diffusion.memory import ran_out_of_memory
from modules.errors import Interrupted, OutOfMemory, Skipped, UserError
from modules.hooks import Plugins
from modules.hooks.postprocessing import Moment
from modules.hooks.sampling_registry import SamplingRegistry
from modules.pipeline.conditioning import count_tokens
from modules.pipeline.extras import ExtrasTools, ProcessedPicture, process
from modules.pipeline.first_pass_memory import FirstPassMemory
from modules.pipeline.hires import refiner_of
from modules.pipeline.img2img import img2img
from modules.pipeline.network_patches import NetworkDamaged
from modules.pipeline.networks import JobNetworks
from modules.pipeline.pass_hooks import PaintingHooks
from modules.pipeline.resources import PaintedPicture, Resources, SideKind, SidePicture
from modules.pipeline.run_recording import Recorder
from modules.pipeline.text_cache import TextCache
from modules.pipeline.txt2img import txt2img
from modules.pipeline.watcher import PartWatcher, Watcher
from modules.prompt.chunks import TokenCount
from modules.schema.extras_request import ExtrasRequest
from modules.schema.hires_fields import second_pass_sides
from modules.schema.infotext import write_infotext
from modules.schema.infotext_keys import EXTENSIONS_KEY, INCOMPLETE_KEY
from modules.schema.requests import NO_VAE, Resolved, ResolvedImg2Img, ResolvedTxt2Img
from modules.services.brought_models import BroughtModels
from modules.services.brought_upscalers import BroughtUpscalers
from modules.services.counters import TEXTS_ENCODED, TEXTS_FOUND, Counters
from modules.services.finished_picture import FinishedPicture, FinishedSide
from modules.services.look_inside_outlines import OutlineReader
from modules.services.machine import Machine
from modules.services.model_keeping import ModelKeeper
from modules.services.models import ModelService
from modules.services.network_files import NetworkFileService
from modules.services.networks import NetworkShelf
from modules.services.options import EngineOptions
from modules.services.postprocessing import PostprocessingService
from modules.services.sections import SectionService
from modules.services.vaes import VaeService
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
_SETTING_OF_SIDE: Mapping[SideKind, str] = {
    "before-highres-fix": "save_images_before_highres_fix",
    "before-color-correction": "save_images_before_color_correction",
    "mask": "save_mask",
    "mask-composite": "save_mask_composite",
}


class Engine:
    """Runs requests on this machine's device, with the models that were used last in memory."""

    def __init__(
        self,
        models: ModelService,
        vaes: VaeService,
        networks: NetworkFileService,
        settings: SettingsStore,
        options: EngineOptions,
        counters: Counters,
        upscalers: UpscalerRegistry,
        tiny_decoder_folders: tuple[Path, ...],
        sections: SectionService,
        plugins: Plugins,
        brought: BroughtUpscalers,
        postprocessing: PostprocessingService,
        sampling: SamplingRegistry,
        models_of_extensions: BroughtModels,
    ) -> None:
        self._models = models
        self._vaes = vaes
        self._network_files = networks
        self._networks = NetworkShelf(networks, models_of_extensions.adapters)
        self._settings = settings
        self._counters = counters
        self._upscalers = upscalers
        self._sections = sections
        self._brought = brought
        self._postprocessing = postprocessing
        self._sampling = sampling
        self._plugins = plugins
        self._hooks = PaintingHooks(plugins, sections.of_plugin)
        self._texts = TextCache()
        self._tokenizer: tuple[Path, PromptTokenizer] | None = None
        self.machine = Machine(options, settings)
        self.device = self.machine.device
        self._keeper = ModelKeeper(self.machine, models, vaes, settings, tiny_decoder_folders, models_of_extensions)
        self._first_passes = FirstPassMemory()
        self._upscaler_cache = UpscalerCache(self.device, self.machine.precision().unet)
        self.outlines = OutlineReader(models, self._embedding_lengths, sampling)

    def seconds_per_step(self, checkpoint: Checkpoint, width: int, height: int) -> float:
        """Time of one guided network call, the best of three; nothing is sampled."""
        model = self._keeper.get(checkpoint.name, self._vaes.chosen(checkpoint, None))
        self._keeper.placed(model, width, height, 1)
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

    def seconds_of_current(self) -> float:
        """`seconds_per_step` of the model that the settings name, at its recommended size."""
        checkpoint = self._models.current()
        recommended = checkpoint.card.recommended
        return self.seconds_per_step(checkpoint, recommended.width, recommended.height)

    def warm_up(self) -> None:
        """Have the model that the settings name in memory before anybody asks for it."""
        checkpoint = self._models.current()
        self._keeper.get(checkpoint.name, self._vaes.chosen(checkpoint, None))

    def held(self) -> list[str]:
        """The names of the checkpoints in memory."""
        return self._keeper.held()

    def state(self) -> dict[str, Any]:
        """What this device is, and which model it has or is loading; waits for nothing."""
        reading, precision = self._keeper.reading, self.machine.precision()
        return {
            "device": self.machine.device_name,
            "precision": precision.words,
            "held": self._keeper.latest_held,
            "loading": reading.name if reading else "",
            "share": reading.share if reading else None,
        }

    def unload(self) -> None:
        """Let go of all models; not while a job runs."""
        self._let_go_but(())
        self.machine.release_memory()

    def paint(
        self,
        request: ResolvedTxt2Img | ResolvedImg2Img,
        watcher: PartWatcher,
        picture: Callable[[str], Image.Image],
        finished: frozenset[int],
        recorder: Recorder | None = None,
    ) -> Iterator[FinishedPicture]:
        """Every picture of a request that is not yet `finished`, as its sections leave it.

        `picture` gives the stored inputs by their ids.
        `recorder` wants to know how they come to be, which changes none of them.
        Where memory runs out, idle models and upscalers are let go, once, and the missing pictures are painted then.
        Raises what the task raises, and OutOfMemory.
        """
        asked = request
        if request.rng == "GPU" and self.device.type != "cuda":
            request = request.model_copy(update={"rng": "NV"})  # what it is here, and what the picture has to say
        model = partial(self._model, request, watcher)
        upscale = partial(self._upscale, watcher)
        done = set(finished)

        def attempt() -> Iterator[FinishedPicture]:
            with self._keeper.job(), JobNetworks(self._networks) as networks:
                resources = Resources(
                    model=model,
                    texts=self._texts,
                    watcher=watcher,
                    picture=picture,
                    upscale=upscale,
                    first_passes=self._first_passes,
                    preview_method=self._settings.current.show_progress_type,
                    networks=networks,
                    recorder=recorder,
                    hooks=self._hooks,
                    sampling=self._sampling.now,
                    sides=self._sides_wanted(),
                )
                for painted in _task(request, resources, frozenset(done)):
                    unfinished = {INCOMPLETE_KEY: painted.unfinished} if painted.unfinished else {}
                    took_part = self._extensions_of(resources.participants.of(painted.index))
                    infotext = self.describe(request, {**took_part, **unfinished}, index=painted.index)
                    finish = partial(self._finished_side, request, painted.index, took_part)
                    seed = request.seed_of(painted.index)
                    sides = tuple(map(finish, painted.sides))
                    finished_picture = FinishedPicture(painted.index, painted.pixels, infotext, seed, sides)
                    processed = self._sections.processed(asked, finished_picture)
                    done.add(painted.index)
                    yield processed

        try:
            yield from self._with_room(attempt, _models_of(request), watcher)
        except (RuntimeError, MemoryError) as error:
            if not ran_out_of_memory(error):
                raise
            raise OutOfMemory(
                f"{_size_of(request)} at batch size {request.batch_size} does not fit into the memory of the device. "
                "Make the picture or the batch smaller."
            ) from error
        except NetworkDamaged:
            self._let_go_but(())
            raise
        finally:
            self._count_reuse()

    def _sides_wanted(self) -> frozenset[SideKind]:
        return frozenset(kind for kind, setting in _SETTING_OF_SIDE.items() if getattr(self._settings.current, setting))

    def _extensions_of(self, plugins: Sequence[str]) -> dict[str, str]:
        """What an infotext says of the plugins that had a part in a picture."""
        words = (f"{name} {self._plugins.version(name)}".rstrip() for name in plugins)
        return {EXTENSIONS_KEY: ", ".join(words)} if plugins else {}

    def _finished_side(
        self, request: Resolved, index: int, took_part: Mapping[str, str], side: SidePicture
    ) -> FinishedSide:
        """With the parameters that make it again, where any do; else with those of its picture."""
        plain = request.model_copy(update={"sections": self._sections.unprocessed(request.sections, request.task)})
        infotext = self.describe(_request_of_side(plain, side.kind), took_part, index=index)
        return FinishedSide(side.kind, side.pixels, infotext)

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
        models = self._keeper.keep_only(needed)
        upscalers = self._upscaler_cache.clear()
        self._networks.clear()
        return models or upscalers

    def _upscale(self, watcher: Watcher, name: str, pixels: np.ndarray, width: int, height: int) -> np.ndarray:
        upscaler = self._upscaler(name)
        listener = Listener(check=watcher.check, tell=watcher.stage)
        return Enlargement(upscaler).apply(pixels, BySize(width, height), listener=listener)

    def _upscaler(self, name: str, *, accept_noncommercial: bool = False) -> Upscaler:
        entry = self._upscalers.find(name)
        if entry.plugin:
            return self._brought.get(entry, str(self.device))
        return self._upscaler_cache.get(entry, accept_noncommercial=accept_noncommercial)

    def _model(self, request: Resolved, watcher: Watcher, name: str) -> LoadedModel:
        model = self._keeper.get(name, self._vae_for(request, name), tell=watcher.stage)
        width, height = _largest_sides(request)
        return self._keeper.placed(model, width, height, request.batch_size, tell=watcher.stage)

    def _vae_for(self, request: Resolved, name: str) -> str:
        """The request's, which a checkpoint of another family cannot use."""
        families = {self._models.find(one).identity.family for one in (request.model, name)}
        return request.sd_vae if len(families) == 1 else NO_VAE

    def process(
        self, request: ExtrasRequest, pixels: np.ndarray, watcher: Watcher, *, most: int
    ) -> Iterator[ProcessedPicture]:
        """Every picture that a chain of Extras makes of one, (height, width, 3 or 4) uint8; at most `most`.

        Raises what `pipeline.extras.process` raises, OutOfMemory, and InvalidRequest for a step that is not there.
        """
        self._postprocessing.check_there(request)
        tools = self._extras_tools(request, watcher)
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

    def _extras_tools(self, request: ExtrasRequest, watcher: Watcher) -> ExtrasTools:
        accept_noncommercial = request.accept_noncommercial

        def upscaler(name: str) -> Upscaler:
            return self._upscaler(name, accept_noncommercial=accept_noncommercial)

        def face_restorer(name: str) -> FaceRestorer:
            path = restorer_file(name, self._upscalers.models)
            return FaceRestorer(name, self._upscaler_cache.network(path, accept_noncommercial=accept_noncommercial))

        def detector() -> FaceDetector:
            return face_detector(yunet_file(*self._upscalers.models))

        def steps(moment: Moment, pixels: np.ndarray) -> tuple[np.ndarray, Mapping[str, str]]:
            return self._postprocessing.carried_out(request, moment, pixels, watcher, str(self.device))

        return ExtrasTools(upscaler, face_restorer, detector, steps)

    def count_tokens(self, prompt: str) -> TokenCount:
        """How many tokens a prompt has for the model that the settings name, and how many its chunks hold.

        Reads that model's tokenizer alone: a job that runs with another model keeps its memory.
        """
        checkpoint = self._models.current()
        if self._tokenizer is None or self._tokenizer[0] != checkpoint.path:
            self._tokenizer = (checkpoint.path, read_tokenizer(checkpoint.path))
        return count_tokens(self._tokenizer[1], prompt, self._embedding_lengths(prompt, checkpoint.identity.family))

    def _embedding_lengths(self, text: str, family: str | None) -> dict[str, int]:
        """Of how many vectors the embeddings in a text are, by their names; those of other families are left out."""
        found = self._networks.embeddings(text).items()
        return {name: one.length for name, one in found if one.family in (None, family) or family is None}

    def _count_reuse(self) -> None:
        reuse = self._texts.take_reuse()
        try:
            self._counters.add({TEXTS_FOUND: reuse.found, TEXTS_ENCODED: reuse.encoded})
        except (UserError, sqlite3.Error):
            log.warning("The counters could not be written", exc_info=True)  # no reason to lose a picture

    def describe(self, request: Resolved, further: Mapping[str, str], *, index: int = 0) -> str:
        """The infotext of a picture of a request, with `further` parameters."""
        return write_infotext(
            request,
            index=index,
            model_hash=self._told(lambda: self._models.hash_of(request.model)),
            vae_hash=self._told(lambda: self._vaes.hash_of(request.sd_vae)),
            precision=self._told(lambda: self._keeper.precision(self._models.find(request.model)).words),
            attention=self.machine.attention(self.machine.precision().unet).kind,
            further={**self._network_files.hashes(request, index), **self._sections.parameters(request), **further},
        )

    def _told(self, tell: Callable[[], str]) -> str:
        """What is known of a file; nothing where it went away or its hash takes too long for somebody who stops the
        job, which is no reason to lose a picture."""
        try:
            return tell()
        except (Interrupted, Skipped):
            return ""
        except (UserError, OSError):
            log.warning("A picture's text is without something that went away", exc_info=True)
            return ""


def _task(
    request: ResolvedTxt2Img | ResolvedImg2Img, resources: Resources, finished: frozenset[int]
) -> Iterator[PaintedPicture]:
    if isinstance(request, ResolvedTxt2Img):
        return txt2img(request, resources, finished=finished)
    return img2img(request, resources, finished=finished)


def _request_of_side(request: Resolved, kind: SideKind) -> Resolved:
    """What makes a side picture by itself."""
    if kind == "before-color-correction":
        return request.model_copy(update={"img2img_color_correction": False})
    if kind == "before-highres-fix" and isinstance(request, ResolvedTxt2Img):
        refiner = refiner_of(request, "first pass")
        return request.model_copy(update={"enable_hr": False, "refiner_checkpoint": refiner})
    return request


def _models_of(request: ResolvedTxt2Img | ResolvedImg2Img) -> set[str]:
    """The names of the checkpoints that a request is painted with."""
    names = {request.model, request.refiner_checkpoint}
    if isinstance(request, ResolvedTxt2Img) and request.enable_hr:
        names.add(request.hr_checkpoint_name)
    return {name for name in names if name}


def _largest_sides(request: Resolved) -> tuple[int, int]:
    """Width and height of the larger pass."""
    if isinstance(request, ResolvedTxt2Img) and request.enable_hr:
        return second_pass_sides(request, request.width, request.height)
    return request.width, request.height


def _size_of(request: ResolvedTxt2Img | ResolvedImg2Img) -> str:
    """The sizes that are painted at once, in words."""
    first = f"{request.width} x {request.height}"
    if not (isinstance(request, ResolvedTxt2Img) and request.enable_hr):
        return first
    width, height = _largest_sides(request)
    return f"{first} with a second pass at {width} x {height}"
