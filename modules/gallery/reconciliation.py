"""Makes records agree with the files: a person may copy pictures in, delete or rename them at any time."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

from modules.config.database import Database
from modules.errors import UnreadablePicture
from modules.gallery.records import PictureRecords, insert_picture
from modules.imaging.reading import open_picture, read_infotext

log = logging.getLogger(__name__)

_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


def reconcile(database: Database, records: PictureRecords, outputs: Path, *, without: Path) -> None:
    """Add a record for every picture file without one, and drop those whose file is gone.

    Unreadable files are left, and so is what lies below the folder `without`. Of a file that is known nothing is asked
    but its name: there may be a hundred thousand.
    """
    known = records.paths()  # before the files are listed: a picture may be saved at any moment
    on_disk = set(_picture_names(outputs, without))
    records.forget(path for path in known - on_disk if not (outputs / path).is_file())
    for relative in sorted(on_disk - known):
        path = outputs / relative
        if not _is_own_file(path):
            continue
        try:
            _adopt(database, path, relative)
        except UnreadablePicture as error:
            log.debug("Left out of the gallery: %s", error)


def _picture_names(outputs: Path, without: Path) -> Iterator[str]:
    """Of what is called as pictures are, the paths below `outputs`; hidden files are being written."""
    for parent, folders, names in os.walk(outputs):
        folder = Path(parent)
        folders[:] = [name for name in folders if folder / name != without]
        below = "" if folder == outputs else f"{folder.relative_to(outputs).as_posix()}/"
        for name in names:
            if name.lower().endswith(_SUFFIXES) and not name.startswith("."):
                yield below + name


def _is_own_file(path: Path) -> bool:
    """Links may lead out of the folder."""
    return _is_utf8(path) and path.is_file() and not path.is_symlink()


def _is_utf8(path: Path) -> bool:
    """A name in another encoding cannot be stored or shown."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        log.debug("Left out of the gallery, its name is not UTF-8: %r", path)
        return False
    return True


def _adopt(database: Database, path: Path, relative: str) -> None:
    with open_picture(path) as image:
        width, height = image.size
    infotext = read_infotext(path)
    with database.transaction() as connection:
        known = connection.execute("SELECT 1 FROM pictures WHERE path = ?", (relative,)).fetchone()
        if known is None:  # it may have been saved since the folder was listed
            insert_picture(
                connection,
                path=relative,
                width=width,
                height=height,
                seed=None,
                infotext=infotext,
                created=path.stat().st_mtime,
                job_id=None,
                index=None,
            )
