"""What is known of a download, on the disk: it outlives the program that began it.

STAGING/ID/record.json    where it comes from and what the server said of it
STAGING/ID/NAME           what has come of it so far; whole, it is moved from here into its folder
STAGING/ID/lock           held by the process that is at work on it
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from modules.config.files import safe_name, write_atomically
from modules.services.download_sources import Source

log = logging.getLogger(__name__)

_RECORD = "record.json"
_LOCK = "lock"
_MOST_RECORD_BYTES = 1 << 16


@dataclass(frozen=True)
class DownloadRecord:
    """A download as it is stored; nothing in it is a secret."""

    id: str
    shown: str
    """The address without secrets."""
    is_whole: bool
    """Whether that address is enough to ask again."""
    kind: str = ""
    """What the person said it is; "" leaves that to the file."""
    name: str = ""
    """The file's name; "" until the server said it."""
    sha256: str = ""
    """That the person or the list asked for."""
    digest: str = ""
    """The sha256 that the server told; "" where it told none."""
    validator: str = ""
    """The server's mark of this version of the file: its ETag or time."""
    total: int | None = None
    """Bytes of the whole file; None where it is not known."""

    @property
    def expected(self) -> str:
        """The sha256 that the file must have; "" where nobody knows it."""
        return self.sha256 or self.digest


class DownloadRecords:
    """The downloads that lie in a staging folder."""

    def __init__(self, staging: Path) -> None:
        self._staging = staging

    def all(self) -> list[DownloadRecord]:
        """Every readable record, by id."""
        folders = sorted(self._staging.iterdir()) if self._staging.is_dir() else []
        return [record for folder in folders if (record := self._read(folder)) is not None]

    def write(self, record: DownloadRecord) -> None:
        """Keep a record. Raises StorageFull."""
        text = json.dumps(asdict(record), indent=1, ensure_ascii=False)
        write_atomically(self._folder(record.id) / _RECORD, text.encode())

    def part(self, record: DownloadRecord) -> Path:
        """The file that grows; the record must have a name."""
        return self._folder(record.id) / record.name

    def received(self, record: DownloadRecord) -> int:
        """How many bytes are here."""
        part = self._folder(record.id) / record.name
        return part.stat().st_size if record.name and part.is_file() else 0

    def lock_file(self, id: str) -> Path:
        """The file that the process at work holds a lock on."""
        return self._folder(id) / _LOCK

    def discard(self, id: str) -> None:
        """Throw a download away, and what came of it."""
        shutil.rmtree(self._folder(id), ignore_errors=True)

    def _folder(self, id: str) -> Path:
        return self._staging / id

    def _read(self, folder: Path) -> DownloadRecord | None:
        path = folder / _RECORD
        try:
            if path.stat().st_size > _MOST_RECORD_BYTES:
                raise ValueError("it is too long")
            return _checked(json.loads(path.read_bytes()), folder.name)
        except (OSError, ValueError, TypeError) as error:
            log.warning("The download in %s cannot be read and is left out: %s", folder, error)
            return None


def id_of(source: Source, name: str) -> str:
    """The same address and name are the same download, so that asking again goes on with it."""
    return hashlib.sha256(f"{source.shown}\n{name}".encode()).hexdigest()[:16]


def _checked(content: Any, id: str) -> DownloadRecord:
    """A record of a file that anything may have been written into. Raises ValueError, TypeError."""
    known = {field.name: content[field.name] for field in fields(DownloadRecord) if field.name in content}
    record = DownloadRecord(**known)
    texts = (record.shown, record.kind, record.name, record.sha256, record.digest, record.validator)
    is_sound = all(isinstance(text, str) for text in texts) and isinstance(record.is_whole, bool)
    if not is_sound or record.id != id or record.name != safe_name(record.name) or record.name in (_RECORD, _LOCK):
        raise ValueError("it is no record of a download")
    if record.total is not None and (type(record.total) is not int or record.total < 0):
        raise ValueError("its size is no number")
    return record
