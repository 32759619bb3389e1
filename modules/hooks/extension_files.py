"""What lies in an extension's folder beside its code: scripts and a style of the page, texts, wildcards, styles.

They are read when the extension is taken in, so that what the page is given is what the hash of the folder stands for.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from modules.errors import BrokenExtension
from modules.hooks.a1111_folders import language_of
from modules.hooks.extension_folders import ExtensionFolder

SCRIPTS_FOLDER = "javascript"
STYLE_FILE = "style.css"
A1111_SCRIPT = "a1111.js"
"""What the page's scripts of A1111's extensions ask for; it goes before them."""
LOCALES_FOLDER = "locales"
A1111_LOCALES_FOLDER = "localizations"
WILDCARDS_FOLDER = "wildcards"
STYLES_FILE = "styles.csv"
MOST_BYTES = 2 * 2**20
"""Of a file that the page gets."""


@dataclass(frozen=True)
class ExtensionFiles:
    """The files of one extension that need no code of it."""

    extension: str
    of_page: Mapping[str, bytes]
    """Scripts (`javascript/waves.js`) and the style sheet (`style.css`), by their paths in the folder."""
    locales: Mapping[str, Mapping[str, str]]
    """By the code of a language (ISO 639-1): texts from the English ones."""
    wildcards: Path | None
    """The folder of its wildcards."""
    styles: Path | None
    """The file of its styles."""

    @property
    def scripts(self) -> tuple[str, ...]:
        """The paths of its scripts, in the order in which the page runs them."""
        return tuple(path for path in self.of_page if path != STYLE_FILE)

    @cached_property
    def version(self) -> str:
        """Another word where the page is given something else; empty where it is given nothing."""
        texts = {f"{language}.json": json.dumps(self.locales[language]).encode() for language in self.locales}
        if not self.of_page and not texts:
            return ""
        digest = hashlib.sha256()
        for path, content in {**self.of_page, **texts}.items():
            digest.update(b"%d:%b%d:%b" % (len(path), path.encode(), len(content), content))
        return digest.hexdigest()[:16]


def read_extension_files(folder: ExtensionFolder) -> ExtensionFiles:
    """What lies in a folder. Raises BrokenExtension for a file that cannot be used, and for one of the page where the
    manifest does not say that the page is touched."""
    root = folder.path
    patterns = ("*.js", "*.mjs") if folder.is_of_a1111 else ("*.js",)
    scripts = sorted(path for pattern in patterns for path in (root / SCRIPTS_FOLDER).glob(pattern))
    of_page = {
        path.relative_to(root).as_posix(): _text(path, root).encode()
        for path in (*scripts, root / STYLE_FILE)
        if path.is_file()
    }
    if folder.is_of_a1111 and scripts:
        of_page = {A1111_SCRIPT: (Path(__file__).parent / A1111_SCRIPT).read_bytes(), **of_page}
    if of_page and folder.manifest is not None and "page" not in folder.manifest.touches:
        raise BrokenExtension(
            f'It has {next(iter(of_page))}, but "page" is not among what its extension.toml says that it touches. '
            "People read there what they agree to."
        )
    wildcards, styles = root / WILDCARDS_FOLDER, root / STYLES_FILE
    return ExtensionFiles(
        extension=folder.name,
        of_page=of_page,
        locales=_of_a1111(root) if folder.is_of_a1111 else _locales(root),
        wildcards=wildcards if wildcards.is_dir() else None,
        styles=styles if styles.is_file() else None,
    )


def _locales(root: Path) -> Mapping[str, Mapping[str, str]]:
    texts = sorted(path for path in (root / LOCALES_FOLDER).glob("*.json") if path.is_file())
    return {path.stem: _locale(path, root) for path in texts}


def _of_a1111(root: Path) -> Mapping[str, Mapping[str, str]]:
    """Localizations by their languages. Of several of one language the first by name goes before the others."""
    found: dict[str, Mapping[str, str]] = {}
    for path in sorted((root / A1111_LOCALES_FOLDER).glob("*.json")):
        language = language_of(path.stem)
        if path.is_file() and language:
            found[language] = {**_locale(path, root), **found.get(language, {})}
    return found


def _text(path: Path, root: Path) -> str:
    shown = path.relative_to(root).as_posix()
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise BrokenExtension(f"Its {shown} is larger than {MOST_BYTES // 2**20} MiB.")
        return content.decode("utf-8-sig")
    except OSError as error:
        raise BrokenExtension(f"Its {shown} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise BrokenExtension(f"Its {shown} is not UTF-8 (byte {error.start + 1}).") from error


def _locale(path: Path, root: Path) -> Mapping[str, str]:
    shown = path.relative_to(root).as_posix()
    try:
        texts = json.loads(_text(path, root))
    except (ValueError, RecursionError) as error:
        raise BrokenExtension(f"Its {shown} is no JSON: {error}.") from error
    if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
        raise BrokenExtension(f"Its {shown} is not one object of texts from English texts.")
    return texts
