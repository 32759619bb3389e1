"""What a person may look for among the pictures, as a condition of the database."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from modules.errors import InvalidRequest
from modules.schema.infotext import parse_infotext
from modules.schema.pictures import Picture

MOST_WORDS = 20
_ESCAPE = "\\"


@dataclass(frozen=True, kw_only=True)
class PictureSearch:
    """All that is given has to hold. Names are compared without regard to the case of their ASCII letters."""

    words: str = ""
    """Each of them, which spaces part, has to be somewhere in the infotext."""
    seed: int | None = None
    model: str = ""
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


def condition(search: PictureSearch) -> tuple[str, list[object]]:
    """What follows WHERE, and its values. Raises InvalidRequest for more words than are looked for."""
    parts = list(_parts(search))
    return " AND ".join(part for part, _ in parts) or "1", [value for _, value in parts]


def _parts(search: PictureSearch) -> Iterator[tuple[str, object]]:
    words = search.words.split()
    if len(words) > MOST_WORDS:
        raise InvalidRequest("Words", len(words), "are too many to look for", f"The most is {MOST_WORDS}.")
    for word in words:
        yield f"infotext LIKE ? ESCAPE '{_ESCAPE}'", f"%{_escaped(word)}%"
    exact: dict[str, object] = {
        "seed = ?": search.seed,
        "width = ?": search.width,
        "height = ?": search.height,
        "created >= ?": search.since,
        "created < ?": search.until,
        "user = ?": search.user,
        "job_id = ?": search.job_id or None,
        "model = ? COLLATE NOCASE": search.model or None,
        "sampler = ? COLLATE NOCASE": search.sampler or None,
    }
    yield from ((part, value) for part, value in exact.items() if value is not None)


def _escaped(word: str) -> str:
    for sign in (_ESCAPE, "%", "_"):
        word = word.replace(sign, _ESCAPE + sign)
    return word


def facts_of(infotext: str) -> tuple[str, str]:
    """The names of the checkpoint and of the sampler that an infotext tells; "" for what it does not."""
    parameters = parse_infotext(infotext).parameters
    return parameters.get("Model", ""), parameters.get("Sampler", "")


def cursor_of(picture: Picture) -> str:
    """Where a page ends, for whoever asks for the next one."""
    return f"{picture.created!r}_{picture.id}"


def place_of(cursor: str) -> tuple[float, int]:
    """When the last picture of a page was made, and its id. Raises InvalidRequest."""
    created, _, number = cursor.partition("_")
    try:
        place = float(created), int(number)
    except ValueError:
        place = math.nan, 0
    if not math.isfinite(place[0]) or abs(place[1]) >= 1 << 63:
        raise InvalidRequest("Cursor", cursor, "is none", "Give the `next` of the page before, or leave it out.")
    return place
