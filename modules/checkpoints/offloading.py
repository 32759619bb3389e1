"""Puts the parts of models where a memory plan wants them: they come to the device when they are called."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Iterable
from typing import Any

import torch
from diffusers.hooks import HookRegistry

from modules.checkpoints.loaded import LoadedModel
from modules.checkpoints.memory_plan import MemoryMode

_REST = torch.device("cpu")
_STREAMING = ("group_offloading", "layer_execution_tracker", "lazy_prefetch_group_offloading")
"""diffusers' hooks for streaming; it has no call of its own that takes them off."""

Move = Callable[[torch.nn.Module, torch.device], object]


class Offloader:
    """Places the models of one device. Of parts in the mode "balanced" one is on the device, whichever model's it is.

    Parts that several models share are placed once, as the last model wants them. A picture is the same in every mode,
    bit for bit: weights are moved, never changed.
    """

    def __init__(self, device: torch.device, move: Move | None = None) -> None:
        """`move` brings a part to a device; given in tests."""
        self._device = device
        self._move = move or (lambda part, device: part.to(device))
        self._modes: weakref.WeakKeyDictionary[torch.nn.Module, MemoryMode] = weakref.WeakKeyDictionary()
        self._inside: weakref.ref[torch.nn.Module] | None = None
        self._lock = threading.RLock()

    def place(self, model: LoadedModel, mode: MemoryMode) -> None:
        """Have a model's parts where a mode wants them; nothing happens to those that are there already.

        To be called between jobs. Raises torch.OutOfMemoryError where "resident" does not fit.
        """
        encoders = [encoder.network for encoder in model.text_encoders]
        with self._lock:
            for part in (*encoders, model.vae):
                self._place(part, "balanced" if mode == "streamed" else mode)
            self._place(model.unet, mode)

    def rest(self, model: LoadedModel, keeping: Iterable[LoadedModel] = ()) -> None:
        """Have a model that is not needed for now in the computer's memory, without hooks; `place` brings it back.

        Parts that the models in `keeping` hold too stay where and as they are.
        """
        with self._lock:
            kept = {id(part) for other in keeping for part in _parts(other)}
            for part in (part for part in _parts(model) if id(part) not in kept):
                self._free(part)
                self._move(part, _REST)

    def mode_of(self, model: LoadedModel) -> MemoryMode:
        """Where the model's network was placed; "resident" for one that never was."""
        return self._modes.get(model.unet, "resident")

    def enter(self, part: torch.nn.Module) -> None:
        """Make room for a part that is about to compute, and bring it in unless it is streamed; for the hooks."""
        with self._lock:
            inside = None if self._inside is None else self._inside()
            if inside is part:
                return
            if inside is not None and self._modes.get(inside) == "balanced":
                self._move(inside, _REST)
            self._inside = None
            if self._modes.get(part) == "balanced":
                self._move(part, self._device)
                self._inside = weakref.ref(part)

    def _place(self, part: Any, mode: MemoryMode) -> None:
        if self._modes.get(part, "") == mode:
            if mode == "balanced" and (self._inside is None or self._inside() is not part):
                self._move(part, _REST)  # somebody may have moved it since
            return
        self._free(part)
        if mode == "resident":
            self._move(part, self._device)
        else:
            self._move(part, _REST)
            if mode == "streamed":
                _stream(part, self._device)
            _Entering(self, self._device).put_on(part)
        self._modes[part] = mode

    def _free(self, part: Any) -> None:
        """Take off what an earlier mode put on."""
        before = self._modes.pop(part, "resident")
        if before == "resident":
            return
        _Entering.take_off(part)
        if before == "streamed":
            _stop_streaming(part)
        if self._inside is not None and self._inside() is part:
            self._inside = None


class _Entering:
    """Tells the offloader that a part is about to compute: forward, and encode and decode of a VAE.

    A part does not hold itself by it, as it would by accelerate's hooks, and so goes when its last model does.
    """

    def __init__(self, offloader: Offloader, device: torch.device) -> None:
        self._offloader = weakref.ref(offloader)
        self.execution_device = device
        """Read by `runs_on`, and by diffusers."""
        self._handle: Any = None

    def put_on(self, part: Any) -> None:
        """Have a part call this; the attribute is the one that diffusers' VAEs look for."""
        self._handle = part.register_forward_pre_hook(lambda module, given: self.pre_forward(module))
        part._hf_hook = self

    @staticmethod
    def take_off(part: Any) -> None:
        """Undo `put_on`."""
        part._hf_hook._handle.remove()
        del part._hf_hook

    def pre_forward(self, part: torch.nn.Module) -> None:
        """Called before a part computes."""
        if (offloader := self._offloader()) is not None:
            offloader.enter(part)


def _stream(network: Any, device: torch.device) -> None:
    """Layers one by one; on a card the next one is on its way while one computes."""
    network.enable_group_offload(
        onload_device=device, offload_device=_REST, offload_type="leaf_level", use_stream=device.type == "cuda"
    )


def _stop_streaming(network: Any) -> None:
    """Take the hooks off, and all by which diffusers has each layer hold itself, so that its memory goes with it."""
    hooks = HookRegistry.check_if_exists_or_initialize(network)
    for name in _STREAMING:
        hooks.remove_hook(name, recurse=True)
    for layer in network.modules():
        if getattr(layer.__dict__.get("forward"), "__func__", None) is type(layer).forward:
            del layer.forward
        registry = layer.__dict__.get("_diffusers_hook")
        if registry is not None and not registry.hooks:
            del layer._diffusers_hook
    gc.collect()  # hooks that are off, some since the first step, hold themselves, and layers


def _parts(model: LoadedModel) -> list[Any]:
    return [*(encoder.network for encoder in model.text_encoders), model.unet, model.vae]
