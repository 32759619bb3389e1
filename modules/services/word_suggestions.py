"""Use case: words that may be meant by what somebody begins to type into a prompt."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Literal, TypeVar, get_args

from modules.checkpoints.model_files import ModelFile
from modules.errors import InvalidRequest
from modules.prompt.comments import strip_comments
from modules.prompt.extra_networks import take_extra_networks
from modules.schema.infotext import parse_infotext
from modules.services.model_cards import ModelCards
from modules.services.model_words import lora_text
from modules.services.models import ModelService
from modules.services.pictures import PictureService
from modules.services.styles import StyleService
from modules.services.tag_files import FileState, FoundTag, TagList, key_of, read_tags, tag_files
from modules.services.wildcards import WildcardService

SuggestionKind = Literal["lora", "embedding", "wildcard", "style", "tag", "past"]
KINDS: tuple[SuggestionKind, ...] = get_args(SuggestionKind)
MOST = 50
_FEW = 4
"""Of a kind that is not asked for alone."""
_LEAST_OF_NAMES = 2
_MOST_TRIES = 3
_FRESH_SECONDS = 5.0
_PAST_SECONDS = 60.0
_PAST_PICTURES = 200
_MOST_PEOPLE = 64
_LONGEST_PAST = 60
_LONGEST_DETAIL = 120
_LORA_MARK = re.compile(r"<(?:l(?:o(?:r(?:a:?)?)?|y(?:c(?:o:?)?)?)?)?", re.IGNORECASE)
_BRACKET = re.compile(r"[()\[\]\\]")
_WORDS = re.compile(r"[^\W\d_]{2}")
_SPECIAL = re.compile(r"\\([()\[\]\\])")
_WEIGHED = re.compile(r"[()\[\]]|:\s*[+-]?[.\d]+\s*(?=\))")

Listed = TypeVar("Listed")


@dataclass(frozen=True)
class Suggestion:
    """Something that may be meant; `insert` is what a prompt needs for it."""

    kind: SuggestionKind
    label: str
    insert: str
    detail: str = ""
    count: int = 0
    """How common it is; 0 where that is not known."""


@dataclass(frozen=True)
class Found:
    """What may be meant by `typed`, which is what was asked for or the end of it."""

    typed: str
    suggestions: list[Suggestion]


class WordSuggestions:
    """Searches names of networks, wildcards and styles, the tag files of a folder, and words of a person's pictures."""

    def __init__(
        self,
        folder: Path,
        models: ModelService,
        cards: ModelCards,
        wildcards: WildcardService,
        styles: StyleService,
        pictures: PictureService,
    ) -> None:
        self.folder = folder
        self._models = models
        self._cards = cards
        self._styles = styles
        self._pictures = pictures
        self._wildcards = _Kept(lambda: wildcards.list_wildcards(), _FRESH_SECONDS)
        self._lock = threading.Lock()
        self._files: tuple[FileState, ...] = ()
        self._tags = TagList(())
        self._past: dict[str | None, _Kept[tuple[str, int]]] = {}

    def find(
        self, text: str, kinds: Collection[str] = (), *, user: str | None = None, limit: int = 12, spaces: bool = True
    ) -> Found:
        """What may be meant by `text` or else by its last words, the likeliest first; `kinds` empty: all.

        A text that begins with `<` means a LoRA, one that begins with `__` a wildcard. `user` is whose past prompts
        count, None: everybody's. `spaces`: tags are written with spaces for their underscores. Raises InvalidRequest
        for an unknown kind.
        """
        for kind in kinds:
            if kind not in KINDS:
                raise InvalidRequest("Kind", kind, "is not known", f"Choose some of: {', '.join(KINDS)}.")
        limit = max(1, min(limit, MOST))
        for typed in _endings(text):
            wanted, key = _meant(typed, kinds or KINDS)
            if found := self._found(key, wanted, user, limit, spaces):
                return Found(typed, found)
        return Found(text, [])

    def _found(self, key: str, wanted: Collection[str], user: str | None, limit: int, spaces: bool) -> list[Suggestion]:
        names = limit if len(wanted) == 1 else _FEW
        found: list[Suggestion] = []
        if len(key) >= _LEAST_OF_NAMES or len(wanted) == 1:
            for kind, search in self._by_name().items():
                found += search(key, names) if kind in wanted else []
        if key and "tag" in wanted:
            found += [_of_tag(one, spaces) for one in self._current_tags().search(key, limit - len(found))]
        if len(key) >= _LEAST_OF_NAMES and "past" in wanted and len(found) < limit:
            known = {key_of(one.label) for one in found}
            found += [one for one in self._of_past(key, user) if key_of(one.label) not in known]
        return found[:limit]

    def _by_name(self) -> dict[SuggestionKind, Callable[[str, int], list[Suggestion]]]:
        return {
            "lora": self._loras,
            "embedding": self._embeddings,
            "wildcard": self._of_wildcards,
            "style": self._of_styles,
        }

    def _loras(self, key: str, limit: int) -> list[Suggestion]:
        files = self._usable("lora")
        stems = [file.path.stem for file in files]
        found = []
        for file in _matching(files, key, _name_of, limit):
            card = self._cards.card_of(file)
            try:
                tag, words, _ = lora_text(card, stems)
            except InvalidRequest:
                continue  # a name that no tag can hold
            insert = f"{tag}, {words}" if words else tag
            found.append(Suggestion("lora", file.name, insert, _short(words or card.card.title)))
        return found

    def _embeddings(self, key: str, limit: int) -> list[Suggestion]:
        found = _matching(self._usable("embedding"), key, _name_of, limit)
        return [Suggestion("embedding", file.name, _escaped(file.path.stem)) for file in found]

    def _of_wildcards(self, key: str, limit: int) -> list[Suggestion]:
        found = _matching(self._wildcards.value(), key, lambda one: one.name, limit)
        return [Suggestion("wildcard", one.name, f"__{one.name}__", count=one.count) for one in found]

    def _of_styles(self, key: str, limit: int) -> list[Suggestion]:
        styles = [one.style for one in self._styles.list_styles() if one.style is not None and one.style.prompt]
        found = _matching(styles, key, lambda one: one.name, limit)
        return [Suggestion("style", one.name, _words_of_style(one.prompt), _short(one.prompt)) for one in found]

    def _of_past(self, key: str, user: str | None) -> list[Suggestion]:
        with self._lock:
            if user not in self._past and len(self._past) >= _MOST_PEOPLE:
                self._past.clear()
            kept = self._past.setdefault(user, _Kept(lambda: self._past_words(user), _PAST_SECONDS))
        found = (row for row in kept.value() if key_of(row[0]).startswith(key) and key_of(row[0]) != key)
        return [Suggestion("past", words, words, count=count) for words, count in found]

    def _past_words(self, user: str | None) -> list[tuple[str, int]]:
        """What the newest prompts hold between commas, the most frequent first."""
        words: Counter[str] = Counter()
        for picture in self._pictures.page(0, _PAST_PICTURES, user):
            prompt, _ = take_extra_networks(strip_comments(parse_infotext(picture.infotext).prompt))
            words.update(set(_parts(prompt)))
        return words.most_common()

    def _current_tags(self) -> TagList:
        files = tag_files(self.folder)
        with self._lock:
            if files != self._files:
                self._tags = read_tags(files)
                self._files = files
            return self._tags

    def _usable(self, kind: Literal["lora", "embedding"]) -> list[ModelFile]:
        return [file for file in self._models.files(kind) if not file.problem]


class _Kept(Generic[Listed]):
    """What a look at the disk gave a moment ago: to look for every key that is pressed would take too long."""

    def __init__(self, look: Callable[[], list[Listed]], seconds: float) -> None:
        self._look = look
        self._seconds = seconds
        self._until = 0.0
        self._value: list[Listed] = []

    def value(self) -> list[Listed]:
        if time.monotonic() >= self._until:
            self._value = self._look()
            self._until = time.monotonic() + self._seconds
        return self._value


def _endings(text: str) -> list[str]:
    """A text, and its last words: what somebody writes in sentences is no tag as a whole."""
    if text.startswith(("<", "__")):
        return [text]
    starts = [0, *(match.end() for match in re.finditer(r"[\s:]+", text))]
    return list(dict.fromkeys(text[at:] for at in (starts[0], *starts[-(_MOST_TRIES - 1) :]) if at < len(text)))


def _meant(text: str, kinds: Collection[str]) -> tuple[frozenset[str], str]:
    """The kinds that a text asks for, and what is looked for in their names."""
    if mark := _LORA_MARK.match(text):
        return frozenset({"lora"}) & frozenset(kinds), key_of(text[mark.end() :])
    if text.startswith("__"):
        return frozenset({"wildcard"}) & frozenset(kinds), key_of(text)
    return frozenset(kinds), key_of(_SPECIAL.sub(r"\1", text))


def _matching(listed: Iterable[Listed], key: str, name_of: Callable[[Listed], str], limit: int) -> list[Listed]:
    """Those whose name begins so, then those of which a part does, then those that hold it."""
    ranked: list[tuple[int, str, Listed]] = []
    for one in listed:
        name = key_of(name_of(one))
        at = name.find(key)
        if at < 0:
            continue
        part = re.search(rf"(?<![^\W_]){re.escape(key)}", name) if at else None
        ranked.append((0 if at == 0 else 1 if part else 2, name, one))
    return [one for _, _, one in sorted(ranked, key=lambda row: row[:2])[:limit]]


def _name_of(file: ModelFile) -> str:
    return file.name


def _of_tag(found: FoundTag, spaces: bool) -> Suggestion:
    name = found.tag.name
    # A face such as ^_^ is made of its underscore.
    written = name.replace("_", " ") if spaces and _WORDS.search(name) else name
    label = f"{found.alias} → {written}" if found.alias else written
    return Suggestion("tag", label, _escaped(written), count=found.tag.count)


def _escaped(name: str) -> str:
    return _BRACKET.sub(r"\\\g<0>", name)


def _words_of_style(prompt: str) -> str:
    """A style as words of their own: what stands around the place of the prompt."""
    return ", ".join(filter(None, (part.strip(" ,\n") for part in prompt.split("{prompt}"))))


def _parts(prompt: str) -> Iterator[str]:
    for part in re.split(r"[,\n|]|\bAND\b|\bBREAK\b", prompt):
        words = " ".join(_WEIGHED.sub("", part).split())
        if 1 < len(words) <= _LONGEST_PAST and "\\" not in words:
            yield words


def _short(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _LONGEST_DETAIL else f"{words[: _LONGEST_DETAIL - 1]}…"
