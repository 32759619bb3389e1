"""Albums: lists of pictures that a user made. A picture may be in many; an album holds no files."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass

from modules.config.database import Database
from modules.errors import InvalidRequest, NotFound
from modules.gallery.records import among

MOST_ALBUMS = 1_000
"""Of one user."""
LONGEST_NAME = 100


@dataclass(frozen=True)
class Album:
    """`count` are the pictures that are not in the bin, `cover` the one that was added last."""

    id: int
    name: str
    count: int
    cover: int | None


class Albums:
    """The albums of all users; whoever asks sees their own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_user(self, user: str) -> list[Album]:
        """A user's albums, by name."""
        return self._found("albums.user = ?", (user,))

    def get(self, album: int, user: str) -> Album:
        """One of a user's albums. Raises NotFound."""
        found = self._found("albums.user = ? AND albums.id = ?", (user, album)) if abs(album) < 1 << 63 else []
        if not found:
            raise NotFound(f"There is no album {album}.")
        return found[0]

    def add(self, name: str, user: str) -> Album:
        """Make an empty album. Raises InvalidRequest for a name that is none or taken, and for too many albums."""
        name = _checked(name)
        with self._database.transaction() as connection:
            row = connection.execute("SELECT count(*) AS count FROM albums WHERE user = ?", (user,)).fetchone()
            if row["count"] >= MOST_ALBUMS:
                remedy = f"The most is {MOST_ALBUMS:,}: delete one first."
                raise InvalidRequest("Album", name, "is one too many", remedy)
            _check_free(connection, name, user, 0)
            number = connection.execute(
                "INSERT INTO albums (user, name, created) VALUES (?, ?, ?)", (user, name, time.time())
            ).lastrowid
        return Album(number or 0, name, 0, None)

    def rename(self, album: int, name: str, user: str) -> Album:
        """Call an album otherwise. Raises InvalidRequest, NotFound."""
        name = _checked(name)
        self.get(album, user)
        with self._database.transaction() as connection:
            _check_free(connection, name, user, album)
            connection.execute("UPDATE albums SET name = ? WHERE id = ? AND user = ?", (name, album, user))
        return self.get(album, user)

    def delete(self, album: int, user: str) -> None:
        """Forget an album; its pictures stay. Raises NotFound."""
        self.get(album, user)
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM albums WHERE id = ? AND user = ?", (album, user))

    def change(self, album: int, user: str, *, add: Sequence[int], remove: Sequence[int], seen_by: str | None) -> Album:
        """Put pictures into an album and take some out; of those to add only what `seen_by` may see (None: all).

        Raises NotFound.
        """
        self.get(album, user)
        now = time.time()
        which, values = among(add, seen_by)
        with self._database.transaction() as connection:
            if remove:
                gone, numbers = among(remove, None)
                gone = gone.replace("id IN", "picture IN", 1)
                connection.execute(f"DELETE FROM album_pictures WHERE album = ? AND {gone}", (album, *numbers))
            if add:
                connection.execute(
                    f"INSERT OR IGNORE INTO album_pictures SELECT ?, id, ? FROM pictures WHERE {which}",
                    (album, now, *values),
                )
        return self.get(album, user)

    def containing(self, pictures: Sequence[int], user: str) -> dict[int, list[int]]:
        """Which of a user's albums each of some pictures is in."""
        which, values = among(pictures, None)
        rows = self._database.rows(
            "SELECT picture, album FROM album_pictures JOIN albums ON albums.id = album "
            f"WHERE {which.replace('id IN', 'picture IN', 1)} AND user = ? ORDER BY picture, album",
            (*values, user),
        )
        found: dict[int, list[int]] = {}
        for row in rows:
            found.setdefault(row["picture"], []).append(row["album"])
        return found

    def _found(self, where: str, values: tuple[object, ...]) -> list[Album]:
        shown = "FROM album_pictures JOIN pictures ON pictures.id = picture WHERE album = albums.id AND binned IS NULL"
        rows = self._database.rows(
            f"SELECT albums.id, name, (SELECT count(*) {shown}) AS count, "
            f"(SELECT picture {shown} ORDER BY added DESC, picture DESC LIMIT 1) AS cover "
            f"FROM albums WHERE {where} ORDER BY name, albums.id",
            values,
        )
        return [Album(row["id"], row["name"], row["count"], row["cover"]) for row in rows]


def _checked(name: str) -> str:
    name = " ".join(name.split())
    if not name:
        raise InvalidRequest("Name", name, "is empty", "Give the album a name.")
    if len(name) > LONGEST_NAME:
        raise InvalidRequest("Name", name, "is too long", f"The most is {LONGEST_NAME} characters.")
    return name


def _check_free(connection: sqlite3.Connection, name: str, user: str, album: int) -> None:
    query = "SELECT 1 FROM albums WHERE user = ? AND name = ? AND id != ?"
    if connection.execute(query, (user, name, album)).fetchone() is not None:
        raise InvalidRequest("Name", name, "is taken", "Choose another, or use that album.")
