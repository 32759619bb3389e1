"""Installing extensions in two steps: one is fetched and looked at, and exactly what was looked at is installed."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from threading import Condition, Lock
from typing import TYPE_CHECKING

import httpx
from packaging.utils import canonicalize_name

from modules.errors import BrokenExtension, InvalidRequest, NotFound, QueueFull, UserError
from modules.hooks.extension_folders import ExtensionFolder, extension_folder
from modules.hooks.extension_packages import packages_of_others
from modules.hooks.extension_states import ExtensionState, Origin, OriginKind
from modules.hooks.extension_store import ExtensionStore
from modules.hooks.extensions import Extension, Extensions, unmet
from modules.hooks.incoming_files import IncomingFiles, copy_folder, remove_folder, unpack_zip
from modules.hooks.package_installer import PackageInstaller
from modules.hooks.trial import tried
from modules.services.download_transfer import Stop, Stopped
from modules.services.extension_looks import Look, described, named_folder, refuse_clash, with_sizes
from modules.services.guarded_http import Lookup, guarded_client

if TYPE_CHECKING:
    from modules.services.git_repositories import CommitNote

log = logging.getLogger(__name__)

AT_ONCE = 2
MOST_LOOKS = 50
_REMEDY = "Choose a public address, or start the server with --allow-private-extensions."


@dataclass
class _Work:
    """A look in this process. `shown` and `stop` are changed under the installer's lock."""

    shown: Look
    place: Path
    """The staging folder of it alone."""
    stop: Stop = field(default_factory=Stop)
    is_busy: bool = True
    """Whether a thread is at work on it."""
    is_decided: bool = False
    """Whether it is being put in place, which is not given up in the middle."""


@dataclass(frozen=True)
class _Fetched:
    """What came of a repository: the commit, and those between it and the installed one, where they can be told."""

    commit: str
    earlier: tuple[CommitNote, ...] | None = None


class ExtensionInstaller:
    """Looks at extensions and installs them; `check` raises where that is not allowed from here."""

    def __init__(
        self,
        extensions: Extensions,
        store: ExtensionStore,
        check: Callable[[], None],
        changing: Lock,
        *,
        lookup: Lookup | None = None,
    ) -> None:
        self._extensions = extensions
        self._store = store
        self.check = check
        self._changing = changing
        self._lookup = lookup
        self._changed = Condition()
        self._works: dict[str, _Work] = {}
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="extension-installer")
        self.allow_private = False
        """Whether addresses of private networks are let through."""
        self.takes_folders = False
        """Whether folders of this computer may be installed from: whoever may name one can have it read."""

    def look_at_repository(self, address: str, reference: str = "", *, commit: str = "") -> str:
        """Fetch a git repository, as one of its branches, tags or commits has it; the id of the look.

        `commit` is fetched in the place of what the reference names now.

        Raises NotAllowed, InvalidRequest, QueueFull.
        """
        from modules.services.git_repositories import git_address

        self.check()
        return self._begin("git", git_address(address), reference.strip(), commit)

    def look_at_folder(self, path: str) -> str:
        """Take over a folder of this computer; the id of the look. Raises NotAllowed, InvalidRequest, QueueFull."""
        self.check()
        if not self.takes_folders:
            raise InvalidRequest(
                "Folder", path[:200], "is on the computer of the server", "Send the extension as a zip file instead."
            )
        folder = Path(path).expanduser()
        if not folder.is_absolute() or not folder.is_dir():
            raise InvalidRequest("Folder", path[:200], "is no folder", "Write its whole path.")
        return self._begin("folder", str(folder.resolve()))

    def look_at_zip(self, name: str, save: Callable[[Path], None]) -> str:
        """Unpack a zip file that `save` writes to a path; the id of the look. Raises NotAllowed, QueueFull."""
        self.check()
        return self._begin("zip", name.replace("\\", "/").rsplit("/", 1)[-1][:200] or "extension.zip", save=save)

    def look_for_update(self, name: str) -> str:
        """Fetch what an extension from a repository is now; the id of the look.

        Raises NotAllowed, NotFound, InvalidRequest for one that is pinned or came from elsewhere, QueueFull.
        """
        self.check()
        installed = self._installed(name)
        if installed is None:
            raise NotFound(f"There is no extension {name[:80]!r} in the folder of extensions.")
        origin = installed.origin
        if origin is None or origin.kind != "git":
            raise InvalidRequest(
                "Extension", name, "came from no repository", "Install its new version as you did before."
            )
        if origin.is_pinned:
            raise InvalidRequest("Extension", name, "is pinned to its version", "Unpin it first.")
        return self._begin("git", origin.source, origin.reference)

    def look_for_updates(self) -> list[str]:
        """The same for all that are not pinned. Raises NotAllowed, QueueFull."""
        self.check()
        return [self.look_for_update(one.name) for one in self._extensions.all() if _is_updatable(one)]

    def all(self) -> list[Look]:
        """Every look of this start, in the order in which they were begun."""
        with self._changed:
            return [work.shown for work in self._works.values()]

    def find(self, id: str) -> Look:
        """One of them. Raises NotFound."""
        with self._changed:
            return self._work(id).shown

    def install(self, id: str, content: str, *, enable: bool | None = None) -> None:
        """Begin to install what was looked at, which must have this hash; None: on where the earlier version is on.

        Raises NotAllowed, NotFound, InvalidRequest.
        """
        self.check()
        with self._changed:
            work = self._work(id)
            if work.shown.state != "ready" or work.is_busy:
                raise InvalidRequest("Look", id, f"is {work.shown.state}", "Look at the extension once more.")
            if work.shown.content != content:
                raise InvalidRequest(
                    "Content", content[:80], "is not what was looked at", "Send the hash of that look."
                )
            is_enabled = work.shown.is_enabled if enable is None else enable
            work.shown, work.is_busy = replace(work.shown, state="installing"), True
            self._threads.submit(self._run, work, partial(self._put, work, is_enabled))

    def cancel(self, id: str) -> None:
        """Give a look up, also while it is being installed and not yet in place. Raises NotAllowed, NotFound."""
        self.check()
        with self._changed:
            work = self._work(id)
            if work.shown.is_over or work.is_decided:
                return
            work.shown = replace(work.shown, state="cancelled")
            work.stop.set()
            if not work.is_busy:
                remove_folder(work.place)
            self._changed.notify_all()

    def forget(self, id: str) -> None:
        """Take a look off the list; what it fetched is deleted. Raises NotAllowed, NotFound."""
        self.cancel(id)
        with self._changed:
            self._works.pop(id, None)

    def wait(self, id: str, seconds: float | None = None) -> Look:
        """The look once no thread is at work on it, or after some seconds. Raises NotFound."""
        with self._changed:
            self._changed.wait_for(lambda: not self._work(id).is_busy, seconds)
            return self._work(id).shown

    def close(self) -> None:
        """Give up whatever is at work, and delete what was fetched."""
        with self._changed:
            for work in self._works.values():
                work.stop.set()
        self._threads.shutdown(wait=True, cancel_futures=True)
        with self._changed:
            for work in self._works.values():
                work.is_busy = False  # some never began
                remove_folder(work.place)
            self._changed.notify_all()

    def _installed(self, name: str) -> Extension | None:
        return next((one for one in self._extensions.all() if one.name == name), None)

    def _work(self, id: str) -> _Work:
        if (work := self._works.get(id)) is None:
            raise NotFound(f"There is no look {id[:40]!r} at an extension. It may have been taken off the list.")
        return work

    def _begin(
        self,
        kind: OriginKind,
        source: str,
        reference: str = "",
        commit: str = "",
        save: Callable[[Path], None] | None = None,
    ) -> str:
        with self._changed:
            if sum(work.is_busy or work.shown.state == "ready" for work in self._works.values()) >= MOST_LOOKS:
                raise QueueFull(f"{MOST_LOOKS} extensions wait to be installed. Cancel some of them first.")
        place = self._store.new_staging()
        work = _Work(Look(place.name, kind, source, reference, commit=commit), place)
        if save is not None:
            try:
                save(place / ".zip")
            except BaseException:
                remove_folder(place)
                raise
        with self._changed:
            for id in [id for id, one in self._works.items() if one.shown.is_over][:-MOST_LOOKS]:
                del self._works[id]
            self._works[place.name] = work
        self._threads.submit(self._run, work, partial(self._look, work))
        return place.name

    def _run(self, work: _Work, job: Callable[[], None]) -> None:
        """What a thread does with a look; afterwards it says how it ended."""
        try:
            work.stop.check()
            job()
        except Stopped:
            self._show(work, state="cancelled")
        except UserError as error:
            self._show(work, state="failed", problem=str(error))
        except OSError as error:
            self._show(work, state="failed", problem=f"{error.strerror or error}: {error.filename or ''}")
        except Exception:  # the thread's boundary: a page must not show a dead look as a live one
            log.exception("The extension of %s could not be had", work.shown.source)
            self._show(work, state="failed", problem="A fault of the program; its log says more.")
        finally:
            with self._changed:
                work.is_busy = False
                if work.shown.is_over:
                    remove_folder(work.place)
                self._changed.notify_all()

    def _show(self, work: _Work, **changes: object) -> None:
        with self._changed:
            if work.shown.state != "cancelled":
                work.shown = replace(work.shown, **changes)  # type: ignore[arg-type]  # fields of Look
                self._changed.notify_all()

    def _look(self, work: _Work) -> None:
        """Fetch, describe, and find the packages that go with it. Raises UserError, Stopped, OSError."""
        look = work.shown
        with guarded_client(allow_private=self.allow_private, lookup=self._lookup, remedy=_REMEDY) as client:
            files = IncomingFiles(work.place / ".files")
            if look.kind == "git":
                fetched = self._fetch(work, files, client)
                if not fetched.commit:
                    self._show(work, state="unchanged")
                    return
                look = replace(look, commit=fetched.commit, commits=fetched.earlier)
            elif look.kind == "zip":
                unpack_zip(work.place / ".zip", files)
            else:
                copy_folder(Path(look.source), files)
            work.stop.check()
            folder = named_folder(files.root, look.source)
            installed = self._installed(folder.name)
            refuse_clash(look, installed)
            look = described(look, folder, installed)
            assert folder.manifest is not None
            installer = PackageInstaller(self._store.root, folder.name, work.place / ".pip", work.stop.check)
            packages = with_sizes(installer.choose(folder.manifest.requirements), client)
        self._show(
            work, **{**vars(replace(look, packages=packages)), "state": "ready", "received": work.shown.received}
        )

    def _fetch(self, work: _Work, files: IncomingFiles, client: httpx.Client) -> _Fetched:
        """What was fetched, and what led to it; nothing where it is the installed one."""
        from modules.services.git_repositories import GitRepository  # most starts need no git

        look = work.shown
        repository = GitRepository(look.source, client, work.stop, lambda received: self._show(work, received=received))
        commit = look.commit or repository.commit_of(look.reference)
        earlier = next((one for one in self._extensions.all() if _is_from(one, look)), None)
        if earlier is None or earlier.origin is None:
            repository.fetch(commit, work.place / ".objects", files)
            return _Fetched(commit)
        is_there = earlier.origin.commit == commit and earlier.folder.content() == earlier.origin.content
        if is_there and earlier.origin.reference == look.reference and not look.commit:
            return _Fetched("")
        repository.fetch(commit, work.place / ".objects", files)
        commits = repository.changes(earlier.origin.commit, commit, work.place / ".history")
        return _Fetched(commit, tuple(commits) if commits is not None else None)

    def _put(self, work: _Work, is_enabled: bool) -> None:
        """Install what was looked at. Raises UserError, Stopped, OSError."""
        look = work.shown
        folder = extension_folder(work.place / look.name)
        if look.packages:
            self._add_packages(work, folder)
        if is_enabled:
            self._try(folder)
        with self._changing:
            installed = self._installed(look.name)
            refuse_clash(look, installed)
            if (installed.folder.content() if installed is not None else "") != look.replaced_content:
                raise BrokenExtension(f"The extension {look.name!r} was changed meanwhile. Look at it once more.")
            if folder.content() != look.content:
                raise BrokenExtension(f"The extension {look.name!r} changes its own files, which nobody looked at.")
            with self._changed:
                work.stop.check()
                work.is_decided = True
            self._store.put(folder, self._state(look, is_enabled, installed))
        self._show(work, state="done")

    def _state(self, look: Look, is_enabled: bool, installed: Extension | None) -> ExtensionState:
        assert look.manifest is not None
        was = installed.origin if installed is not None else None
        origin = Origin(
            kind=look.kind,
            source=look.source,
            reference=look.reference,
            commit=look.commit,
            version=look.manifest.version,
            content=look.content,
            installed=time.time(),
            is_pinned=was is not None and was.is_pinned,
        )
        return ExtensionState(is_enabled=is_enabled, content=look.content if is_enabled else "", origin=origin)

    def _add_packages(self, work: _Work, folder: ExtensionFolder) -> None:
        others = packages_of_others(self._store.root, folder.name)
        for one in work.shown.packages:
            version, owner = others.get(canonicalize_name(one.name), (one.version, ""))
            if version != one.version:
                raise BrokenExtension(
                    f"It would bring {one.name}=={one.version}, but the extension {owner!r} has {one.name}=={version} "
                    "by now. Look at it once more."
                )
        installer = PackageInstaller(self._store.root, folder.name, work.place / ".pip", work.stop.check)
        installer.install(work.shown.packages, folder.packages)

    def _try(self, folder: ExtensionFolder) -> None:
        assert folder.manifest is not None
        problem = unmet(folder.manifest, folder.packages) or tried(folder.path)
        if problem:
            raise BrokenExtension(
                f"Extension {folder.name!r} cannot be switched on. What was there before is still there. {problem}"
            )


def _is_updatable(one: Extension) -> bool:
    return one.origin is not None and one.origin.kind == "git" and not one.origin.is_pinned


def _is_from(one: Extension, look: Look) -> bool:
    return one.origin is not None and (one.origin.kind, one.origin.source) == ("git", look.source)
