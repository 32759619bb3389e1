"""What there is to choose from among the pictures that are looked for, with how many there are of each."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from modules.config.database import Database
from modules.gallery.infotext_facts import HERE
from modules.gallery.records import having
from modules.gallery.search import MADE_HERE, PictureSearch, condition

MOST_NAMES = 500
"""Of one kind: the most frequent ones are listed."""


@dataclass(frozen=True)
class Named:
    """A name and how many pictures have it."""

    name: str
    count: int


@dataclass(frozen=True)
class Sized:
    """A size in pixels and how many pictures have it."""

    width: int
    height: int
    count: int


@dataclass(frozen=True)
class Rated:
    """A number of stars and how many pictures have exactly these."""

    rating: int
    count: int


@dataclass(frozen=True)
class Facets:
    """The most frequent ones first; ratings by their stars."""

    models: list[Named]
    loras: list[Named]
    samplers: list[Named]
    sizes: list[Sized]
    origins: list[Named]
    ratings: list[Rated]
    favourites: int


def facets_of(database: Database, search: PictureSearch) -> Facets:
    """What there is among the pictures that are looked for. Raises InvalidRequest."""
    source, where, values = having(condition(search))
    shown = f"FROM {source} WHERE {where}"

    def counted(*columns: str) -> list[sqlite3.Row]:
        # One by one: all at once would sort the pictures by all that they differ in.
        names = ", ".join(columns)
        query = f"SELECT {names}, count(*) AS count {shown} GROUP BY {names} ORDER BY count(*) DESC, {names} LIMIT ?"
        return database.rows(query, (*values, MOST_NAMES))

    loras = database.rows(
        f"SELECT name, count(*) AS count FROM {source} CROSS JOIN picture_loras ON picture = id WHERE {where} "
        "GROUP BY name COLLATE NOCASE ORDER BY count(*) DESC, name LIMIT ?",
        (*values, MOST_NAMES),
    )
    origins = [(MADE_HERE if row["origin"] == HERE else row["origin"], row["count"]) for row in counted("origin")]
    ratings = [Rated(row["rating"], row["count"]) for row in counted("rating")]
    return Facets(
        models=[Named(row["model"], row["count"]) for row in counted("model") if row["model"]],
        loras=[Named(row["name"], row["count"]) for row in loras],
        samplers=[Named(row["sampler"], row["count"]) for row in counted("sampler") if row["sampler"]],
        sizes=[Sized(row["width"], row["height"], row["count"]) for row in counted("width", "height") if row["width"]],
        origins=[Named(name, count) for name, count in origins if name],
        ratings=sorted(ratings, key=lambda row: row.rating),
        favourites=sum(row["count"] for row in counted("favourite") if row["favourite"]),
    )
