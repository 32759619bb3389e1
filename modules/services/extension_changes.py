"""What a person does with installed extensions: pinning, going back to a previous version, removing."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from modules.errors import BrokenExtension, InvalidRequest, NotFound
from modules.hooks.extension_packages import packages_in, packages_of_others
from modules.hooks.extension_states import ExtensionState, ExtensionStates
from modules.hooks.extension_store import ExtensionStore, PreviousVersion
from modules.hooks.extensions import Extension, Extensions, unmet
from modules.hooks.trial import tried


class ExtensionChanges:
    """Changes of what is installed; `check` raises where that is not allowed from here."""

    def __init__(
        self,
        extensions: Extensions,
        states: ExtensionStates,
        store: ExtensionStore,
        check: Callable[[], None],
        changing: Lock,
    ) -> None:
        self._extensions = extensions
        self._states = states
        self._store = store
        self._check = check
        self._changing = changing

    def previous(self, name: str) -> list[PreviousVersion]:
        """What can be gone back to, the latest first."""
        return self._store.previous(name)

    def versions(self, name: str) -> list[str]:
        """The same in a word each."""
        return [one.folder.manifest.version if one.folder.manifest else "?" for one in self.previous(name)]

    def removed(self) -> list[str]:
        """The names of extensions that were removed and can be had again."""
        return self._store.removed()

    def pin(self, name: str, is_pinned: bool) -> None:
        """Let updates leave one alone, or take it again. Raises NotAllowed, NotFound, InvalidRequest, StorageFull."""
        self._check()
        with self._changing:
            state = self._states.read().get(self._installed(name).name)
            if state is None or state.origin is None:
                raise InvalidRequest("Extension", name, "was put there by hand", "Nothing updates it.")
            self._states.change(name, replace_pin(state, is_pinned))

    def remove(self, name: str) -> None:
        """Take one away, and its packages; it can be gone back to. Raises NotAllowed, NotFound, BrokenExtension."""
        self._check()
        with self._changing:
            self._store.take_out(self._installed(name).name)

    def roll_back(self, name: str, number: int | None = None) -> None:
        """Put a previous version in place, the latest without a number; what is there becomes a previous one.

        It is on where the present one is. Needs no network. Raises NotAllowed, NotFound, BrokenExtension, StorageFull.
        """
        self._check()
        with self._changing:
            before = self._store.find_previous(name, number)
            now = next((one for one in self._extensions.all() if one.name == name), None)
            self._put_back(before, is_enabled=now is not None and now.decision == "on")

    def put_back(self, name: str, content: str, *, is_enabled: bool) -> bool:
        """Put the previous version of this hash in place; whether there is one. Raises as roll_back does."""
        self._check()
        with self._changing:
            kept = self._store.previous(name)
            found = next((one for one in kept if _is_whole(one) and one.folder.content() == content), None)
            if found is not None:
                self._put_back(found, is_enabled=is_enabled)
        return found is not None

    def forget(self, name: str) -> None:
        """Delete the previous versions of one. Raises NotAllowed, NotFound."""
        self._check()
        with self._changing:
            self._store.find_previous(name)
            self._store.forget(name)

    def _put_back(self, before: PreviousVersion, *, is_enabled: bool) -> None:
        folder = before.folder
        if folder.manifest is None:
            raise BrokenExtension(f"The previous version of {folder.name!r} cannot be used. {folder.problem}")
        origin = before.state.origin if before.state is not None else None
        content = folder.content()
        self._refuse_other_packages(before)
        problem = (unmet(folder.manifest, folder.packages) or tried(folder.path)) if is_enabled else ""
        if problem:
            raise BrokenExtension(f"The previous version of {folder.name!r} cannot be switched on. {problem}")
        if folder.content() != content:
            raise BrokenExtension(f"The extension {folder.name!r} changes its own files, which nobody looked at.")
        wanted = ExtensionState(is_enabled=is_enabled, content=content if is_enabled else "", origin=origin)
        self._store.put(folder, wanted)

    def _refuse_other_packages(self, before: PreviousVersion) -> None:
        """Since then another extension may have brought another version of a package."""
        others = packages_of_others(self._store.root, before.folder.name)
        for name, version in packages_in(before.folder.packages).items():
            there, owner = others.get(name, (version, ""))
            if there != version:
                raise BrokenExtension(
                    f"The previous version of {before.folder.name!r} has {name}=={version}, but the extension "
                    f"{owner!r} has {name}=={there}."
                )

    def _installed(self, name: str) -> Extension:
        found = next((one for one in self._extensions.all() if one.name == name), None)
        if found is None:
            raise NotFound(f"There is no extension {name[:80]!r} in the folder of extensions.")
        return found


def replace_pin(state: ExtensionState, is_pinned: bool) -> ExtensionState:
    """The same state, pinned or not; it must have an origin."""
    assert state.origin is not None
    return state.model_copy(update={"origin": state.origin.model_copy(update={"is_pinned": is_pinned})})


def _is_whole(one: PreviousVersion) -> bool:
    try:
        one.folder.content()
    except BrokenExtension:
        return False
    return one.folder.manifest is not None
