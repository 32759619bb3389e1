"""What the cards of the Models tab show, as plain data."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

from modules.config.model_folders import FOLDER_KINDS, FolderKind
from modules.errors import ModelNotFound, StorageFull
from modules.services.model_cards import ModelCard, ModelCards
from modules.ui.model_kinds import BADGES, size_words

_MOST_KEPT = 20_000


def key_of(card: ModelCard) -> str:
    """What a page calls a file: its kind and its name."""
    return f"{card.kind}:{card.name}"


def kind_and_name(key: object) -> tuple[FolderKind, str]:
    """The parts of a key. Raises ModelNotFound for what is none."""
    kind, _, name = str(key or "").partition(":")
    for known in FOLDER_KINDS:
        if known == kind and name:
            return known, name
    raise ModelNotFound("No model is opened. Choose one first.")


def shown_card(card: ModelCard, *, preview: str, is_used: bool) -> dict[str, Any]:
    """A card for model_grid.js; `preview` is an address, or empty for the placeholder."""
    folder, _, title = card.name.rpartition("/")
    return {
        "key": key_of(card),
        "name": card.name,
        "title": title,
        "folder": folder,
        "badge": BADGES[card.family] if card.family else "",
        "used": is_used,
        "problem": card.problem,
        "refusal": "Broken" if card.file.is_broken else "Not usable",
        "line": " · ".join(filter(None, (size_words(card.size), card.file.short_hash))),
        "preview": preview,
    }


def address_of(file: Path) -> str:
    """Where the page finds a file of a folder that is served."""
    return f"gradio_api/file={quote(file.as_posix())}"


class Previews:
    """The addresses of small previews, remembered, since finding one out takes a look at the disk or a decoder."""

    def __init__(self, cards: ModelCards) -> None:
        self._cards = cards
        self._known: dict[tuple[Path, int, Path | None, int], str] = {}

    def known(self, card: ModelCard) -> str | None:
        """Its address, "" where it has none; None where nobody looked yet."""
        return self._known.get(_mark(card))

    def find(self, card: ModelCard) -> str:
        """Its address, "" where it has none; makes the small copy if need be."""
        mark = _mark(card)
        if mark not in self._known:
            if len(self._known) >= _MOST_KEPT:
                self._known.clear()
            try:
                file = self._cards.thumbnail_of(card.file)
            except (OSError, StorageFull):
                return ""
            self._known[mark] = address_of(file) if file is not None else ""
        return self._known[mark]


def _mark(card: ModelCard) -> tuple[Path, int, Path | None, int]:
    try:
        stamp = card.preview.stat().st_mtime_ns if card.preview is not None else 0
    except OSError:
        stamp = 0
    return card.path, card.file.state.stamp, card.preview, stamp
