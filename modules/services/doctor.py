"""What was found on this machine, for bug reports. Holds no secrets: neither passwords nor prompts."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

import psutil

from modules.config.extras_words import USUAL_UPSCALER
from modules.config.model_folders import FolderKind
from modules.config.paths import Paths
from modules.errors import UserError
from modules.schema.infotext import VERSION
from modules.services.counters import TEXTS_ENCODED, TEXTS_FOUND, Counters
from modules.services.engine_loading import EngineLoader
from modules.services.models import ModelService
from modules.services.scripts import ScriptService
from modules.upscaling.registry import BUILT_IN, UpscalerRegistry

_PACKAGES = ("torch", "torchvision", "gradio", "diffusers", "transformers", "accelerate", "xformers", "pillow")


class Doctor:
    """Looks at machine, versions, folders and models, and times one step of the current model."""

    def __init__(
        self,
        paths: Paths,
        models: ModelService,
        engine: EngineLoader,
        counters: Counters,
        upscalers: UpscalerRegistry,
        scripts: ScriptService,
    ) -> None:
        self._paths = paths
        self._models = models
        self._engine = engine
        self._counters = counters
        self._upscalers = upscalers
        self._scripts = scripts

    def report(self) -> Iterator[tuple[str, str]]:
        """Label and finding, line by line, the quick ones first."""
        yield "Atelier", VERSION.removeprefix("Atelier ")
        yield "Python", f"{platform.python_version()} on {platform.platform()}"
        memory = psutil.virtual_memory()
        yield "Processor", f"{os.cpu_count()} cores, {_gib(memory.total)} memory, {_gib(memory.available)} of it free"
        for package in _PACKAGES:
            yield package, _version(package)
        yield from self._folders()
        yield from self._device()
        yield from self._checkpoints()
        yield from self._networks_and_plugins()
        yield from self._reuse()
        yield from self._speed()

    def _folders(self) -> Iterator[tuple[str, str]]:
        yield "Data folder", f"{self._paths.data}, {_gib(psutil.disk_usage(str(self._paths.data)).free)} free"
        kinds: tuple[tuple[str, FolderKind], ...] = (("VAEs", "vae"), ("LoRAs", "lora"), ("Embeddings", "embedding"))
        for label, kind in kinds:
            files = [file.path for file in self._models.files(kind)]
            folders = [(folder, folder.absolute()) for folder in self._paths.model_folders[kind]]
            yield (
                label,
                "; ".join(
                    f"{sum(file.is_relative_to(below) for file in files)} files in {folder}"
                    for folder, below in folders
                ),
            )

    def _device(self) -> Iterator[tuple[str, str]]:
        try:
            family = self._models.current().identity.family or "sd1"
        except UserError:
            family = "sd1"
        try:
            yield from self._engine.engine().machine.findings(family)
        except UserError as error:
            yield "Device", str(error)  # such as a precision that it does not have

    def _checkpoints(self) -> Iterator[tuple[str, str]]:
        known = self._models.all()
        yield "Checkpoints", ", ".join(checkpoint.name for checkpoint in known) or "none"

    def _networks_and_plugins(self) -> Iterator[tuple[str, str]]:
        files = [entry.name for entry in self._upscalers.all() if entry.name not in BUILT_IN]
        shipped = "with" if USUAL_UPSCALER in files else "without"
        yield "Upscalers", f"{len(files)} in files, {shipped} {USUAL_UPSCALER}, which ships with the program"
        yield "Scripts", ", ".join(script.name for script in self._scripts.all("img2img")) or "none"
        for failure in self._scripts.failures:
            yield "Plugin", str(failure)

    def _reuse(self) -> Iterator[tuple[str, str]]:
        """How often words did not have to be read again, over all jobs of this data folder."""
        found, encoded = self._counters.value(TEXTS_FOUND), self._counters.value(TEXTS_ENCODED)
        texts = found + encoded
        share = f"{found:,} of {texts:,} reused ({100 * found / texts:.0f} %)" if texts else "none yet"
        yield "Encoded texts", share

    def _speed(self) -> Iterator[tuple[str, str]]:
        """Time the network itself at the recommended size, guidance included."""
        try:
            checkpoint = self._models.current()
            recommended = checkpoint.card.recommended
            engine = self._engine.engine()
            seconds = engine.seconds_per_step(checkpoint, recommended.width, recommended.height)
        except UserError as error:
            yield "Expected speed", str(error)
            return
        if (plan := engine.machine.latest_memory_plan) is not None:
            yield "Memory mode", f"{plan.words}. {plan.reason}"
        yield (
            "Expected speed",
            f"{checkpoint.name}, {recommended.width} x {recommended.height}: {seconds:.3f} s per step, "
            f"about {seconds * recommended.steps:.1f} s for {recommended.steps} steps",
        )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"
