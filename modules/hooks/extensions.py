"""The extensions of one data folder: which are there, which are switched on, and their code taken in."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Literal

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from modules.errors import BrokenExtension
from modules.hooks.extension_code import import_extension, prepare_for
from modules.hooks.extension_files import ExtensionFiles, read_extension_files
from modules.hooks.extension_folders import ExtensionFolder, extension_folders
from modules.hooks.extension_states import ExtensionState, ExtensionStates
from modules.hooks.manifest import Manifest
from modules.hooks.plugins import Plugins
from modules.hooks.trial import tried
from modules.hooks.version import VERSION

Decision = Literal["on", "off", "changed", "broken"]
"""Switched on; never, or no longer; switched on with other files in its folder; nothing that can be switched on."""

_CHANGED = "Its files are not those that were there when it was switched on. Switch it on again if that is your doing."


@dataclass(frozen=True)
class Extension:
    """A folder of extensions and what was decided about it; `problem` says why it cannot be used as it is."""

    folder: ExtensionFolder
    decision: Decision
    problem: str = ""
    content: str = ""
    """The hash of the folder, of what is switched on."""

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def is_wanted(self) -> bool:
        """Whether a start takes it in."""
        return self.decision == "on" and not self.problem


class Extensions:
    """The extensions below one folder."""

    def __init__(self, root: Path, states: ExtensionStates) -> None:
        self._root = root
        self._states = states
        self.taken_in: dict[str, str] = {}
        """What was imported, or failed in it, and the hash that its folder had."""
        self._files: dict[str, ExtensionFiles] = {}

    def all(self) -> list[Extension]:
        """Every extension, by name. Runs nothing of theirs."""
        states = self._states.read()
        return [_extension(folder, states.get(folder.name)) for folder in extension_folders(self._root)]

    def load_into(self, plugins: Plugins) -> None:
        """Take in what is switched on and unchanged. What fails is told in the plugins' failures."""
        for extension in self.all():
            if extension.is_wanted:
                self.taken_in[extension.name] = extension.content
                prepare_for(extension.folder)
                plugins.take_in(extension.name, partial(self._take_in, extension.folder))

    def files_of(self, names: Collection[str]) -> list[ExtensionFiles]:
        """What lies beside the code of those extensions, as far as they were taken in, by name."""
        return [files for name, files in sorted(self._files.items()) if name in names]

    def enable(self, extension: Extension) -> None:
        """Switch one on as it lies there now. Raises BrokenExtension, StorageFull."""
        manifest = extension.folder.manifest
        problem = extension.folder.problem if manifest is None else unmet(manifest) or _unusable(extension.folder)
        if problem:
            raise BrokenExtension(f"Extension {extension.name!r} cannot be switched on. {problem}")
        state = ExtensionState(is_enabled=True, content=extension.folder.content())
        if problem := tried(extension.folder.path):
            raise BrokenExtension(f"Extension {extension.name!r} cannot be switched on. {problem}")
        self._states.change(extension.name, state)

    def disable(self, extension: Extension) -> None:
        """Switch one off. Raises StorageFull."""
        self._states.change(extension.name, ExtensionState(is_enabled=False, content=""))

    def _take_in(self, folder: ExtensionFolder) -> object:
        files = read_extension_files(folder)
        module = import_extension(folder)
        self._files[folder.name] = files
        return module


def _unusable(folder: ExtensionFolder) -> str:
    """What is wrong with its files beside the code, as a sentence; empty where nothing is."""
    try:
        read_extension_files(folder)
    except BrokenExtension as error:
        return str(error)
    return ""


def unmet(manifest: Manifest) -> str:
    """What an extension needs and this installation has not, as a sentence; empty where it has all."""
    if not SpecifierSet(manifest.hooks).contains(str(VERSION)):
        return f"It is written for version {manifest.hooks} of the hooks; this program has version {VERSION}."
    for requirement in map(Requirement, manifest.requirements):
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue
        try:
            installed = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            return f"It needs {requirement}, which is not installed here."
        if not requirement.specifier.contains(installed, prereleases=True):
            return f"It needs {requirement}, but the program has {requirement.name}=={installed}."
    return ""


def _extension(folder: ExtensionFolder, state: ExtensionState | None) -> Extension:
    if folder.manifest is None:
        return Extension(folder, "broken", folder.problem)
    if state is None or not state.is_enabled:
        return Extension(folder, "off", unmet(folder.manifest))
    try:
        content = folder.content()
    except BrokenExtension as error:
        return Extension(folder, "broken", str(error))
    if content != state.content:
        return Extension(folder, "changed", _CHANGED)
    return Extension(folder, "on", unmet(folder.manifest), content)
