"""What is needed to decide about jobs and to carry them out: by the server, and by each process that works for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from modules.checkpoints.file_facts import FileFacts
from modules.checkpoints.model_files import ModelFiles
from modules.checkpoints.registry import Registry
from modules.config.database import Database
from modules.config.model_folders import FolderKind
from modules.config.paths import Paths
from modules.config.settings import SettingsStore
from modules.gallery.inputs import InputPictures
from modules.gallery.records import PictureRecords
from modules.gallery.store import PictureStore
from modules.hooks import Plugins
from modules.hooks.extension_states import ExtensionStates
from modules.hooks.extensions import Extensions
from modules.hooks.sampling_registry import SamplingRegistry
from modules.hooks.setting_registry import SettingRegistry
from modules.jobs.job_control import JobControl
from modules.jobs.workers import Bench, Sink
from modules.schema.jobs import Job
from modules.services.brought_models import BroughtModels
from modules.services.brought_upscalers import BroughtUpscalers
from modules.services.counters import Counters
from modules.services.engine_loading import EngineLoader
from modules.services.job_running import JobRunner
from modules.services.models import ModelService
from modules.services.network_files import NetworkFileService
from modules.services.options import EngineOptions
from modules.services.postprocessing import PostprocessingService
from modules.services.prompt_preparation import PromptPreparation
from modules.services.resolving import RequestResolver
from modules.services.scripts import ScriptService
from modules.services.sections import SectionService
from modules.services.styles import StyleService
from modules.services.vaes import VaeService
from modules.services.wildcards import WildcardService
from modules.upscaling.registry import UpscalerRegistry

_NAMED_BY_JOBS: tuple[FolderKind, ...] = ("checkpoint", "vae", "lora", "embedding")


class Workshop:
    """Objects on a data folder that know nothing of the queue; starts nothing."""

    def __init__(self, paths: Paths, options: EngineOptions) -> None:
        self.paths = paths
        self.settings = SettingsStore(paths.settings_file)
        self.database = Database(paths.database)
        self.plugins = Plugins()
        self.extension_states = ExtensionStates(paths.extension_states)
        self.extensions = Extensions(paths.extensions, self.extension_states)
        if not options.without_extensions:
            self.extensions.load_into(self.plugins)
        brought_models = BroughtModels(self.plugins)
        self.model_files = ModelFiles(
            paths.model_folders, FileFacts(paths.model_facts), recognise=brought_models.recognition
        )
        self.models = ModelService(
            Registry(paths.checkpoint_folders, self.model_files), self.model_files, self.settings
        )
        self.counters = Counters(self.database)
        self.vaes = VaeService(self.models, self.settings)
        self.networks = NetworkFileService(self.models)
        self.records = PictureRecords(self.database)
        self.inputs = InputPictures(paths.input_pictures)
        self.plugin_settings = SettingRegistry(self.plugins)
        self.styles = StyleService(paths.style_files, self._styles_of_extensions)
        self.wildcards = WildcardService(paths.wildcards_folder, self._wildcards_of_extensions)
        brought = BroughtUpscalers(self.plugins, UpscalerRegistry(paths.upscaler_folders))
        self.upscalers = UpscalerRegistry(paths.upscaler_folders, brought.entries)
        self.sampling = SamplingRegistry(self.plugins)
        self.scripts = ScriptService(
            self.plugins,
            self.models,
            self.vaes,
            self.styles,
            self.upscalers,
            self.inputs,
            self.sampling,
            lambda task: self.sections.all(task),  # which ask these for what there is
        )
        self.sections = SectionService(self.plugins, self.scripts.available, self.inputs)
        self.postprocessing = PostprocessingService(
            self.plugins, partial(self.scripts.available, "txt2img"), self.inputs
        )
        self.resolver = RequestResolver(
            self.models,
            self.vaes,
            self.networks,
            self.settings,
            PromptPreparation(self.styles, self.wildcards, self.sections),
            self.inputs,
            self.upscalers,
            self.sections,
            self.postprocessing,
            self.sampling,
        )
        self.engine = EngineLoader(
            self.models,
            self.vaes,
            self.networks,
            self.settings,
            options,
            self.counters,
            self.upscalers,
            paths.tiny_vae_folders,
            self.sections,
            self.plugins,
            brought,
            self.postprocessing,
            self.sampling,
            brought_models,
        )

    def bench(self, sink: Sink) -> Bench:
        """What a worker works with, whose jobs tell their events to `sink`."""
        runner = JobRunner(
            paths=self.paths,
            settings=self.settings,
            store=PictureStore(self.database, self.records, self.paths.outputs),
            records=self.records,
            events=sink,
            inputs=self.inputs,
            engine=self.engine,
            resolver=self.resolver,
            scripts=self.scripts,
            plugins=self.plugins,
            settings_of=self.settings_of,
        )

        def run(job: Job, control: JobControl) -> None:
            self.settings.reload()  # the server may be another process
            self.model_files.await_first_look(_NAMED_BY_JOBS)
            runner.run(job, control)

        return Bench(
            run=run,
            prepare=self.engine.warm_up,
            held=self.engine.held,
            devices=self.engine.devices,
            foreign=self.plugins.calls.latest,
            answers={
                "tokens": self._count_tokens,
                "memory": lambda content: self.engine.memory(),
                "state": lambda content: self.engine.state(),
                "schedule": self._outline_schedule,
                "words": self._outline_words,
            },
            chores={
                "unload": self._unload,
                "reload": self._reload,
                "speed": lambda content: self.engine.seconds_per_step(),
            },
        )

    def close(self) -> None:
        """Close the files."""
        self.model_files.close()
        self.database.close()

    def settings_of(self, plugin: str) -> Mapping[str, Any]:
        """The settings of a plugin's own, by their names, as they are whenever somebody looks."""
        return self.plugin_settings.of(plugin, lambda: self.settings.others)

    def _styles_of_extensions(self) -> list[Path]:
        return [one.styles for one in self.extensions.files_of(self.plugins.names) if one.styles is not None]

    def _wildcards_of_extensions(self) -> list[Path]:
        return [one.wildcards for one in self.extensions.files_of(self.plugins.names) if one.wildcards is not None]

    def _count_tokens(self, content: Mapping[str, Any]) -> dict[str, Any]:
        self.settings.reload()
        return asdict(self.engine.engine().count_tokens(str(content["prompt"])))

    def _outline_schedule(self, content: Mapping[str, Any]) -> dict[str, Any]:
        return self.engine.engine().outlines.schedule(content)

    def _outline_words(self, content: Mapping[str, Any]) -> dict[str, Any]:
        return self.engine.engine().outlines.words(content)

    def _unload(self, content: Mapping[str, Any]) -> dict[str, Any]:
        self.engine.unload()
        return {}

    def _reload(self, content: Mapping[str, Any]) -> dict[str, Any]:
        self.settings.reload()
        self.engine.warm_up()
        return {}
