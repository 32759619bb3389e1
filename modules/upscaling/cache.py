"""Keeps the upscalers that were used last in memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from spandrel import ImageModelDescriptor

from modules.diffusion.memory import ran_out_of_memory
from modules.errors import OutOfMemory
from modules.upscaling.model_files import load_network
from modules.upscaling.registry import NEAREST, UpscalerEntry
from modules.upscaling.upscaler import ModelUpscaler, PillowUpscaler, Upscaler

Key = tuple[Path, int, int, bool]


class UpscalerCache:
    """Loads upscalers onto one device, and keeps the `kept` networks that were asked for last."""

    def __init__(self, device: torch.device, dtype: torch.dtype, *, kept: int = 2) -> None:
        self._device = device
        self._dtype = dtype
        self._kept = kept
        self._lock = threading.Lock()
        self._networks: OrderedDict[Key, ImageModelDescriptor[Any]] = OrderedDict()

    def get(self, entry: UpscalerEntry, *, accept_noncommercial: bool = False) -> Upscaler:
        """The upscaler of an entry, loaded if need be; "None" resamples like "Lanczos".

        Raises UnsupportedModel, BrokenModel, OutOfMemory.
        """
        if entry.path is None:
            nearest = entry.name == NEAREST
            return PillowUpscaler(entry.name, Image.Resampling.NEAREST if nearest else Image.Resampling.LANCZOS)
        return ModelUpscaler(entry.name, self.network(entry.path, accept_noncommercial=accept_noncommercial))

    def network(self, path: Path, *, accept_noncommercial: bool = False) -> ImageModelDescriptor[Any]:
        """The network of a file, loaded if need be; callers take turns. Raises what `get` raises."""
        with self._lock:
            state = path.stat()
            key = path, state.st_size, state.st_mtime_ns, accept_noncommercial
            if key not in self._networks:
                loaded = load_network(path, accept_noncommercial=accept_noncommercial)
                while len(self._networks) >= self._kept:
                    self._networks.popitem(last=False)
                try:
                    self._networks[key] = loaded.to(self._device, fitting_dtype(loaded, self._dtype)).eval()
                except (RuntimeError, MemoryError) as error:
                    if not ran_out_of_memory(error):
                        raise
                    raise OutOfMemory(
                        f"There is too little memory for the upscaler {path.name}. Close other programs, or choose a "
                        "smaller one."
                    ) from error
            self._networks.move_to_end(key)
            return self._networks[key]

    def clear(self) -> bool:
        """Let go of every network; whether there were any."""
        with self._lock:
            held = bool(self._networks)
            self._networks.clear()
            return held


def fitting_dtype(network: ImageModelDescriptor[Any], wanted: torch.dtype) -> torch.dtype:
    """The wanted number format where the network can be run in it, else float32."""
    able = {torch.float16: network.supports_half, torch.bfloat16: network.supports_bfloat16}
    return wanted if able.get(wanted, True) else torch.float32
