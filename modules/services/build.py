"""The composition root: every object of a running program is built here, once, and handed to those who use it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from modules.checkpoints.file_facts import FileFacts
from modules.checkpoints.model_files import ModelFiles
from modules.checkpoints.registry import Registry
from modules.config.database import Database
from modules.config.files import sweep_temporary_files
from modules.config.paths import Paths
from modules.config.settings import SettingsStore
from modules.gallery.inputs import InputPictures
from modules.gallery.records import PictureRecords
from modules.gallery.store import PictureStore
from modules.hooks import Plugins
from modules.jobs.event_log import EventLog
from modules.jobs.queue import JobQueue
from modules.services.batches import BatchService
from modules.services.counters import Counters
from modules.services.data_folder import hold_data_folder
from modules.services.doctor import Doctor
from modules.services.downloads import DownloadService, open_downloads
from modules.services.engine_loading import EngineLoader
from modules.services.generate import GenerateService
from modules.services.inputs import InputService
from modules.services.job_running import JobRunner
from modules.services.merging import MergeService
from modules.services.model_cards import ModelCards
from modules.services.models import ModelService
from modules.services.network_files import NetworkFileService
from modules.services.options import EngineOptions
from modules.services.pictures import PictureService
from modules.services.prompt_preparation import PromptPreparation
from modules.services.remixing import RemixService
from modules.services.resolving import RequestResolver
from modules.services.scripts import ScriptService
from modules.services.styles import StyleService
from modules.services.vaes import VaeService
from modules.services.wildcards import WildcardService
from modules.upscaling.registry import UpscalerRegistry

_A_DAY = 86_400.0


@dataclass(frozen=True)
class Services:
    """Everything that a screen, a route or a command may use."""

    paths: Paths
    settings: SettingsStore
    models: ModelService
    model_files: ModelFiles
    cards: ModelCards
    downloads: DownloadService
    merging: MergeService
    vaes: VaeService
    resolver: RequestResolver
    generate: GenerateService
    pictures: PictureService
    remix: RemixService
    styles: StyleService
    wildcards: WildcardService
    inputs: InputService
    batches: BatchService
    upscalers: UpscalerRegistry
    scripts: ScriptService
    doctor: Doctor
    database: Database

    def close(self) -> None:
        """Stop the work and close the database."""
        self.generate.stop()
        self.downloads.close()
        self.merging.stop()
        self.model_files.close()
        self.database.close()


def build_services(paths: Paths, options: EngineOptions) -> Services:
    """Build every object on a data folder; starts nothing."""
    settings = SettingsStore(paths.settings_file)
    database = Database(paths.database)
    model_files = ModelFiles(paths.model_folders, FileFacts(paths.model_facts))
    models = ModelService(Registry(paths.checkpoint_folders, model_files), model_files, settings)
    counters = Counters(database)
    upscalers = UpscalerRegistry(paths.upscaler_folders)
    vaes, networks = VaeService(models, settings), NetworkFileService(models)
    engine = EngineLoader(models, vaes, networks, settings, options, counters, upscalers, paths.tiny_vae_folders)
    records, inputs = PictureRecords(database), InputPictures(paths.input_pictures)
    styles, wildcards = StyleService(paths.style_files), WildcardService(paths.wildcards_folder)
    scripts = ScriptService(Plugins(), models, vaes, styles, upscalers, inputs)
    preparation = PromptPreparation(styles, wildcards)
    resolver = RequestResolver(models, vaes, networks, settings, preparation, inputs, upscalers)
    events = EventLog()
    runner = JobRunner(
        paths=paths,
        settings=settings,
        store=PictureStore(database, records, paths.outputs),
        records=records,
        events=events,
        inputs=inputs,
        engine=engine,
        resolver=resolver,
        scripts=scripts,
    )
    generate = GenerateService(
        queue=JobQueue(database),
        events=events,
        settings=settings,
        engine=engine,
        resolver=resolver,
        scripts=scripts,
        runner=runner,
    )
    input_service = InputService(inputs)
    pictures = PictureService(database, records, inputs, paths, scripts, networks, vaes)
    return Services(
        paths=paths,
        settings=settings,
        models=models,
        model_files=model_files,
        cards=ModelCards(model_files, paths.cache),
        downloads=open_downloads(paths),
        merging=MergeService(models, paths, model_files.sha256_of),
        vaes=vaes,
        resolver=resolver,
        generate=generate,
        pictures=pictures,
        remix=RemixService(pictures, inputs),
        inputs=input_service,
        batches=BatchService(paths, input_service, resolver),
        styles=styles,
        wildcards=wildcards,
        upscalers=upscalers,
        scripts=scripts,
        doctor=Doctor(paths, models, engine, counters, upscalers, scripts),
        database=database,
    )


@contextmanager
def open_services(paths: Paths, options: EngineOptions) -> Iterator[Services]:
    """Services on a data folder that nobody else has; the caller starts them. Raises DataFolderInUse."""
    with hold_data_folder(paths):
        for folder in (paths.outputs, paths.cache):
            sweep_temporary_files(folder)
        # Merges, conversions and downloads write there, which other processes may be at.
        for folder in {folders[0] for folders in paths.model_folders.values()}:
            sweep_temporary_files(folder, idle_seconds=_A_DAY)
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
