"""Models as people look through them: cards with preview, words and family, found by search, edited in place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, get_args

from modules.checkpoints.card import Card, read_card, write_card
from modules.checkpoints.identification import Family
from modules.checkpoints.model_files import ModelFile, ModelFiles
from modules.checkpoints.side_files import TEXTS, SideFiles, embedded_preview
from modules.checkpoints.training_facts import TrainingFacts, training_facts
from modules.checkpoints.weights_header import read_header
from modules.checkpoints.weights_identity import WeightsIdentity
from modules.config.files import write_atomically
from modules.config.model_folders import FOLDER_KINDS, FolderKind
from modules.errors import InvalidRequest, ModelNotFound, UnreadablePicture, UserError
from modules.imaging.encoding import encode_thumbnail
from modules.imaging.reading import load_input

Order = Literal["name", "path", "created", "modified", "size"]
ORDERS: tuple[Order, ...] = get_args(Order)
THUMBNAIL_SIDE = 320
_MOST_KEPT = 20_000
_WITH_METADATA = (".safetensors", ".sft")


@dataclass(frozen=True)
class ModelCard:
    """A model file, and what the files beside it say."""

    file: ModelFile
    card: Card
    preview: Path | None
    """The picture beside it; one in its header is found by `ModelCards.thumbnail`."""

    @property
    def kind(self) -> FolderKind:
        return self.file.kind

    @property
    def name(self) -> str:
        return self.file.name

    @property
    def path(self) -> Path:
        return self.file.path

    @property
    def size(self) -> int:
        """Bytes."""
        return self.file.size

    @property
    def modified(self) -> float:
        """Seconds since 1970."""
        return self.file.mtime

    @cached_property
    def created(self) -> float:
        """Seconds since 1970; where the system keeps no such time, when it was put there."""
        try:
            state = self.path.stat()
        except OSError:
            return 0.0
        return float(getattr(state, "st_birthtime", state.st_ctime))

    @property
    def family(self) -> Family | None:
        """What a person or Civitai said it was made for, or else what its header says."""
        return self.card.family or (self.file.identity.family if self.file.identity else None)

    @property
    def title(self) -> str:
        """What it is, in words; "" where its header tells nothing."""
        return self.file.identity.title if self.file.identity else ""

    @property
    def precision(self) -> str:
        """The header's name of its numbers' type, such as F16."""
        return self.file.identity.precision if self.file.identity else ""

    @property
    def sha256(self) -> str:
        """ "" where it is not known yet."""
        return self.file.sha256 or ""

    @property
    def problem(self) -> str:
        """Why it cannot be used; "" where it can."""
        return self.file.problem

    def holds(self, words: str) -> bool:
        """Whether each word of a search is somewhere in its name, hash, family or texts."""
        card = self.card
        facts = (self.name + self.path.suffix, self.sha256, self.title, str(self.family or ""), card.title)
        words_of_card = (card.base_model, card.description, card.notes, *card.trigger_words)
        text = "\n".join((*facts, *words_of_card)).lower()
        return all(word in text for word in words.lower().split())


@dataclass(frozen=True)
class _Kept:
    """A card, and what it was read from."""

    identity: WeightsIdentity | None
    texts: tuple[tuple[str, int, int], ...]
    card: Card


class ModelCards:
    """The cards of all model files. Only files beside a known model are read or written."""

    def __init__(self, files: ModelFiles, cache: Path) -> None:
        self._files = files
        self._thumbnails = cache / "model-previews"
        self._kept: dict[Path, _Kept] = {}
        self._without_preview: set[str] = set()

    def all(
        self, kind: FolderKind, search: str = "", *, order: Order = "name", descending: bool = False
    ) -> list[ModelCard]:
        """The cards of a kind that hold every word of `search`. Raises InvalidRequest for an unknown kind or order."""
        if order not in ORDERS:
            raise InvalidRequest("Sort", order, "is not known", f"Choose one of: {', '.join(ORDERS)}.")
        folders: dict[Path, frozenset[str]] = {}
        cards = [self._card(file, _listing(file.path.parent, folders)) for file in self._of(kind)]
        found = [card for card in cards if card.holds(search)] if search.strip() else cards
        return sorted(found, key=lambda card: _key(card, order), reverse=descending)

    def find(self, kind: FolderKind, name: str) -> ModelCard:
        """The card of a model by its name, in any case, with or without spaces around it.

        Raises ModelNotFound, InvalidRequest.
        """
        return self._card(self._file(kind, name), None)

    def card_of(self, file: ModelFile) -> ModelCard:
        """The card of a file that was found already."""
        return self._card(file, None)

    def training_facts(self, kind: FolderKind, name: str) -> TrainingFacts:
        """What the header of a file says of its making; nothing where it cannot be read. Raises ModelNotFound."""
        return training_facts(_metadata(self._file(kind, name)))

    def thumbnail(self, kind: FolderKind, name: str) -> Path | None:
        """A small copy of the preview beside a model or in its header, kept in the cache; None where there is none.

        Raises ModelNotFound, StorageFull.
        """
        return self.thumbnail_of(self._file(kind, name))

    def thumbnail_of(self, file: ModelFile) -> Path | None:
        """The same of a file that was found already. Raises StorageFull."""
        preview = _sides(file, None).preview()
        stated = preview.stat() if preview is not None else None
        state = (stated.st_size, stated.st_mtime_ns) if stated else (file.state.size, file.state.stamp)
        mark = sha256(f"{preview or file.path}|{state}".encode()).hexdigest()[:32]
        path = self._thumbnails / f"{mark}.jpg"
        if path.is_file():
            return path
        source = preview or (None if mark in self._without_preview else embedded_preview(_metadata(file)))
        try:
            if source is not None:
                write_atomically(path, encode_thumbnail(load_input(source, file.name), THUMBNAIL_SIDE))
                return path
        except UnreadablePicture:
            pass  # a broken preview is none
        self._without_preview.add(mark)
        return None

    def edit(self, kind: FolderKind, name: str, changes: Mapping[str, Any]) -> ModelCard:
        """Set fields of a card (see `checkpoints.card.write_card`); None takes one away.

        Raises ModelNotFound, InvalidRequest, StorageFull.
        """
        file = self._file(kind, name)
        with _told_in_words(file):
            write_card(_sides(file, None), changes)
        return self._card(file, None)

    def set_preview(self, kind: FolderKind, name: str, picture: Path | bytes) -> ModelCard:
        """Make a picture, which is encoded anew, the preview of a model.

        Raises ModelNotFound, UnreadablePicture, StorageFull.
        """
        file, image = self._file(kind, name), load_input(picture)
        with _told_in_words(file):
            _sides(file, None).write_preview(image)
        return self._card(file, None)

    def _of(self, kind: FolderKind) -> tuple[ModelFile, ...]:
        if kind not in FOLDER_KINDS:
            raise InvalidRequest("Kind", kind, "is not known", f"Choose one of: {', '.join(FOLDER_KINDS)}.")
        return self._files.all(kind)

    def _file(self, kind: FolderKind, name: str) -> ModelFile:
        wanted = name.strip().lower()
        found = [file for file in self._of(kind) if file.name.strip().lower() == wanted]
        if found:
            return next((file for file in found if file.name == name), found[0])
        raise ModelNotFound(f"There is no {kind} {name!r} here. It may have been moved or renamed.")

    def _card(self, file: ModelFile, names: frozenset[str] | None) -> ModelCard:
        """The card of a file; one that was read before where nothing has changed since."""
        sides = _sides(file, names)
        texts = tuple((path.name, *_state(path)) for path in sides.present(*TEXTS))
        kept = self._kept.get(file.path)
        if kept is None or kept.texts != texts or kept.identity != file.identity:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            identity = file.identity or WeightsIdentity("unknown", "")
            kept = self._kept[file.path] = _Kept(file.identity, texts, read_card(file.path, identity, sides))
        return ModelCard(file, kept.card, sides.preview())


@contextmanager
def _told_in_words(file: ModelFile) -> Iterator[None]:
    """Raises InvalidRequest where the files beside a model cannot be written."""
    try:
        yield
    except PermissionError as error:
        problem = "cannot be changed: its folder may not be written to"
        remedy = f"Allow this program to write into {file.path.parent}, or put the model elsewhere."
        raise InvalidRequest("Model", file.name, problem, remedy) from error


def _sides(file: ModelFile, names: frozenset[str] | None) -> SideFiles:
    return SideFiles(file.path, is_folder=file.is_folder, names=names)


def _listing(folder: Path, known: dict[Path, frozenset[str]]) -> frozenset[str]:
    """The names in a folder, listed once."""
    if folder not in known:
        try:
            known[folder] = frozenset(path.name for path in folder.iterdir())
        except OSError:
            known[folder] = frozenset()
    return known[folder]


def _state(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return (-1, -1)
    return (found.st_size, found.st_mtime_ns)


def _metadata(file: ModelFile) -> Mapping[str, str]:
    """What the header says besides its tensors; nothing where there is no header that can be read."""
    if file.is_folder or file.path.suffix.lower() not in _WITH_METADATA:
        return {}
    try:
        return read_header(file.path).metadata
    except (UserError, OSError):
        return {}


def _key(card: ModelCard, order: Order) -> tuple[float, str, str]:
    """Numbers first, then texts; the name decides between equals."""
    numbers: dict[Order, float] = {"modified": card.modified, "size": card.size}
    number = card.created if order == "created" else numbers.get(order, 0.0)
    return (number, str(card.path).lower() if order == "path" else "", card.name.lower())
