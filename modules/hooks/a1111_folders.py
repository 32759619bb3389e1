"""Folders of extensions that were written for A1111: without a manifest, what they say of themselves is gathered."""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from pydantic import ValidationError

from modules.errors import BrokenExtension
from modules.hooks.manifest import Manifest, Touched, refused

METADATA_FILE = "metadata.ini"
REQUIREMENTS_FILE = "requirements.txt"
MOST_BYTES = 65_536


_LOOKED_FOR = (
    "scripts/*.py",
    "javascript/*.js",
    "javascript/*.mjs",
    "style.css",
    "localizations/*.json",
    "wildcards/*",
)
"""What A1111 or its extensions take from a folder."""


def is_of_a1111(folder: Path) -> bool:
    """Whether a folder without a manifest has something where A1111 looks for it."""
    return any(next(folder.glob(pattern), None) is not None for pattern in _LOOKED_FOR)


def has_scripts(folder: Path) -> bool:
    """Whether there is code that the server runs."""
    return next((folder / "scripts").glob("*.py"), None) is not None


def language_of(name: str) -> str:
    """The code of a language (ISO 639-1) in the name of a localization, such as `de_DE`, `zh-Hans (Stable)` or `ja`.

    "" where there is none.
    """
    found = re.match(r"([a-z]{2})(?![a-z])", name.lower())
    return found[1] if found is not None else ""


def a1111_manifest(folder: Path) -> Manifest:
    """A manifest in the place of the one that A1111 knows nothing of. Raises BrokenExtension.

    Such an extension does not say what it touches, which so is everything where it has scripts. Its install.py is never
    run: what it needs is what its requirements.txt says.
    """
    try:
        return Manifest(
            name=folder.name,
            version="0",
            title=_title(folder),
            description="Written for A1111.",
            hooks=">=1",
            requirements=tuple(_requirements(folder)),
            touches=get_args(Touched) if has_scripts(folder) else ("page",),
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
