"""Runs what others wrote: imports an extension's package, and ends what does not come back."""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import re
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import TypeVar

from modules.errors import BrokenExtension
from modules.hooks.extension_folders import ExtensionFolder, package_file

SECONDS = 20.0
"""More than any import needs on a slow machine; less than a person waits for a start before they end it."""
PREFIX = "atelier_extension_"
"""Before the names of the modules, so that an extension cannot take the place of anybody else's package."""

COMPAT = "modules.compat.plugin"
"""What makes a plugin of an extension of A1111's. By name: a room does not know those above it."""

Answer = TypeVar("Answer")


class FromSource(SourceFileLoader):
    """Neither reads nor writes compiled files: nobody has looked at what may lie in a folder of theirs."""

    def path_stats(self, path: str) -> Mapping[str, object]:
        raise OSError("no compiled file counts")


class _ExtensionFinder(MetaPathFinder):
    """Finds what lies in the packages of extensions."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not fullname.startswith(PREFIX) or path is None:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = FromSource(spec.loader.name, spec.loader.path)
        return spec


class TookTooLong(Exception):
    """Code of others that did not come back."""


class EndedItself(Exception):
    """Code of others that tried to end the program. It is told apart from a signal that asks for the end."""


def prepare_for(folder: ExtensionFolder) -> None:
    """Import what runs that kind of extension, which may take longer than an extension may."""
    if folder.is_of_a1111 and folder.has_code:
        importlib.import_module(COMPAT)


def import_extension(folder: ExtensionFolder) -> object:
    """The package of an extension, or the plugin that one of A1111's becomes.

    Raises whatever it raises, and BrokenExtension where there is no package.
    """
    if folder.manifest is None:
        raise BrokenExtension(folder.problem)
    name = PREFIX + re.sub("[^A-Za-z0-9]", "_", folder.name)
    packages = str(folder.packages)
    if packages not in sys.path and folder.packages.is_dir():
        sys.path.append(packages)  # behind all others: what the program has is never taken from there
    if not folder.has_code:
        return ModuleType(name)
    if folder.is_of_a1111:
        return importlib.import_module(COMPAT).plugin_of(folder.path, name)
    if not any(isinstance(finder, _ExtensionFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _ExtensionFinder())
    first = package_file(folder.path, folder.manifest)
    loader = FromSource(name, str(first))
    spec = importlib.util.spec_from_file_location(
        name, loader.path, loader=loader, submodule_search_locations=[str(first.parent)]
    )
    if spec is None:
        raise BrokenExtension(f"Its package {folder.manifest.package_name!r} cannot be imported.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        loader.exec_module(module)
    except BaseException:
        forget_modules(name)
        raise
    return module


def forget_modules(name: str) -> None:
    """Take a package out of Python's memory, so that it can be imported anew."""
    for known in [one for one in sys.modules if one == name or one.startswith(f"{name}.")]:
        del sys.modules[known]


def in_time(call: Callable[[], Answer], seconds: float | None = SECONDS) -> Answer:
    """What a call returns. Raises what it raises, TookTooLong and EndedItself. `seconds` None: there is no limit.

    A call that takes too long is ended where it runs Python; a native call that hangs is left to itself.
    """
    outcome: Future[Answer] = Future()

    def work() -> None:
        try:
            outcome.set_result(call())
        except BaseException as error:  # noqa: BLE001  it is raised where somebody waits for it
            outcome.set_exception(error)

    thread = threading.Thread(target=work, name="extension", daemon=True)
    thread.start()
    if not wait([outcome], seconds).done:
        _end(thread)
        raise TookTooLong(f"it took longer than {seconds:g} seconds")
    error = outcome.exception()
    if error is not None and not isinstance(error, Exception):
        raise EndedItself(f"{type(error).__name__}: {error}") from error
    return outcome.result()


def fault_of(error: Exception) -> str:
    """What went wrong in others' code, in words; with the error's class, unless the sentence is ours."""
    is_ours = isinstance(error, (EndedItself, TookTooLong, BrokenExtension))
    return str(error) if is_ours else f"{type(error).__name__}: {error}"


def _end(thread: threading.Thread) -> None:
    """Raise SystemExit in a thread, again and again: others' code may catch it a few times."""
    for _ in range(20):
        if thread.ident is None or not thread.is_alive():
            return
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit))
        thread.join(0.05)
