"""Models in memory, as requests name them: with their VAE, in the right number format, where a memory plan wants them.

Everything that is decided about how a model is held is decided here, by the policies of `checkpoints`.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from modules.checkpoints.cache import MemoryBudget, ModelCache, ModelLoader
from modules.checkpoints.identification import Family
from modules.checkpoints.loaded import LoadedModel
from modules.checkpoints.loading import load_checkpoint, load_vae
from modules.checkpoints.network_part import SharedParts
from modules.checkpoints.offloading import Offloader
from modules.checkpoints.precision import PrecisionPlan, store_weights
from modules.checkpoints.reading_progress import counted
from modules.checkpoints.registry import Checkpoint
from modules.checkpoints.tiny_decoder import TinyDecoder, find_tiny_decoder, load_tiny_decoder
from modules.checkpoints.weights_header import read_header
from modules.config.settings import SettingsStore
from modules.diffusion.attention import set_attention
from modules.errors import UserError
from modules.schema.requests import NO_VAE
from modules.services.brought_models import BroughtModels
from modules.services.family_reading import reader_of
from modules.services.machine import Machine
from modules.services.models import ModelService
from modules.services.vaes import VaeService

log = logging.getLogger(__name__)

_ROOM_TO_WORK = 1.5
"""So many times its weights a model needs at most to work at usual sizes."""

Tell = Callable[[str], object]


@dataclass
class Reading:
    """A checkpoint on its way into memory."""

    name: str
    total: int
    """Bytes of its files, of which not all need be read."""
    done: int = 0

    def add(self, count: int) -> None:
        """So many bytes more are there."""
        self.done += count

    @property
    def share(self) -> float:
        """How far it is, from 0 to 1."""
        return min(1.0, self.done / self.total) if self.total else 0.0


class ModelKeeper:
    """Loads models and keeps those that were used last; one job runs at a time."""

    def __init__(
        self,
        machine: Machine,
        models: ModelService,
        vaes: VaeService,
        settings: SettingsStore,
        tiny_decoder_folders: tuple[Path, ...],
        brought: BroughtModels,
    ) -> None:
        self._machine = machine
        self._models = models
        self._vaes = vaes
        self._settings = settings
        self._tiny_decoder_folders = tiny_decoder_folders
        self._brought = brought
        self._shared = SharedParts(
            lambda path, name, compute: models.remembered(path, f"digest of the {name}", compute)
        )
        self._offloader = Offloader(machine.device)
        loader = ModelLoader(self._load, self._load_vae, self._needed, self._offloader.rest, self._form)
        self._cache = ModelCache(loader, self._budget)
        self._reading: Reading | None = None
        self._held: list[str] = []

    @property
    def reading(self) -> Reading | None:
        """The checkpoint that is being loaded now, if any; waits for nothing."""
        return self._reading

    @property
    def latest_held(self) -> list[str]:
        """What `held` said when a model was asked for last; waits for nothing."""
        return self._held

    @contextmanager
    def job(self) -> Iterator[None]:
        """Within it the models that were asked for stay in memory."""
        with self._cache.job():
            yield

    def get(self, name: str, sd_vae: str = NO_VAE, *, tell: Tell = lambda text: None) -> LoadedModel:
        """The checkpoint of a name with the VAE of a name. Raises ModelNotFound, UnsupportedModel, BrokenModel."""
        checkpoint = self._models.find(name)
        vae = None if sd_vae == NO_VAE else self._vaes.find(sd_vae).path
        if not self._cache.holds(checkpoint, vae):
            tell(f"Loading the model {checkpoint.name}")
        try:
            return self._cache.get(checkpoint, vae)
        finally:
            self._held = self.held()

    def placed(
        self, model: LoadedModel, width: int, height: int, batch: int, *, tell: Tell = lambda text: None
    ) -> LoadedModel:
        """A model where its memory plan wants it; `tell` hears of a plan that costs time."""
        plan = self._machine.memory(model, width, height, batch)
        if plan.mode != "resident" and self._cache.rest_idle():
            plan = self._machine.memory(model, width, height, batch)
        if plan.mode != self._offloader.mode_of(model) and plan.mode != "resident":
            tell(f"{plan.reason} So {plan.words.partition(': ')[2]}.")
        self._offloader.place(model, plan.mode)
        return model

    def precision(self, checkpoint: Checkpoint) -> PrecisionPlan:
        """The number formats of a checkpoint's parts, and why. Raises InvalidSetting."""
        return self._machine.precision(_family_of(checkpoint))

    def held(self) -> list[str]:
        """The names of the checkpoints in memory."""
        return sorted(self._cache.held())

    def keep_only(self, names: Iterable[str]) -> bool:
        """Let go of all models but those; whether there were any."""
        let_go = self._cache.keep_only([self._models.find(name) for name in names])
        self._held = self.held()
        return let_go

    def _form(self, checkpoint: Checkpoint) -> Hashable:
        plan = self.precision(checkpoint)
        return replace(plan, reason=""), self._machine.attention(plan.unet).kind

    def _budget(self) -> MemoryBudget:
        settings = self._settings.current
        return MemoryBudget.of(self._machine.device, settings.model_memory_gib, settings.sd_checkpoints_limit)

    def _load(self, checkpoint: Checkpoint, vae: Path | None) -> LoadedModel:
        started = time.monotonic()
        plan = self.precision(checkpoint)
        attention = self._machine.attention(plan.unet).kind
        with self._read_by_others(checkpoint):
            model = load_checkpoint(
                checkpoint,
                device=self._first_device(checkpoint, vae),
                dtype=plan.unet,
                attention=attention,
                vae_dtype=plan.vae,
                text_dtype=plan.text_encoders,
                vae=vae,
                shared=self._shared,
                reader=reader_of(checkpoint, self._brought),
            )
        if plan.full_attention:
            set_attention(model.unet, attention, full=True)
        store_weights(model.unet, plan)
        log.info("Loaded %s in %.1f s (%s)", checkpoint.name, time.monotonic() - started, plan.words)
        return replace(model, device=self._machine.device, tiny_decoder=self._tiny_decoder(model))

    @contextmanager
    def _read_by_others(self, checkpoint: Checkpoint) -> Iterator[None]:
        """Within it other threads see how far the loading is."""
        self._reading = Reading(checkpoint.name, sum(size for _, size, *_ in checkpoint.weights_state))
        try:
            with counted(self._reading.add):
                yield
        finally:
            self._reading = None

    def _first_device(self, checkpoint: Checkpoint, vae: Path | None) -> torch.device:
        """Where a model is loaded to: the computer's memory, unless it is sure to stay on the card as a whole."""
        device = self._machine.device
        if device.type != "cuda":
            return device
        free, _ = torch.cuda.mem_get_info(device)
        fits = self._machine.plans_freely and self._needed(checkpoint, vae) * _ROOM_TO_WORK < free
        return device if fits else torch.device("cpu")

    def _load_vae(self, checkpoint: Checkpoint, vae: Path | None) -> Any:
        reader = None
        if vae is None:
            vae = checkpoint.path / "vae" if checkpoint.path.is_dir() else checkpoint.path
            reader = reader_of(checkpoint, self._brought)
        family, plan = _family_of(checkpoint), self.precision(checkpoint)
        device = self._machine.device
        return load_vae(vae, family=family, device=device, dtype=plan.vae, shared=self._shared, reader=reader)

    def _needed(self, checkpoint: Checkpoint, vae: Path | None) -> int:
        size = self.precision(checkpoint).unet.itemsize
        paths = [Path(path) for path, *_ in checkpoint.weights_state]
        numbers = (math.prod(info.shape) for path in paths for info in read_header(path).tensors.values())
        return size * sum(numbers)

    def _tiny_decoder(self, model: LoadedModel) -> TinyDecoder | None:
        path = find_tiny_decoder(self._tiny_decoder_folders, model.family)
        if path is None:
            return None
        try:
            place = partial(load_tiny_decoder, device=self._machine.device, dtype=torch.float32)
            return place(path, channels=model.latent_channels)
        except (UserError, OSError) as error:
            log.warning("Previews do without %s: %s", path.name, error)
            return None


def _family_of(checkpoint: Checkpoint) -> Family:
    """Whether one can be run, loading it will tell."""
    return checkpoint.identity.family or "sd1"
