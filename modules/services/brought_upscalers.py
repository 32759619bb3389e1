"""The image upscalers that extensions bring, as those that the program has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modules.errors import PluginFailed
from modules.hooks import ImageUpscaler, Plugins, UpscaleContext
from modules.hooks.upscaler_contributions import upscalers_of
from modules.imaging.resizing import lanczos
from modules.upscaling.listener import SILENT, Listener
from modules.upscaling.registry import UpscalerEntry, UpscalerRegistry

if TYPE_CHECKING:
    from modules.upscaling.tiling import Tiling


class BroughtUpscalers:
    """The upscalers of all plugins at work, by their names."""

    def __init__(self, plugins: Plugins, known: UpscalerRegistry) -> None:
        """A plugin that brings a name which `known` has is left out."""
        taken = [name for entry in known.all() for name in (entry.name, *entry.aliases)]
        self._plugins = plugins
        self._found = {row.name: (plugin, row) for plugin, row in upscalers_of(plugins, taken)}

    def entries(self) -> list[UpscalerEntry]:
        """What can be asked for; nothing of a plugin that was left out since."""
        at_work = self._plugins.names
        return [UpscalerEntry(name, plugin=plugin) for name, (plugin, _) in self._found.items() if plugin in at_work]

    def get(self, entry: UpscalerEntry, device: str) -> BroughtUpscaler:
        """The upscaler of an entry that has a plugin; its networks are to compute on `device`."""
        plugin, upscaler = self._found[entry.name]
        return BroughtUpscaler(plugin, upscaler, device)


class BroughtUpscaler:
    """One upscaler of a plugin (upscaling.Upscaler)."""

    def __init__(self, plugin: str, upscaler: ImageUpscaler, device: str) -> None:
        self.name = upscaler.name
        self._plugin = plugin
        self._upscaler = upscaler
        self._device = device

    def upscale(
        self,
        pixels: np.ndarray,
        width: int,
        height: int,
        *,
        tiling: Tiling | None = None,
        listener: Listener = SILENT,
    ) -> np.ndarray:
        """The picture in that size; tiles are the plugin's own affair. Raises PluginFailed, and what stops it."""
        from modules.pipeline.pass_hooks import blaming  # with torch, which the server does without

        listener.check()
        context = UpscaleContext(
            width=width,
            height=height,
            device=self._device,
            check=listener.check,
            stage=listener.tell,
            progress=listener.progress,
        )
        with blaming(lambda error: self._failed(f"{type(error).__name__}: {error}")):
            made = self._upscaler.upscale(pixels[..., :3].copy(), context)
        result = self._sized(made, width, height)
        if pixels.shape[2] == 4:
            result = np.dstack([result, lanczos(pixels[..., 3], width, height)])
        listener.progress(1)
        return result

    def _sized(self, made: object, width: int, height: int) -> np.ndarray:
        if not isinstance(made, np.ndarray):
            raise self._failed(f"it gave {type(made).__name__} in the place of a picture")
        if made.dtype != np.uint8 or made.ndim != 3 or made.shape[2] != 3 or not made.size:
            raise self._failed(f"it gave {made.dtype} {made.shape} in the place of uint8 (height, width, 3)")
        return made if made.shape[:2] == (height, width) else lanczos(made, width, height)

    def _failed(self, problem: str) -> PluginFailed:
        return PluginFailed(
            f"Upscaler {self.name!r} of the extension {self._plugin} failed ({problem}). "
            "Choose another one, or tell whoever wrote it."
        )
