"""Keeps the models that were used last in memory, as many as a budget of bytes holds.

On a graphics card with a memory of its own there are two budgets: what does not fit onto the card waits in the
computer's memory, from which it comes back in a fraction of the time that its file would take.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import torch

from modules.checkpoints.loaded import LoadedModel
from modules.checkpoints.registry import Checkpoint
from modules.errors import OutOfMemory

_SHARE_OF_COMPUTER = 0.5
_SHARE_OF_CARD = 0.75
"""The rest is for the numbers between the layers, which grow with the picture."""


@dataclass(frozen=True)
class ModelLoader:
    """How models come into memory."""

    load: Callable[[Checkpoint, Path | None], LoadedModel]
    """A checkpoint with the VAE of a file, or with its own. Raises UserErrors."""
    load_vae: Callable[[Checkpoint, Path | None], Any]
    """The VAE of a file by itself, or the checkpoint's own, for a checkpoint that is loaded already."""
    needed: Callable[[Checkpoint, Path | None], int]
    """How many bytes the loaded model will take, told from its files' headers."""
    rest: Callable[[LoadedModel, Iterable[LoadedModel]], object]
    """Move a model that is not needed for now into the computer's memory, but for what some others hold too.

    Whoever runs it next brings it back.
    """
    form: Callable[[Checkpoint], Hashable]
    """How a checkpoint would be loaded now: number formats and the like. Another one means another model."""


@dataclass(frozen=True)
class MemoryBudget:
    """How many bytes of models may be kept where they run, and how many may wait in the computer's memory."""

    running: int
    waiting: int = 0
    most: int = 0
    """How many models may be kept in all, whatever they take; 0: any number."""

    @staticmethod
    def of(device: torch.device, gibibytes: float = 0.0, most: int = 0) -> MemoryBudget:
        """What a device allows by itself; a number of gibibytes is put in the place of the computer's share."""
        computer = int(gibibytes * 2**30) or int(psutil.virtual_memory().total * _SHARE_OF_COMPUTER)
        if device.type != "cuda":
            return MemoryBudget(computer, most=most)
        card = int(torch.cuda.get_device_properties(device).total_memory * _SHARE_OF_CARD)
        return MemoryBudget(card, computer, most)

    def allows(self, models: int) -> bool:
        """Whether so many may be kept."""
        return not self.most or models <= self.most


@dataclass(frozen=True)
class Key:
    """What a loaded model was made of."""

    place: tuple[str, Path]
    """Name and path: another state of the same place takes the place of this one."""
    state: Hashable
    """Of the checkpoint's files, and how they were loaded."""
    vae: Hashable
    """State of the VAE's file that was put into it; None for its own."""

    def is_twin_of(self, other: Key) -> bool:
        """Whether they differ in their VAE at most."""
        return (self.place, self.state) == (other.place, other.state)


class ModelCache:
    """The loaded models that were used last; fewer where memory was too short to load beside them.

    Models that hold the same network, such as one VAE, count it once. The latest one is kept whatever it takes. Whether
    there is room to paint beside them is for the caller to see, who then lets the others go.
    """

    def __init__(self, loader: ModelLoader, budget: Callable[[], MemoryBudget]) -> None:
        self._loader = loader
        self._budget = budget
        self._lock = threading.Lock()
        self._running: OrderedDict[Key, LoadedModel] = OrderedDict()
        self._waiting: OrderedDict[Key, LoadedModel] = OrderedDict()
        self._needed: set[Key] | None = None

    @contextmanager
    def job(self) -> Iterator[None]:
        """Within it the models that were asked for stay where they are: the job still works with them."""
        with self._lock:
            self._needed = set()
        try:
            yield
        finally:
            with self._lock:
                self._needed = None

    def holds(self, checkpoint: Checkpoint, vae: Path | None = None) -> bool:
        """Whether `get` would answer without reading more than a VAE."""
        key = self._key(checkpoint, vae)
        return any(own.is_twin_of(key) for own in (*self._running, *self._waiting))

    def get(self, checkpoint: Checkpoint, vae: Path | None = None) -> LoadedModel:
        """The model of a checkpoint, loaded if need be, with the VAE of a file or its own; callers take turns.

        Raises as loading does.
        """
        with self._lock:
            key = self._key(checkpoint, vae)
            if (model := self._waiting.pop(key, None)) is not None:
                self._make_room(bytes_of([model]))
                self._running[key] = model
            if key not in self._running:
                self._running[key] = self._made(checkpoint, vae, key)
            self._running.move_to_end(key)
            if self._needed is not None:
                self._needed.add(key)
            self._make_room(0)
            return self._running[key]

    def held(self) -> set[str]:
        """The names of the checkpoints in memory."""
        with self._lock:
            return {key.place[0] for key in (*self._running, *self._waiting)}

    def keep_only(self, checkpoints: Iterable[Checkpoint]) -> bool:
        """Let go of all other models; whether there were any."""
        kept = {_place(checkpoint) for checkpoint in checkpoints}
        with self._lock:
            others = [
                (shelf, key) for shelf in (self._running, self._waiting) for key in shelf if key.place not in kept
            ]
            for shelf, key in others:
                del shelf[key]
            return bool(others)

    def rest_idle(self) -> bool:
        """Let all models go, or wait, that the running job has not asked for; whether there were any."""
        with self._lock:
            before = len(self._running)
            self._make_room(self._budget().running + 1)
            return len(self._running) < before

    def _made(self, checkpoint: Checkpoint, vae: Path | None, key: Key) -> LoadedModel:
        """A model that is not kept: one that is but for its VAE is given another, others are loaded."""
        for shelf in (self._running, self._waiting):
            if (twin := next((own for own in shelf if own.is_twin_of(key)), None)) is not None:
                return replace(shelf[twin], vae=self._loader.load_vae(checkpoint, vae))
            for own in [own for own in shelf if own.place == key.place]:  # nobody can ask for an earlier state again
                del shelf[own]
        self._make_room(self._loader.needed(checkpoint, vae))
        return self._loaded(checkpoint, vae)

    def _key(self, checkpoint: Checkpoint, vae: Path | None) -> Key:
        """The same weights under the same name; a card may change without a reload."""
        told = None if vae is None else vae.stat()
        return Key(
            _place(checkpoint),
            (checkpoint.weights_state, self._loader.form(checkpoint)),
            None if told is None else (str(vae), told.st_size, told.st_mtime_ns),
        )

    def _loaded(self, checkpoint: Checkpoint, vae: Path | None) -> LoadedModel:
        """The model, beside the others where memory allows it; else they are let go and it is loaded once more."""
        if self._running or self._waiting:
            # What the failed attempt had in memory lives as long as its exception, so the next one comes after it.
            with suppress(OutOfMemory):
                return self._loader.load(checkpoint, vae)
            self._running.clear()
            self._waiting.clear()
        return self._loader.load(checkpoint, vae)

    def _make_room(self, needed: int) -> None:
        """Let the models that were not used for longest go, or wait, until another one of so many bytes fits.

        With nothing needed the latest one stays, and those of a running job always do.
        """
        budget, new = self._budget(), int(needed > 0)
        latest = next(reversed(self._running), None) if not needed else None
        idle = [key for key in self._running if key not in (self._needed or ()) and key != latest]
        for key in idle:
            if bytes_of(self._running.values()) + needed <= budget.running and budget.allows(len(self._running) + new):
                break
            model = self._running.pop(key)
            if budget.waiting:
                self._loader.rest(model, self._running.values())
                self._waiting[key] = model
        while self._waiting and not (
            bytes_of(self._waiting.values()) <= budget.waiting
            and budget.allows(len(self._running) + len(self._waiting) + new)
        ):
            self._waiting.popitem(last=False)


def bytes_of(models: Iterable[LoadedModel]) -> int:
    """What the weights of some models take together."""
    tensors = {
        id(tensor): tensor.numel() * tensor.element_size()
        for network in _networks_of(models).values()
        for tensor in (*network.parameters(), *network.buffers())
    }
    return sum(tensors.values())


def _networks_of(models: Iterable[LoadedModel]) -> dict[int, Any]:
    """Each network once, by its identity."""
    return {
        id(network): network
        for model in models
        for network in (model.unet, model.vae, *(encoder.network for encoder in model.text_encoders))
    }


def _place(checkpoint: Checkpoint) -> tuple[str, Path]:
    return checkpoint.name, checkpoint.path
