"""What the imports of one A1111 extension find: A1111's modules, its own files, then everybody's packages.

Its modules are run with an `__import__` of their own. So nobody else sees A1111's names, which partly are those of our
own rooms, and two extensions may both have a file `scripts/main.py`.
"""

from __future__ import annotations

import builtins
import importlib
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from modules.hooks.extension_code import FromSource, forget_modules

TOP = "modules"
"""The package whose modules A1111's extensions import."""


class A1111Module(ModuleType):
    """A module of A1111's, with the names that are here."""

    def __init__(self, name: str, content: Mapping[str, object] | None = None) -> None:
        super().__init__(name)
        self.__path__: list[str] = []
        vars(self).update(content or {})

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"A1111's {self.__name__}.{name} is not here")


class Surroundings(MetaPathFinder):
    """The imports of one extension, whose modules are called `package`.something. Closed, nothing of it is left."""

    def __init__(self, root: Path, package: str, given: Mapping[str, ModuleType]) -> None:
        self._root = root
        self._package = package
        self._given = _with_parents(given)
        for earlier in [one for one in sys.meta_path if isinstance(one, Surroundings) and one._package == package]:
            earlier.close()  # it is taken in anew
        package_module = ModuleType(package)
        package_module.__path__ = [str(root)]
        sys.modules[package] = package_module
        sys.meta_path.insert(0, self)

    def close(self) -> None:
        """Take its modules out of Python's memory."""
        sys.meta_path.remove(self)
        forget_modules(self._package)

    def run_file(self, file: Path) -> ModuleType:
        """Run a file of the extension as a module. Raises whatever it raises."""
        parts = file.relative_to(self._root).with_suffix("").parts
        name = ".".join((self._package, *parts))
        if name not in sys.modules:
            for count in range(1, len(parts)):
                importlib.import_module(".".join((self._package, *parts[:count])))
            spec = spec_from_file_location(name, file, loader=_Loader(name, str(file), self))
            if spec is None or spec.loader is None:
                raise ImportError(f"{file.name} cannot be imported")
            module = module_from_spec(spec)
            sys.modules[name] = module
            try:
                spec.loader.exec_module(module)
            except BaseException:
                sys.modules.pop(name, None)
                raise
        return sys.modules[name]

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Of a module of its own, run from its source with its own imports."""
        if not fullname.startswith(f"{self._package}.") or path is None:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(spec.loader.name, spec.loader.path, self)
        return spec

    def import_module(
        self,
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        """`__import__` for its modules. Raises ImportError."""
        first = name.partition(".")[0]
        if level or not first:
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        if first == TOP or name in self._given:
            return self._of_a1111(name, fromlist or ())
        if (self._root / first).is_dir() or (self._root / f"{first}.py").is_file():
            found = importlib.import_module(f"{self._package}.{name}")
            for wanted in fromlist or ():
                if wanted != "*" and not hasattr(found, wanted):
                    importlib.import_module(f"{self._package}.{name}.{wanted}")
            return found if fromlist else sys.modules[f"{self._package}.{first}"]
        return builtins.__import__(name, globals, locals, fromlist or (), level)

    def _of_a1111(self, name: str, wanted: Sequence[str]) -> ModuleType:
        if name not in self._given:
            raise ImportError(f"A1111's {name} is not here", name=name)
        found = self._given[name]
        for one in wanted:
            if one != "*" and not hasattr(found, one):
                raise ImportError(f"A1111's {name}.{one} is not here", name=f"{name}.{one}")
        return found if wanted else self._given[name.partition(".")[0]]


class _Loader(FromSource):
    """Gives a module the imports of its extension."""

    def __init__(self, name: str, path: str, surroundings: Surroundings) -> None:
        super().__init__(name, path)
        self._surroundings = surroundings

    def exec_module(self, module: ModuleType) -> None:
        vars(module)["__builtins__"] = {**vars(builtins), "__import__": self._surroundings.import_module}
        super().exec_module(module)


def _with_parents(given: Mapping[str, ModuleType]) -> dict[str, ModuleType]:
    """Modules by name, each an attribute of the one above it."""
    found = dict(given)
    for name in sorted(given, key=lambda one: -one.count(".")):
        while "." in name:
            above, _, last = name.rpartition(".")
            vars(found.setdefault(above, A1111Module(above)))[last] = found[name]
            name = above
    return found
