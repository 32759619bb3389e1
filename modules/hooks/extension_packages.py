"""The packages of the program, and those that were installed for one extension alone."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from modules.hooks.extension_folders import PACKAGES_FOLDER


def installed_version(name: str, packages: Path | None = None) -> str | None:
    """The version of a package that the program has, or else the folder of an extension; None where neither has it."""
    own = [str(packages)] if packages is not None else []
    for places in (_places_of_the_program(), own):
        found = next(iter(metadata.Distribution.discover(name=name, path=places)), None)
        if found is not None:
            return found.version
    return None


def packages_of_the_program() -> dict[str, str]:
    """Names, as packages are compared by, and versions of what the program runs with."""
    return _versions(_places_of_the_program())


def packages_in(folder: Path) -> dict[str, str]:
    """Names and versions of what was installed into the folder of an extension."""
    return _versions([str(folder)])


def packages_of_others(root: Path, name: str) -> dict[str, tuple[str, str]]:
    """What was installed for extensions below `root` other than `name`: the version, and for whom."""
    folder = root / PACKAGES_FOLDER
    owners = sorted(one for one in folder.iterdir() if one.is_dir()) if folder.is_dir() else []
    return {
        package: (version, owner.name)
        for owner in owners
        if owner.name != name
        for package, version in packages_in(owner).items()
    }


def _places_of_the_program() -> list[str]:
    """Where Python looks for packages, without the folders of extensions that were taken in."""
    return [place for place in sys.path if Path(place).parent.name != PACKAGES_FOLDER]


def _versions(places: Iterable[str]) -> dict[str, str]:
    """The first of each name counts, as it does when it is imported."""
    found: dict[str, str] = {}
    for one in metadata.distributions(path=list(places)):
        name = one.metadata["Name"] if one.metadata is not None else None
        if name and _is_version(one.version):
            found.setdefault(canonicalize_name(name), one.version)
    return found


def _is_version(text: str | None) -> bool:
    try:
        return text is not None and bool(Version(text))
    except InvalidVersion:
        return False
