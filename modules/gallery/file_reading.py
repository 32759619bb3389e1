"""What the gallery wants to know of a picture file, whatever is wrong with it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from modules.errors import UnreadablePicture
from modules.gallery.foreign.extension_readers import ExtensionReaders
from modules.gallery.foreign.reading import read_picture
from modules.gallery.records import FileFacts, FileState

LISTED_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".avif", ".gif")


def is_listed(name: str) -> bool:
    """Whether a name is that of a picture; hidden files are being written."""
    return name.lower().endswith(LISTED_SUFFIXES) and not name.startswith(".")


def state_of(facts: os.stat_result) -> FileState:
    """The state of a file as the system tells it."""
    return FileState(facts.st_mtime_ns, facts.st_size)


def facts_of_file(path: Path, state: FileState, readers: ExtensionReaders | None = None) -> FileFacts:
    """Size, parameters and faults of a file; its pixels are not read. Never raises for what is wrong with the file."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            return FileFacts(state, problem="This is a folder, whose name is that of a picture.")
        if not stat.S_ISREG(mode):
            return FileFacts(state, problem="This is no file.")
        if not state.size:
            return FileFacts(state, problem="The file is empty.")
        read = read_picture(path, readers)
        return FileFacts(state, read.width, read.height, read.infotext, read.problem)
    except UnreadablePicture as error:
        return FileFacts(state, problem=str(error))
    except PermissionError:
        return FileFacts(state, problem="The file may not be read. Change its permissions.")
    except OSError as error:
        return FileFacts(state, problem=f"The file cannot be read ({error.strerror or type(error).__name__}).")
