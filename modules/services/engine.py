"""The part of the services that needs torch; imported by the worker's thread, after the page is up."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from modules.checkpoints.cache import ModelCache
from modules.checkpoints.device import choose_device, choose_dtype
from modules.checkpoints.diffusers_folder import load_folder, read_tokenizer
from modules.checkpoints.loaded import LoadedModel
from modules.checkpoints.prompt_tokenizer import PromptTokenizer
from modules.checkpoints.registry import Checkpoint
from modules.config.settings import SettingsStore
from modules.diffusion.attention import choose_attention
from modules.diffusion.conditioning import TextConditioning
from modules.errors import OutOfMemory, StorageFull
from modules.imaging.encoding import encode_png, encode_preview
from modules.pipeline.conditioning import count_tokens
from modules.pipeline.text_cache import TextCache
from modules.pipeline.txt2img import PaintedPicture, txt2img
from modules.prompt.chunks import TokenCount
from modules.schema.events import JobEvent, Preview, Progress, Stage
from modules.schema.infotext import write_infotext
from modules.schema.requests import ResolvedTxt2Img
from modules.services.counters import TEXTS_ENCODED, TEXTS_FOUND, Counters
from modules.services.models import ModelService
from modules.services.options import EngineOptions

log = logging.getLogger(__name__)

_SECONDS_BETWEEN_PREVIEWS = 0.2


class Engine:
    """Runs requests on this machine's device, with one model in memory."""

    def __init__(
        self, models: ModelService, settings: SettingsStore, options: EngineOptions, counters: Counters
    ) -> None:
        self._models = models
        self._settings = settings
        self._options = options
        self._counters = counters
        self._texts = TextCache()
        self._tokenizer: tuple[Path, PromptTokenizer] | None = None
        self.device = choose_device(use_cpu=options.use_cpu)
        self.dtype = choose_dtype(options.precision, self.device)
        self._cache = ModelCache(self._load)

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
            width_of_text = int(model.text_encoder.config.hidden_size)
            conditioning = TextConditioning(torch.zeros(2, 77, width_of_text, device=self.device))
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

    def run_txt2img(
        self,
        request: ResolvedTxt2Img,
        job_id: str,
        send: Callable[[JobEvent], None],
        check_interrupt: Callable[[], None],
        finished: frozenset[int],
    ) -> Iterator[tuple[int, bytes, str]]:
        """Index, PNG and infotext of every picture that is not yet `finished`, with events sent on the way."""
        if request.rng == "GPU" and self.device.type != "cuda":
            request = request.model_copy(update={"rng": "NV"})  # what it is here, and what the picture has to say
        settings = self._settings.current
        every = settings.show_progress_every_n_steps if settings.live_previews_enable else None
        reporter = Reporter(job_id, send, check_interrupt, preview_every=every)
        checkpoint = self._models.find(request.model)
        if not self._cache.holds(checkpoint):
            reporter.stage(f"Loading the model {checkpoint.name}")
        model = self._cache.get(checkpoint)
        try:
            for painted in txt2img(request, model, reporter, self._texts, finished=finished):
                yield self._encoded(request, model, painted)
        except torch.OutOfMemoryError as error:
            raise OutOfMemory(
                f"{request.width} x {request.height} x batch size {request.batch_size} does not fit into the memory of "
                "the device. Make the picture or the batch smaller."
            ) from error
        finally:
            self._count_reuse()

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

    def _encoded(self, request: ResolvedTxt2Img, model: LoadedModel, painted: PaintedPicture) -> tuple[int, bytes, str]:
        infotext = write_infotext(
            request,
            index=painted.index,
            model_hash=model.hash,
            precision=str(self.dtype).removeprefix("torch."),
            attention=self.attention,
        )
        return painted.index, encode_png(painted.pixels, infotext), infotext

    def _load(self, checkpoint: Checkpoint) -> LoadedModel:
        started = time.monotonic()
        model = load_folder(
            checkpoint,
            device=self.device,
            dtype=self.dtype,
            attention=choose_attention(self.attention, self.device),
        )
        log.info("Loaded %s in %.1f s", checkpoint.name, time.monotonic() - started)
        return model


class Reporter:
    """Turns what a task tells into events of its job, and passes an interrupt on to it (a pipeline Watcher)."""

    def __init__(
        self,
        job_id: str,
        send: Callable[[JobEvent], None],
        check_interrupt: Callable[[], None],
        *,
        preview_every: int | None,
    ) -> None:
        self._job_id = job_id
        self._send = send
        self._check_interrupt = check_interrupt
        self._preview_every = preview_every
        self._sampling_since = time.monotonic()
        self._last_preview = float("-inf")

    def check(self) -> None:
        """Stop the job if somebody wants that."""
        self._check_interrupt()

    def stage(self, text: str) -> None:
        """Tell that the job does something without steps."""
        self._check_interrupt()
        self._send(Stage(job_id=self._job_id, text=text))
        self._sampling_since = time.monotonic()

    def step(self, done: int, total: int, preview: Callable[[], torch.Tensor]) -> None:
        """Tell that one more step is over, with a preview if one is due."""
        self._check_interrupt()
        now = time.monotonic()
        seconds_left = (now - self._sampling_since) / done * (total - done)
        self._send(Progress(job_id=self._job_id, step=done, steps=total, seconds_left=seconds_left))
        if self._preview_is_due(done, now):
            self._last_preview = now
            jpeg = encode_preview(preview().numpy(), scale=8)
            self._send(Preview(job_id=self._job_id, jpeg=jpeg, step=done))

    def _preview_is_due(self, done: int, now: float) -> bool:
        every = self._preview_every
        return every is not None and done % every == 0 and now - self._last_preview >= _SECONDS_BETWEEN_PREVIEWS
