"""The folders below `extensions/`: what each says of itself, and what exactly lies in it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from modules.errors import BrokenExtension
from modules.hooks.a1111_folders import a1111_manifest, has_scripts, is_of_a1111
from modules.hooks.manifest import MANIFEST_FILE, Manifest, read_manifest

PACKAGES_FOLDER = ".packages"
"""Beside the folders of extensions: what was installed for each of them, in a folder of its name."""
MOST_FOLDERS = 500
MOST_FILES = 5_000
MOST_BYTES = 200_000_000
_PIECE = 1 << 20
FILES_WITHOUT_CODE = ("javascript/*.js", "style.css", "locales/*.json", "wildcards/*", "styles.csv")
"""What an extension may have without a package."""
NOT_CODE = frozenset({"__pycache__", ".git", ".pytest_cache", ".mypy_cache", ".ruff_cache"})
"""Folders that come and go without anybody having changed the extension. Python is told to read nothing from them."""


@dataclass(frozen=True)
class ExtensionFolder:
    """A folder that somebody put there. Without a manifest, `problem` says what is wrong with it."""

    path: Path
    manifest: Manifest | None
    problem: str = ""
    is_of_a1111: bool = False
    """Whether it was written for A1111, and runs through the room `compat`."""

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def packages(self) -> Path:
        """Where the packages lie that were installed for it alone; need not exist."""
        return self.path.parent / PACKAGES_FOLDER / self.path.name

    @property
    def has_code(self) -> bool:
        """Whether the server runs something of it. Without, it has files for the page, for languages and prompts."""
        if self.is_of_a1111 or self.manifest is None:
            return has_scripts(self.path)
        return package_file(self.path, self.manifest).is_file()

    def content(self) -> str:
        """A hash of all names and bytes in it.

        Raises BrokenExtension for what is too much, leads out of it or cannot be read, such as a folder that is being
        moved.
        """
        try:
            return self._hashed()
        except OSError as error:
            raise _unreadable_folder(error) from error

    def _hashed(self) -> str:
        digest, files, size = hashlib.sha256(), 0, 0
        for file in files_below(self.path):
            files += 1
            size += file.stat().st_size
            if files > MOST_FILES or size > MOST_BYTES:
                raise too_much()
            name = file.relative_to(self.path).as_posix().encode("utf-8", "surrogateescape")
            digest.update(b"%d:%b%d:" % (len(name), name, file.stat().st_size))
            with file.open("rb") as opened:
                while piece := opened.read(_PIECE):
                    digest.update(piece)
        return digest.hexdigest()


def file_digests(folder: Path) -> dict[str, str]:
    """The hash of each file in a folder, by its path in it. Raises BrokenExtension."""
    found = {}
    for file in files_below(folder):
        with file.open("rb") as opened:
            digest = hashlib.sha256()
            while piece := opened.read(_PIECE):
                digest.update(piece)
        found[file.relative_to(folder).as_posix()] = digest.hexdigest()
    return found


def extension_folders(root: Path) -> list[ExtensionFolder]:
    """Every folder below `root`, by name; hidden ones and those that begin with _ are nobody's."""
    try:
        found = sorted(one for one in root.iterdir() if one.is_dir() and not one.name.startswith((".", "_")))
    except OSError:
        return []
    return [extension_folder(one) for one in found[:MOST_FOLDERS]]


def extension_folder(path: Path) -> ExtensionFolder:
    """What one folder says of itself."""
    try:
        if not (path / MANIFEST_FILE).exists() and is_of_a1111(path):
            return ExtensionFolder(path, a1111_manifest(path), is_of_a1111=True)
        manifest = read_manifest(path)
        if not package_file(path, manifest).is_file() and not _is_of_files(path, manifest):
            raise BrokenExtension(f"Its folder has no package {manifest.package_name!r} (a folder with __init__.py).")
    except BrokenExtension as error:
        return ExtensionFolder(path, None, str(error))
    return ExtensionFolder(path, manifest)


def package_file(path: Path, manifest: Manifest) -> Path:
    """What Python runs first of the package in a folder."""
    return path / manifest.package_name / "__init__.py"


def _is_of_files(path: Path, manifest: Manifest) -> bool:
    """Whether a folder is meant to have no package: it names none, and has something that needs none."""
    return not manifest.package and any(next(path.glob(pattern), None) is not None for pattern in FILES_WITHOUT_CODE)


def too_much() -> BrokenExtension:
    """The error to raise for a folder that is larger than any extension."""
    return BrokenExtension(
        f"Its folder holds more than {MOST_FILES:,} files or {MOST_BYTES // 1_000_000:,} MB. "
        "Models and pictures belong into other folders."
    )


def files_below(root: Path) -> Iterator[Path]:
    """All files, in an order that does not depend on the disk. Raises BrokenExtension."""
    try:
        for parent, folders, names in os.walk(root, onerror=_unreadable):
            folders[:] = sorted(name for name in folders if name not in NOT_CODE)
            for name in (*folders, *sorted(names)):
                if Path(parent, name).is_symlink():
                    raise BrokenExtension(f"{Path(parent, name).relative_to(root)} in its folder is a link.")
            yield from (Path(parent, name) for name in sorted(names))
    except OSError as error:
        raise _unreadable_folder(error) from error


def _unreadable_folder(error: OSError) -> BrokenExtension:
    return BrokenExtension(f"Its folder cannot be read: {error.strerror}.")


def _unreadable(error: OSError) -> None:
    raise error
