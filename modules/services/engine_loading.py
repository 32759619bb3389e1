"""The seam between the services and torch, which takes seconds to import: the page must not wait for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from modules.config.settings import SettingsStore
from modules.schema.events import JobEvent
from modules.schema.requests import ResolvedTxt2Img
from modules.services.counters import Counters
from modules.services.models import ModelService
from modules.services.options import EngineOptions

if TYPE_CHECKING:
    from modules.services.engine import Engine


class EngineLoader:
    """Builds the engine when it is first needed, once."""

    def __init__(
        self, models: ModelService, settings: SettingsStore, options: EngineOptions, counters: Counters
    ) -> None:
        self._models = models
        self._settings = settings
        self._options = options
        self._counters = counters
        self._lock = threading.Lock()
        self._engine: Engine | None = None

    def engine(self) -> Engine:
        """The engine, with torch imported by the first call."""
        with self._lock:
            if self._engine is None:
                from modules.services.engine import Engine

                self._engine = Engine(self._models, self._settings, self._options, self._counters)
            return self._engine

    def warm_up(self) -> None:
        """Import torch and load the model that will be asked for."""
        self.engine().warm_up()

    def run_txt2img(
        self,
        request: ResolvedTxt2Img,
        job_id: str,
        send: Callable[[JobEvent], None],
        check_interrupt: Callable[[], None],
        finished: frozenset[int],
    ) -> Iterator[tuple[int, bytes, str]]:
        """Index, PNG and infotext of every picture not yet `finished`, with the job's events sent on the way."""
        return self.engine().run_txt2img(request, job_id, send, check_interrupt, finished)
