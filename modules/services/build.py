"""The composition root: every object of a running program is built here, once, and handed to those who use it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

from modules.checkpoints.model_files import ModelFiles
from modules.config.database import Database
from modules.config.files import sweep_temporary_files
from modules.config.paths import Paths
from modules.config.settings import SettingsStore
from modules.gallery.adopted_folders import AdoptedFolders
from modules.gallery.albums import Albums
from modules.gallery.foreign.extension_readers import GALLERY_TIMEOUTS, ExtensionReaders
from modules.gallery.store import PictureStore
from modules.hooks import TabContext
from modules.hooks.extension_states import ExtensionStates
from modules.hooks.extension_store import ExtensionStore
from modules.hooks.route_registry import RouteRegistry
from modules.hooks.sampling_registry import SamplingRegistry
from modules.jobs.event_log import EventLog
from modules.jobs.queue import JobQueue
from modules.jobs.thread_worker import ThreadWorker
from modules.jobs.workers import Worker
from modules.services.batches import BatchService
from modules.services.data_folder import hold_data_folder
from modules.services.doctor import Doctor
from modules.services.downloads import DownloadService, open_downloads
from modules.services.extension_manager import ExtensionManager, open_extension_manager
from modules.services.extensions import ExtensionService
from modules.services.generate import GenerateService
from modules.services.inputs import InputService
from modules.services.look_inside import LookInsideService
from modules.services.look_inside_folders import RecordingFolders
from modules.services.machine_state import MachineStates
from modules.services.merging import MergeService
from modules.services.model_cards import ModelCards
from modules.services.models import ModelService
from modules.services.network_files import NetworkFileService
from modules.services.options import EngineOptions
from modules.services.picture_folders import PictureFolders
from modules.services.picture_reading import PictureReader
from modules.services.pictures import PictureService
from modules.services.postprocessing import PostprocessingService
from modules.services.preferences import PreferenceService
from modules.services.presets import PresetService
from modules.services.process_hooks import ProcessHooks
from modules.services.remixing import RemixService
from modules.services.resolving import RequestResolver
from modules.services.restarting import Restarting
from modules.services.result_actions import ResultActionService
from modules.services.result_saving import ResultSaving
from modules.services.saving_hooks import SettingsOf
from modules.services.scripts import ScriptService
from modules.services.sections import SectionService
from modules.services.setting_changes import SettingChanges
from modules.services.starts import SAFE_MODE, StartCount
from modules.services.styles import StyleService
from modules.services.vaes import VaeService
from modules.services.webhooks import WebhookService
from modules.services.wildcards import WildcardService
from modules.services.word_suggestions import WordSuggestions
from modules.services.worker_program import process_worker
from modules.services.workshop import Workshop
from modules.upscaling.registry import UpscalerRegistry


@dataclass(frozen=True)
class Services:
    """Everything that a screen, a route or a command may use."""

    paths: Paths
    settings: SettingsStore
    setting_changes: SettingChanges
    machine: MachineStates
    preferences: PreferenceService
    models: ModelService
    model_files: ModelFiles
    cards: ModelCards
    downloads: DownloadService
    merging: MergeService
    vaes: VaeService
    networks: NetworkFileService
    resolver: RequestResolver
    generate: GenerateService
    pictures: PictureService
    albums: Albums
    picture_folders: PictureFolders
    webhooks: WebhookService
    remix: RemixService
    styles: StyleService
    presets: PresetService
    wildcards: WildcardService
    suggestions: WordSuggestions
    inputs: InputService
    batches: BatchService
    look_inside: LookInsideService
    upscalers: UpscalerRegistry
    scripts: ScriptService
    sections: SectionService
    postprocessing: PostprocessingService
    sampling: SamplingRegistry
    result_actions: ResultActionService
    extensions: ExtensionService
    extension_manager: ExtensionManager
    restarting: Restarting
    starts: StartCount
    doctor: Doctor
    database: Database
    hooks: ProcessHooks
    extension_routes: RouteRegistry
    extension_settings: SettingsOf

    def extension_tab_context(self, plugin: str) -> TabContext:
        """What the tabs of an extension are told. Raises OSError."""
        folder = self.paths.extension_data / plugin
        folder.mkdir(parents=True, exist_ok=True)
        return TabContext(folder=folder, settings=self.extension_settings(plugin))

    def close(self) -> None:
        """Stop the work and close the database."""
        self.webhooks.stop()
        self.picture_folders.stop()
        self.generate.stop()
        self.hooks.stop()
        self.downloads.close()
        self.extension_manager.close()
        self.merging.stop()
        self.model_files.close()
        self.database.close()


def build_services(
    paths: Paths, options: EngineOptions, *, processes: bool = False, workers: int | None = None
) -> Services:
    """Build every object on a data folder; starts nothing.

    Jobs are run by a thread, or with `processes` by that many `workers` (None: one for each device) that can be killed
    and replaced.
    """
    shop = Workshop(paths, options)
    queue, events = JobQueue(shop.database), EventLog()
    if options.device_number is not None or not processes:
        workers = workers or 1

    def open_worker(number: int) -> Worker:
        if not processes:
            return ThreadWorker(shop.bench)
        # The processor is one device, however many workers share it.
        own = options if options.device_number is not None else replace(options, device_number=number)
        return process_worker(paths, own)

    generate = GenerateService(
        queue=queue,
        events=events,
        settings=shop.settings,
        resolver=shop.resolver,
        scripts=shop.scripts,
        inputs=shop.inputs,
        open_worker=open_worker,
        workers=workers,
    )
    input_service = InputService(shop.inputs)
    cards = ModelCards(shop.model_files, paths.cache)
    adopted = AdoptedFolders(shop.database)
    own_readers = ExtensionReaders(shop.plugins)
    reader = PictureReader(
        shop.scripts, shop.sections, shop.networks, shop.vaes, shop.inputs, own_readers, shop.sampling
    )
    readers = ExtensionReaders(shop.plugins, most_timeouts=GALLERY_TIMEOUTS)  # of galleries, which have many files
    pictures = PictureService(shop.database, shop.records, paths, reader, adopted, readers)
    extensions = ExtensionService(
        shop.extensions, shop.plugins, shop.scripts.registry.names_of, without=options.without_extensions
    )
    remix = RemixService(pictures, shop.inputs, shop.sections, shop.sampling)
    store = PictureStore(shop.database, shop.records, paths.outputs)
    result_actions = ResultActionService(
        shop.plugins,
        pictures,
        remix,
        shop.inputs,
        generate,
        ResultSaving(shop.plugins, store, paths, shop.settings, shop.settings_of),
        available=partial(shop.scripts.available, "txt2img"),
        settings_of=shop.settings_of,
        folder=paths.extension_data,
    )
    return Services(
        paths=paths,
        settings=shop.settings,
        setting_changes=SettingChanges(shop.settings, shop.models, shop.vaes, shop.plugin_settings),
        machine=MachineStates(generate, shop.models, shop.database),
        preferences=PreferenceService(shop.database),
        models=shop.models,
        model_files=shop.model_files,
        cards=cards,
        downloads=open_downloads(paths),
        merging=MergeService(shop.models, paths, shop.model_files.sha256_of),
        vaes=shop.vaes,
        networks=shop.networks,
        resolver=shop.resolver,
        generate=generate,
        pictures=pictures,
        albums=Albums(shop.database),
        picture_folders=PictureFolders(shop.database, shop.records, adopted, paths, readers),
        webhooks=WebhookService(paths.webhooks, generate, pictures),
        remix=remix,
        inputs=input_service,
        batches=BatchService(paths, input_service, shop.resolver),
        look_inside=LookInsideService(shop.resolver, generate.ask, RecordingFolders(paths.recordings)),
        styles=shop.styles,
        presets=PresetService(shop.database),
        wildcards=shop.wildcards,
        suggestions=WordSuggestions(paths.tags_folder, shop.models, cards, shop.wildcards, shop.styles, pictures),
        upscalers=shop.upscalers,
        scripts=shop.scripts,
        sections=shop.sections,
        postprocessing=shop.postprocessing,
        sampling=shop.sampling,
        result_actions=result_actions,
        extensions=extensions,
        extension_manager=open_extension_manager(shop.extensions, shop.extension_states, extensions, shop.settings),
        restarting=Restarting(),
        starts=StartCount(paths.unfinished_starts),
        doctor=Doctor(paths, shop.models, shop.engine, shop.counters, shop.upscalers, shop.scripts),
        database=shop.database,
        hooks=ProcessHooks(shop.plugins, shop.settings_of, paths.extension_data, "server"),
        extension_routes=RouteRegistry(shop.plugins),
        extension_settings=shop.settings_of,
    )


@contextmanager
def open_services(
    paths: Paths, options: EngineOptions, *, processes: bool = False, workers: int | None = None
) -> Iterator[Services]:
    """Services on a data folder that nobody else has; the caller starts them. Raises DataFolderInUse."""
    with hold_data_folder(paths):
        _sweep(paths)
        starts = StartCount(paths.unfinished_starts)
        if starts.is_safe_mode and not options.without_extensions:
            options = replace(options, without_extensions=SAFE_MODE)
        starts.begin()
        try:
            services = build_services(paths, options, processes=processes, workers=workers)
        except BaseException:
            starts.finish()  # it was told, or somebody stopped it: no extension is to blame
            raise
        try:
            services.hooks.start()
            services.pictures.finish_moves()
            for job in services.generate.jobs(["running"]):
                services.pictures.forget_missing(job.id)  # it may be cancelled before it is run again
            yield services
        finally:
            starts.finish()
            services.close()


def _sweep(paths: Paths) -> None:
    """Take away what killed writers left, wherever the program writes."""
    of_models = {folders[0] for folders in paths.model_folders.values()}
    for folder in (paths.outputs, paths.cache, paths.accounts, paths.webhooks, paths.downloads, *of_models):
        sweep_temporary_files(folder)
    for folder in {paths.data, *(file.resolve().parent for file in paths.style_files)}:
        sweep_temporary_files(folder, deep=False)
    ExtensionStore(paths.extensions, ExtensionStates(paths.extension_states)).recover()


@contextmanager
def running_services(
    paths: Paths, options: EngineOptions, *, processes: bool = False, workers: int | None = None
) -> Iterator[Services]:
    """Services at work on a data folder that nobody else has. Raises DataFolderInUse."""
    with open_services(paths, options, processes=processes, workers=workers) as services:
        services.generate.start()
        yield services
