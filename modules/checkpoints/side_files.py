"""The files that lie beside a model and tell of it, by A1111's names; anybody may have written them.

NAME.json                             user metadata, a JSON object
NAME.txt, NAME.description.txt        a description
NAME.civitai.info                     what Civitai says, a JSON object
NAME.png, NAME.preview.png, ...       a preview; also as .jpg, .jpeg, .webp and .gif
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import logging
import stat
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from modules.config.files import write_atomically
from modules.errors import InvalidRequest

log = logging.getLogger(__name__)

MOST_BYTES = 1 << 20
"""Of a file of text; those that people write have a few KB."""
USER_METADATA = ".json"
CIVITAI = ".civitai.info"
DESCRIPTIONS = (".txt", ".description.txt")
PREVIEWS = tuple(
    f"{middle}.{suffix}" for suffix in ("png", "jpg", "jpeg", "webp", "gif") for middle in ("", ".preview")
)
"""The endings of previews, in the order in which they are looked for."""
TEXTS = (USER_METADATA, CIVITAI, *DESCRIPTIONS)
MOST_PREVIEW_SIDE = 1024
_OWN_PREVIEW = ".preview.png"
_DATA_URI = "data:image/"


class SideFiles:
    """Those of one model, a file or a folder.

    `names` are those in its folder, where somebody has listed it already; otherwise the disk is asked for each one.
    """

    def __init__(self, model: Path, *, is_folder: bool | None = None, names: Collection[str] | None = None) -> None:
        self._folder = model.parent
        self._stem = model.name if (model.is_dir() if is_folder is None else is_folder) else model.stem
        self._model = model
        self._names = names

    def path(self, ending: str) -> Path:
        """Where the one with that ending lies, or would lie."""
        return self._folder / f"{self._stem}{ending}"

    def present(self, *endings: str) -> list[Path]:
        """Those of some endings that are there, in their order; never the model itself."""
        if self._names is not None:  # paths are made of those alone that are there, since making them is slow
            endings = tuple(ending for ending in endings if f"{self._stem}{ending}" in self._names)
            return [path for path in map(self.path, endings) if path != self._model]
        return [path for path in map(self.path, endings) if path != self._model and path.is_file()]

    def user_metadata(self) -> dict[str, Any]:
        """The JSON object of NAME.json; empty where there is none that can be read."""
        return self._json(USER_METADATA)

    def civitai(self) -> dict[str, Any]:
        """The JSON object of NAME.civitai.info; empty where there is none that can be read."""
        return self._json(CIVITAI)

    def description(self) -> str:
        """The text of the first description; "" where there is none that can be read."""
        for path in self.present(*DESCRIPTIONS):
            if (content := _read(path)) is not None:
                return content.decode("utf-8-sig", "replace").strip()
        return ""

    def preview(self) -> Path | None:
        """The preview that is shown."""
        return next(iter(self.present(*PREVIEWS)), None)

    def write_user_metadata(self, changes: Mapping[str, Any]) -> None:
        """Set some keys of NAME.json, and take away those that are None; all others stay.

        A file that is no JSON object is kept aside under another name. Raises StorageFull, InvalidRequest.
        """
        path = self.path(USER_METADATA)
        before = _read(path) if path.is_file() else b"{}"
        content = _parsed(before)
        if content is None:
            kept = path.with_name(path.name + ".broken")
            log.warning("%s is no JSON object; it is kept as %s", path, kept)
            path.replace(kept)
            content = {}
        content.update(changes)
        text = json.dumps({key: value for key, value in content.items() if value is not None}, indent=4).encode()
        if len(text) > MOST_BYTES:  # it would not be read again
            problem = f"would have {len(text):,} bytes, and the most is {MOST_BYTES:,}"
            raise InvalidRequest("Card", path.name, problem, "Shorten its texts.")
        write_atomically(path, text)

    def write_preview(self, image: Image.Image) -> Path:
        """Make a picture the preview; its path. Written anew, without what the file carried. Raises StorageFull."""
        small = image.convert("RGB")
        small.thumbnail((MOST_PREVIEW_SIDE, MOST_PREVIEW_SIDE), Image.Resampling.LANCZOS)
        buffer = io.BytesIO()
        small.save(buffer, format="PNG")
        # NAME.png comes first wherever previews are looked for, but it may be an embedding itself, so none is made.
        path = next(iter(self.present(PREVIEWS[0])), self.path(_OWN_PREVIEW))
        write_atomically(path, buffer.getvalue())
        return path

    def _json(self, ending: str) -> dict[str, Any]:
        for path in self.present(ending):
            if (content := _parsed(_read(path))) is not None:
                return content
            log.warning("%s is left out: it is no JSON object of at most %d bytes", path, MOST_BYTES)
        return {}


def embedded_preview(metadata: Mapping[str, str]) -> bytes | None:
    """The picture file that a header's metadata hold: modelspec.thumbnail, or the first of ssmd_cover_images."""
    covers = metadata.get("ssmd_cover_images", "")
    thumbnail = metadata.get("modelspec.thumbnail", "")
    if thumbnail.startswith(_DATA_URI):
        return _decoded(thumbnail.partition(",")[2])
    try:
        listed = json.loads(covers) if covers else []
    except (ValueError, RecursionError):
        return None
    first = listed[0] if isinstance(listed, list) and listed else ""
    return _decoded(first) if isinstance(first, str) else None


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True) or None
    except (binascii.Error, ValueError):
        return None


def _read(path: Path) -> bytes | None:
    """The content of a file of text; None for what is none, or too long."""
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode) or state.st_size > MOST_BYTES:
            return None
        with path.open("rb") as file:
            return file.read(MOST_BYTES)
    except OSError:
        return None


def _parsed(content: bytes | None) -> dict[str, Any] | None:
    try:
        parsed = json.loads(content or b"null")
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None
