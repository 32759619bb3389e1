"""Folders of extensions that were written for A1111: without a manifest, what they say of themselves is gathered."""

from __future__ import annotations

import configparser
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from pydantic import ValidationError

from modules.errors import BrokenExtension
from modules.hooks.manifest import Manifest, Touched, refused

METADATA_FILE = "metadata.ini"
REQUIREMENTS_FILE = "requirements.txt"
MOST_BYTES = 65_536


def is_of_a1111(folder: Path) -> bool:
    """Whether a folder without a manifest has scripts where A1111 looks for them."""
    return any((folder / "scripts").glob("*.py"))


def a1111_manifest(folder: Path) -> Manifest:
    """A manifest in the place of the one that A1111 knows nothing of. Raises BrokenExtension.

    Such an extension does not say what it touches, which so is everything. Its install.py is never run: what it needs
    is what its requirements.txt says.
    """
    try:
        return Manifest(
            name=folder.name,
            version="0",
            title=_title(folder),
            description="Written for A1111.",
            hooks=">=1",
            requirements=tuple(_requirements(folder)),
            touches=get_args(Touched),
        )
    except ValidationError as error:
        raise BrokenExtension(refused(error, REQUIREMENTS_FILE)) from error


def _title(folder: Path) -> str:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(_text(folder / METADATA_FILE))
        return parser.get("Extension", "Name", fallback="").strip()[:80]
    except configparser.Error:
        return ""


def _requirements(folder: Path) -> Iterator[str]:
    for line in _text(folder / REQUIREMENTS_FILE).splitlines():
        requirement = line.partition("#")[0].strip()
        if requirement and not requirement.startswith("-"):
            yield requirement


def _text(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return opened.read(MOST_BYTES).decode("utf-8-sig", "replace")
    except OSError:
        return ""
