"""What a person may look for among the pictures, as a condition of the database."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from modules.errors import InvalidRequest
from modules.gallery.infotext_facts import HERE
from modules.gallery.words import word_query
from modules.schema.pictures import Picture

Order = Literal["newest", "oldest", "rating"]
MADE_HERE = "here"
"""What the origin of this program's own pictures is asked for by."""

ORDERS: dict[Order, str] = {
    "newest": "created DESC, id DESC",
    "oldest": "created, id",
    "rating": "rating DESC, created DESC, id DESC",
}
_BEHIND: dict[Order, str] = {
    "newest": "(created, id) < (?, ?)",
    "oldest": "(created, id) > (?, ?)",
    "rating": "(rating, created, id) < (?, ?, ?)",
}
_LARGEST = 1 << 63


@dataclass(frozen=True, kw_only=True)
class PictureSearch:
    """All that is given has to hold. Names are compared without regard to the case of their ASCII letters."""

    words: str = ""
    """See `word_query`."""
    negative: str = ""
    """The same for the negative prompt."""
    seed: int | None = None
    model: str = ""
    lora: str = ""
    sampler: str = ""
    width: int | None = None
    """In pixels, as `height`."""
    height: int | None = None
    since: float | None = None
    """Seconds since 1970, the moment itself included."""
    until: float | None = None
    """The same, the moment itself left out."""
    job_id: str = ""
    user: str | None = None
    """Whose jobs made them; None: anybody's, also files that no job made."""
    favourite: bool | None = None
    rating: int = 0
    """At least so many stars."""
    album: int | None = None
    folder: int | None = None
    """An adopted folder; 0: that of outputs."""
    origin: str = ""
    """A program; MADE_HERE for this one."""
    bin: bool = False
    """Those in the bin, instead of all others."""


@dataclass(frozen=True)
class Condition:
    """What follows WHERE. The words are apart: how they are best looked for depends on how many pictures have them."""

    facts: str
    values: tuple[object, ...]
    wanted: str
    """An expression of the index of words; "" where no words are asked for."""


def condition(search: PictureSearch) -> Condition:
    """The condition of a search. Raises InvalidRequest for more words than are looked for."""
    words = word_query(search.words, search.negative)
    parts = list(_parts(search))
    if words.unwanted:
        parts.append(("id NOT IN (SELECT rowid FROM picture_words WHERE picture_words MATCH ?)", words.unwanted))
    facts = ["binned IS NOT NULL" if search.bin else "binned IS NULL", *(part for part, _ in parts)]
    return Condition(" AND ".join(facts), tuple(value for _, value in parts), words.wanted)


def _parts(search: PictureSearch) -> Iterator[tuple[str, object]]:
    exact: dict[str, object] = {
        "seed = ?": search.seed,
        "width = ?": search.width,
        "height = ?": search.height,
        "created >= ?": search.since,
        "created < ?": search.until,
        "user = ?": search.user,
        "favourite = ?": search.favourite,
        "rating >= ?": search.rating or None,
        # The sign keeps the database from an index in which nearly all pictures are alike.
        "+folder = ?" if search.folder == 0 else "folder = ?": search.folder,
        "job_id = ?": search.job_id or None,
        "model = ? COLLATE NOCASE": search.model or None,
        "sampler = ? COLLATE NOCASE": search.sampler or None,
        "origin = ? COLLATE NOCASE": HERE if search.origin.lower() == MADE_HERE else search.origin or None,
        "id IN (SELECT picture FROM picture_loras WHERE name = ? COLLATE NOCASE)": search.lora or None,
        "id IN (SELECT picture FROM album_pictures WHERE album = ?)": search.album,
    }
    yield from ((part, value) for part, value in exact.items() if value is not None)


def cursor_of(picture: Picture, order: Order = "newest") -> str:
    """Where a page ends, for whoever asks for the next one."""
    place = f"{picture.created!r}_{picture.id}"
    return f"{picture.rating}_{place}" if order == "rating" else place


def behind(cursor: str, order: Order) -> tuple[str, tuple[object, ...]]:
    """What holds for the pictures behind a page that ended there, as a condition. Raises InvalidRequest."""
    *rating, created, number = cursor.split("_") if cursor.count("_") == (2 if order == "rating" else 1) else ("", "")
    try:
        place: tuple[float, ...] = (*map(int, rating), float(created), int(number))
    except ValueError:
        place = (math.nan,)
    if not all(math.isfinite(one) and abs(one) < _LARGEST for one in place):
        raise InvalidRequest("Cursor", cursor, "is none", "Give the `next` of the page before, or leave it out.")
    return _BEHIND[order], place
