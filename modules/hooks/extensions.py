"""The extensions of one data folder: which are there, which are switched on, and their code taken in.

Code is imported at a start and stays until the next one. An extension without code is at work as soon as it is switched
on, and no longer than it is.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Literal

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from modules.errors import BrokenExtension
from modules.hooks.extension_code import import_extension, prepare_for
from modules.hooks.extension_files import ExtensionFiles, read_extension_files
from modules.hooks.extension_folders import ExtensionFolder, extension_folders
from modules.hooks.extension_packages import installed_version
from modules.hooks.extension_states import ExtensionState, ExtensionStates, Origin
from modules.hooks.manifest import Manifest
from modules.hooks.plugins import Plugins
from modules.hooks.trial import tried
from modules.hooks.version import VERSION

log = logging.getLogger(__name__)

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
    origin: Origin | None = None
    """Where it was installed from; None: somebody put its folder there."""

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
        self.root = root
        self._states = states
        self.taken_in: dict[str, str] = {}
        """What was taken in, or failed in it, and the hash that its folder had."""
        self._files: dict[str, ExtensionFiles] = {}
        self._codeless: dict[str, ExtensionFiles] = {}
        self._following = Lock()
        self._followed: tuple[int, ...] | None = None
        """The decisions as they were when those without code were taken in last; None: no extension is taken in."""

    def all(self) -> list[Extension]:
        """Every extension, by name. Runs nothing of theirs."""
        states = self._states.read()
        found = []
        for folder in extension_folders(self.root):
            state = states.get(folder.name)
            origin = state.origin if state is not None else None
            found.append(replace(_extension(folder, state), origin=origin))
        return found

    def load_into(self, plugins: Plugins) -> None:
        """Take in what is switched on and unchanged. What fails is told in the plugins' failures."""
        self._followed = ()
        for extension in self.all():
            if extension.is_wanted and extension.folder.has_code:
                self.taken_in[extension.name] = extension.content
                prepare_for(extension.folder)
                manifest = extension.folder.manifest
                version = "" if manifest is None else manifest.version
                plugins.take_in(extension.name, partial(self._take_in, extension.folder), version=version)

    def follow(self) -> None:
        """Take in what has no code and was switched on meanwhile, and let go of what was switched off or replaced."""
        with self._following:
            stamp = self._states.stamp()
            if self._followed is None or self._followed == stamp:
                return
            wanted = {one.name: one for one in self.all() if one.is_wanted and not one.folder.has_code}
            for name in list(self._codeless):
                if name not in wanted or wanted[name].content != self.taken_in[name]:
                    del self._codeless[name], self.taken_in[name]
            for name in wanted.keys() - self.taken_in.keys():
                try:
                    self._codeless[name] = read_extension_files(wanted[name].folder)
                    self.taken_in[name] = wanted[name].content
                except BrokenExtension as error:  # it was looked at when it was switched on
                    log.warning("The extension %s is left out: %s", name, error)
            self._followed = stamp

    @property
    def codeless(self) -> Collection[str]:
        """The names of those without code that are at work."""
        self.follow()
        return list(self._codeless)

    def files_of(self, names: Collection[str]) -> list[ExtensionFiles]:
        """What lies beside the code of those extensions, and all of those without code that are at work, by name."""
        self.follow()
        with_code = {name: files for name, files in self._files.items() if name in names}
        return [files for _, files in sorted({**with_code, **self._codeless}.items())]

    def enable(self, extension: Extension) -> None:
        """Switch one on as it lies there now. Raises BrokenExtension, StorageFull."""
        manifest = extension.folder.manifest
        problem = extension.folder.problem
        if manifest is not None:
            problem = unmet(manifest, extension.folder.packages) or _unusable(extension.folder)
        if problem:
            raise BrokenExtension(f"Extension {extension.name!r} cannot be switched on. {problem}")
        content = extension.folder.content()
        if problem := tried(extension.folder.path):
            raise BrokenExtension(f"Extension {extension.name!r} cannot be switched on. {problem}")
        self._states.switch(extension.name, content=content)

    def disable(self, extension: Extension) -> None:
        """Switch one off. Raises StorageFull."""
        self._states.switch(extension.name)

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


def unmet(manifest: Manifest, packages: Path | None = None) -> str:
    """What an extension needs and this installation has not, as a sentence; empty where it has all.

    `packages` is the folder of those that were installed for it alone.
    """
    if not SpecifierSet(manifest.hooks).contains(str(VERSION)):
        return f"It is written for version {manifest.hooks} of the hooks; this program has version {VERSION}."
    for requirement in map(Requirement, manifest.requirements):
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue
        installed = installed_version(requirement.name, packages)
        if installed is None:
            return f"It needs {requirement}, which is not installed here."
        if not requirement.specifier.contains(installed, prereleases=True):
            return f"It needs {requirement}, but the program has {requirement.name}=={installed}."
    return ""


def _extension(folder: ExtensionFolder, state: ExtensionState | None) -> Extension:
    if folder.manifest is None:
        return Extension(folder, "broken", folder.problem)
    if state is None or not state.is_enabled:
        return Extension(folder, "off", unmet(folder.manifest, folder.packages))
    try:
        content = folder.content()
    except BrokenExtension as error:
        return Extension(folder, "broken", str(error))
    if content != state.content:
        return Extension(folder, "changed", _CHANGED)
    return Extension(folder, "on", unmet(folder.manifest, folder.packages), content)
