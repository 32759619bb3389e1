"""The seam between the services and torch, which takes seconds to import: the page must not wait for it."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modules.config.settings import SettingsStore
from modules.hooks import Plugins
from modules.hooks.sampling_registry import SamplingRegistry
from modules.services.brought_models import BroughtModels
from modules.services.brought_upscalers import BroughtUpscalers
from modules.services.counters import Counters
from modules.services.models import ModelService
from modules.services.network_files import NetworkFileService
from modules.services.options import EngineOptions
from modules.services.postprocessing import PostprocessingService
from modules.services.sections import SectionService
from modules.services.vaes import VaeService
from modules.upscaling.registry import UpscalerRegistry

if TYPE_CHECKING:
    from modules.services.engine import Engine


class EngineLoader:
    """Builds the engine when it is first needed, once."""

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
        files = (models, vaes, networks)
        painting = (sections, plugins, brought, postprocessing, sampling, models_of_extensions)
        self._made_of = (*files, settings, options, counters, upscalers, tiny_decoder_folders, *painting)
        self._lock = threading.Lock()
        self._engine: Engine | None = None

    def engine(self) -> Engine:
        """The engine, for the thread that asks; torch is imported by the first call."""
        with self._lock:
            if self._engine is None:
                # diffusers imports xformers, which complains where it has no kernels; doctor tells of that.
                logging.getLogger("xformers").setLevel(logging.ERROR)
                from modules.services.engine import Engine

                self._engine = Engine(*self._made_of)
        self._engine.machine.use_device()
        return self._engine

    def warm_up(self) -> None:
        """Import torch and load the model that will be asked for."""
        self.engine().warm_up()

    def held(self) -> list[str]:
        """The names of the checkpoints in memory."""
        return [] if self._engine is None else self._engine.held()

    def devices(self) -> int:
        """How many devices there are like the one that is used; 1 where that is not known yet."""
        return 1 if self._engine is None else self._engine.machine.devices

    def state(self) -> dict[str, Any]:
        """See `Engine.state`; nothing before there is an engine."""
        return {} if self._engine is None else self._engine.state()

    def seconds_per_step(self) -> dict[str, Any]:
        """How long a step of the current model takes at its recommended size. Raises UserErrors of loading."""
        engine = self.engine()
        return {"seconds": engine.seconds_of_current()}

    def memory(self) -> dict[str, Any]:
        """See `Machine.memory_in_use`; imports torch."""
        return self.engine().machine.memory_in_use()

    def unload(self) -> None:
        """Let go of all models; not while a job runs."""
        if self._engine is not None:
            self._engine.unload()
