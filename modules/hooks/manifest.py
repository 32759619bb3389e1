"""What an extension says of itself: the file extension.toml in its folder."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from modules.errors import BrokenExtension

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MANIFEST_FILE = "extension.toml"
MOST_BYTES = 65_536
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"
"""Names are folders: nothing that leads elsewhere. Manifests name small letters; A1111's have others."""
_OWN_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(10))}
"""Names that Windows keeps for itself."""

Touched = Literal["scripts", "settings", "page", "routes", "sampling", "network", "files", "internet", "programs"]
"""What an extension changes or uses; a person reads it before they agree."""
TOUCHED: tuple[str, ...] = get_args(Touched)


def _name(text: str) -> str:
    if text.lower().partition(".")[0] in _DEVICES or text.endswith("."):
        raise ValueError("is a name that Windows keeps for itself")
    return text


def _version(text: str) -> str:
    try:
        return str(Version(text))
    except InvalidVersion as error:
        raise ValueError("is no version: write it like 1.2.0") from error


def _specifiers(text: str) -> str:
    try:
        return str(SpecifierSet(text))
    except InvalidSpecifier as error:
        raise ValueError("is no range of versions: write it like >=1,<2") from error


def _requirement(text: str) -> str:
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        raise ValueError("is no requirement: write it like name>=1.2") from error
    if requirement.url is not None:
        raise ValueError("names an address: only packages by name and version can be checked and undone")
    return str(requirement)


def _address(text: str) -> str:
    if text and not text.startswith(("https://", "http://")):
        raise ValueError("is no address: it begins with https://")
    return text


class Manifest(BaseModel):
    """The content of extension.toml, checked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=NAME_PATTERN), AfterValidator(_name)]
    """The name of the folder too."""
    version: Annotated[str, Field(max_length=100), AfterValidator(_version)]
    title: Annotated[str, Field(max_length=80)] = ""
    """What a list calls it, where that is not the name."""
    author: Annotated[str, Field(max_length=200)] = ""
    description: Annotated[str, Field(max_length=1000)] = ""
    homepage: Annotated[str, Field(max_length=500), AfterValidator(_address)] = ""
    hooks: Annotated[str, Field(max_length=100), AfterValidator(_specifiers)]
    """The versions of `modules.hooks` that it is written for."""
    requirements: Annotated[
        tuple[Annotated[str, Field(max_length=300), AfterValidator(_requirement)], ...], Field(max_length=50)
    ] = ()
    """The packages that it imports, besides those of the program."""
    touches: tuple[Touched, ...] = ()
    package: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$")] = ""
    """The Python package in the folder; empty: the name, with _ for -."""

    @property
    def shown_name(self) -> str:
        """What people call it."""
        return self.title or self.name

    @property
    def package_name(self) -> str:
        """The folder of its Python package."""
        return self.package or self.name.replace("-", "_")


def read_manifest(folder: Path, *, any_name: bool = False) -> Manifest:
    """The manifest of an extension's folder. Raises BrokenExtension, in words for whoever wrote it.

    `any_name`: the folder need not be called as the manifest says, for it is no installed one yet.
    """
    try:
        with (folder / MANIFEST_FILE).open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise BrokenExtension(f"Its folder has no {MANIFEST_FILE} that can be read.") from error
    if len(content) > MOST_BYTES:
        raise BrokenExtension(f"Its {MANIFEST_FILE} is larger than {MOST_BYTES:,} bytes.")
    return parse_manifest(content, None if any_name else folder.name)


def parse_manifest(content: bytes, folder: str | None) -> Manifest:
    """The manifest that some TOML holds, for a folder of that name, or of any. Raises BrokenExtension."""
    try:
        table = tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BrokenExtension(f"Its {MANIFEST_FILE} is no TOML: {error}.") from error
    try:
        manifest = Manifest.model_validate(table)
    except ValidationError as error:
        raise BrokenExtension(refused(error)) from error
    if not _OWN_NAME.fullmatch(manifest.name):
        raise BrokenExtension(
            f"Its {MANIFEST_FILE} has name = {manifest.name!r}: use small letters, digits, - and _ only."
        )
    if folder is not None and manifest.name != folder:
        raise BrokenExtension(f"Its {MANIFEST_FILE} says that it is {manifest.name!r}, but its folder is {folder!r}.")
    return manifest


def refused(error: ValidationError, file: str = MANIFEST_FILE) -> str:
    """The first fault of a manifest as a sentence about the file that holds it."""
    fault: Mapping[str, Any] = error.errors(include_url=False)[0]
    field = ".".join(str(place) for place in fault["loc"])
    if fault["type"] == "missing":
        return f"Its {file} lacks {field!r}."
    if fault["type"] == "extra_forbidden":
        return f"Its {file} has {field!r}, which is no field. Fields: {', '.join(Manifest.model_fields)}."
    problem = str(fault["msg"]).removeprefix("Value error, ")
    return f"Its {file} has {field} = {str(fault['input'])[:80]!r}: {problem[:1].lower()}{problem[1:]}."
