"""The composition root: every object of a running program is built here, once, and handed to those who use it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from modules.checkpoints.registry import Registry
from modules.config.database import Database
from modules.config.files import sweep_temporary_files
from modules.config.paths import Paths
from modules.config.settings import SettingsStore
from modules.gallery.records import PictureRecords
from modules.gallery.store import PictureStore
from modules.jobs.event_log import EventLog
from modules.jobs.queue import JobQueue
from modules.services.counters import Counters
from modules.services.data_folder import hold_data_folder
from modules.services.doctor import Doctor
from modules.services.engine_loading import EngineLoader
from modules.services.generate import GenerateService
from modules.services.models import ModelService
from modules.services.options import EngineOptions
from modules.services.pictures import PictureService
from modules.services.prompt_preparation import PromptPreparation
from modules.services.styles import StyleService
from modules.services.wildcards import WildcardService


@dataclass(frozen=True)
class Services:
    """Everything that a screen, a route or a command may use."""

    paths: Paths
    settings: SettingsStore
    models: ModelService
    generate: GenerateService
    pictures: PictureService
    styles: StyleService
    wildcards: WildcardService
    doctor: Doctor
    database: Database

    def close(self) -> None:
        """Stop the work and close the database."""
        self.generate.stop()
        self.database.close()


def build_services(paths: Paths, options: EngineOptions) -> Services:
    """Build every object on a data folder; starts nothing."""
    settings = SettingsStore(paths.settings_file)
    database = Database(paths.database)
    registry = Registry(paths.checkpoint_folders)
    models = ModelService(registry, settings)
    counters = Counters(database)
    engine = EngineLoader(models, settings, options, counters)
    records = PictureRecords(database)
    styles, wildcards = StyleService(paths.style_files), WildcardService(paths.wildcards_folder)
    generate = GenerateService(
        queue=JobQueue(database),
        events=EventLog(),
        store=PictureStore(database, records, paths.outputs),
        records=records,
        models=models,
        settings=settings,
        engine=engine,
        preparation=PromptPreparation(styles, wildcards),
        pictures_folder=paths.txt2img_pictures,
    )
    pictures = PictureService(database, records, paths.outputs, paths.cache / "thumbnails")
    doctor = Doctor(paths, models, engine, counters)
    return Services(paths, settings, models, generate, pictures, styles, wildcards, doctor, database)


@contextmanager
def open_services(paths: Paths, options: EngineOptions) -> Iterator[Services]:
    """Services on a data folder that nobody else has; the caller starts them. Raises DataFolderInUse."""
    with hold_data_folder(paths):
        for folder in (paths.outputs, paths.cache):
            sweep_temporary_files(folder)
        services = build_services(paths, options)
        try:
            yield services
        finally:
            services.close()


@contextmanager
def running_services(paths: Paths, options: EngineOptions) -> Iterator[Services]:
    """Services at work on a data folder that nobody else has. Raises DataFolderInUse."""
    with open_services(paths, options) as services:
        services.generate.start()
        yield services
