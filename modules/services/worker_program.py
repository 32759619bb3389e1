"""What runs in a worker process: the services of one device, on the server's data folder."""

from __future__ import annotations

import logging
from dataclasses import replace
from multiprocessing.connection import Connection

from pydantic import BaseModel, ConfigDict

from modules.config.paths import Paths
from modules.jobs.process_worker import ProcessWorker, work
from modules.jobs.workers import Bench, Sink
from modules.services.options import EngineOptions
from modules.services.process_hooks import ProcessHooks
from modules.services.workshop import Workshop


class _Setup(BaseModel):
    """What the process is told at its start."""

    model_config = ConfigDict(frozen=True)

    paths: Paths
    options: EngineOptions
    log_level: int


def process_worker(paths: Paths, options: EngineOptions) -> ProcessWorker:
    """A worker for one device, not yet started."""
    setup = _Setup(paths=paths, options=options, log_level=logging.getLogger().getEffectiveLevel())
    return ProcessWorker(main, setup.model_dump_json())


def main(connection: Connection, text: str) -> None:
    """Be a worker until the server no longer wants one; does not return."""
    setup = _Setup.model_validate_json(text)
    logging.basicConfig(level=setup.log_level, format="%(levelname)s %(name)s: %(message)s")

    def open_bench(sink: Sink) -> Bench:
        shop = Workshop(setup.paths, setup.options)
        hooks = ProcessHooks(shop.plugins, shop.settings_of, setup.paths.extension_data, "worker")
        hooks.start()
        return replace(shop.bench(sink), close=hooks.stop)

    work(connection, open_bench)
