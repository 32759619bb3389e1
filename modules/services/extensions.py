"""Use cases of extensions: what is there, switching on and off, and what a new start would change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from modules.errors import NotAllowed, NotFound
from modules.hooks import Plugins
from modules.hooks.extension_files import ExtensionFiles
from modules.hooks.extension_states import Origin
from modules.hooks.extensions import Decision, Extension, Extensions
from modules.hooks.manifest import Manifest
from modules.hooks.plugins import BUILTIN_PREFIX, short_name

_NOT_ALLOWED = (
    "Extensions run any code they like on this computer, so they are changed from here only while the server answers "
    "this computer alone. Start it with --allow-extension-changes to let its owners do it from elsewhere."
)


@dataclass(frozen=True)
class ExtensionFacts:
    """An extension of the folder, or a feature that comes with the program (`decision` None)."""

    name: str
    title: str
    """What people call it."""
    manifest: Manifest | None
    description: str
    decision: Decision | None
    is_active: bool
    page_version: str
    """Another word where the page is given other files and texts of it; empty where it is given none."""
    waits: bool
    """Whether a new start would change it."""
    is_wanted: bool
    """Whether a new start takes it in, whatever became of it in this one."""
    problem: str
    has_failed: bool
    """Whether the problem is what this start met in it; others are in the way of the next start as well."""
    scripts: tuple[str, ...]
    origin: Origin | None = None
    """Where it was installed from; None: it came with the program, or somebody put it there."""


class ExtensionService:
    """The extensions of one running server, and what a person decides about them."""

    def __init__(
        self, extensions: Extensions, plugins: Plugins, scripts_of: Callable[[str], tuple[str, ...]], *, without: str
    ) -> None:
        self._extensions = extensions
        self._plugins = plugins
        self._scripts_of = scripts_of
        self.changing = Lock()
        """Held while something of them is being changed."""
        self.without = without
        """Why none is taken in, as a sentence; empty otherwise."""
        self.may_change = False
        """Whether pages may change what is switched on: whoever can do that can run code on this computer."""

    def all(self) -> list[ExtensionFacts]:
        """The extensions of the folder, then the features that come with the program. Runs nothing of theirs."""
        versions = {files.extension: files.version for files in self.files()}
        found = self._extensions.all()
        of_the_program = [name for name in (*self._plugins.names, *self._failures()) if name.startswith(BUILTIN_PREFIX)]
        listed = [self._facts(one, versions.get(one.name, "")) for one in found]
        return [*listed, *map(self._built_in, of_the_program)]

    def files(self) -> list[ExtensionFiles]:
        """What lies beside the code of the extensions at work, by name."""
        return self._extensions.files_of(self._plugins.names)

    @property
    def waits_for_removed(self) -> bool:
        """Whether something that was removed was taken in, so that a new start lets go of it."""
        self._extensions.follow()
        return not self._extensions.taken_in.keys() <= {one.name for one in self._extensions.all()}

    def enable(self, name: str) -> None:
        """Switch one on, once a process of its own has tried it; the next start takes it in, this one without code.

        Raises NotAllowed, NotFound, BrokenExtension, StorageFull.
        """
        with self.changing:
            self._extensions.enable(self._changeable(name))

    def disable(self, name: str) -> None:
        """Switch one off; the next start leaves it out, and this one where it has no code.

        Raises NotAllowed, NotFound, StorageFull.
        """
        with self.changing:
            self._extensions.disable(self._changeable(name))

    def check(self) -> None:
        """Raise NotAllowed unless extensions may be changed from here."""
        if not self.may_change:
            raise NotAllowed(_NOT_ALLOWED)

    def _changeable(self, name: str) -> Extension:
        self.check()
        found = next((one for one in self._extensions.all() if one.name == name), None)
        if found is None:
            raise NotFound(f"There is no extension {name[:80]!r} in the folder of extensions.")
        return found

    def _failures(self) -> dict[str, str]:
        return {one.plugin: one.problem for one in self._plugins.failures}

    def _facts(self, extension: Extension, page_version: str) -> ExtensionFacts:
        taken_in = self._extensions.taken_in.get(extension.name)
        wanted = extension.content if extension.is_wanted else None
        failure = self._failures().get(extension.name, "")
        return ExtensionFacts(
            name=extension.name,
            title=extension.folder.manifest.shown_name if extension.folder.manifest else extension.name,
            manifest=extension.folder.manifest,
            description=extension.folder.manifest.description if extension.folder.manifest else "",
            decision=extension.decision,
            is_active=extension.name in self._plugins.names or extension.name in self._extensions.codeless,
            page_version=page_version,
            waits=wanted != taken_in and not self.without,
            is_wanted=extension.is_wanted,
            problem=extension.problem or failure,
            has_failed=bool(failure) and not extension.problem,
            scripts=self._scripts_of(extension.name),
            origin=extension.origin,
        )

    def _built_in(self, name: str) -> ExtensionFacts:
        is_active = name in self._plugins.names
        failure = self._failures().get(name, "")
        title, description = _titled(self._plugins.description(name)) if is_active else ("", "")
        return ExtensionFacts(
            name=short_name(name),
            title=title or short_name(name).replace("_", " ").capitalize(),
            manifest=None,
            description=description,
            decision=None,
            is_active=is_active,
            page_version="",
            waits=False,
            is_wanted=True,
            problem=failure,
            has_failed=bool(failure),
            scripts=self._scripts_of(name),
        )


def _titled(description: str) -> tuple[str, str]:
    """The title and the words of a description like "Loopback: again and again."; none of what is no such."""
    title, colon, words = description.partition(": ")
    return (title, words[:1].upper() + words[1:]) if colon else ("", description)
