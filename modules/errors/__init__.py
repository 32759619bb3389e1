"""The one exception tree. It knows nothing of what raises it.

    AtelierError
    ├── UserError               a person can mend it: the text is shown as it stands
    │   ├── InvalidRequest      a field of a request: names field, value and remedy
    │   ├── InvalidSetting      a value in the settings file or on the command line
    │   │   └── InvalidSettings changes of settings that are refused as a whole
    │   ├── ModelNotFound       no such checkpoint or upscaler, or none at all
    │   ├── UnsupportedModel    a checkpoint or upscaler of a kind that cannot be run
    │   ├── BrokenModel         a checkpoint or upscaler that is damaged or incomplete
    │   ├── BrokenInstallation  a package that the program needs is missing or damaged
    │   ├── PluginFailed        an extension ran into a fault of its own
    │   ├── BrokenExtension     an extension whose folder or manifest cannot be used
    │   ├── NumbersOverflowed   the network left the range of its number format
    │   ├── OutOfMemory         the device has too little memory for what was asked
    │   ├── UnreadablePicture   a picture file that cannot be read
    │   ├── StorageFull         no room left on the disk
    │   ├── DownloadFailed      a server that cannot be reached, refuses, or breaks off
    │   ├── BrokenDatabase      the database file is damaged
    │   ├── DatabaseUnavailable the database file cannot be read or written now
    │   ├── QueueFull           too many jobs are waiting
    │   ├── WorkerUnavailable   no worker answers now
    │   ├── NotFound            no job or picture of that id
    │   ├── NotAllowed          something for owners of the server alone
    │   ├── TooManyAttempts     too many wrong passwords within a minute
    │   ├── AddressInUse        the port belongs to another program
    │   └── DataFolderInUse     another server works on the same data folder
    ├── Interrupted             a person stopped the job; not a fault
    └── Skipped                 a person left out what the job is making now; not a fault

Whatever is not a UserError is a fault of the program: it is logged with its traceback and an id.
"""

from __future__ import annotations

import math


class AtelierError(Exception):
    """Base of every exception that Atelier raises on purpose."""


class UserError(AtelierError):
    """Something the person at the keyboard can mend; str() is a sentence for them."""


class InvalidRequest(UserError):
    """A request field whose value cannot be used.

    `field` is the name a person sees, `value` what was given, `problem` what is wrong with it and `remedy` a
    sentence that says what to do.
    """

    def __init__(self, field: str, value: object, problem: str, remedy: str) -> None:
        self.field = field
        self.value = value
        self.problem = problem
        self.remedy = remedy
        super().__init__(f"{field} {_shortened(value)} {problem}. {remedy}")


class InvalidSetting(UserError):
    """A settings value or command-line argument that cannot be used."""


class InvalidSettings(InvalidSetting):
    """Several changes of settings, some of which cannot be made; `problems` has a sentence for each of these."""

    def __init__(self, problems: dict[str, str]) -> None:
        self.problems = problems
        super().__init__(" ".join(problems.values()))


class ModelNotFound(UserError):
    """No checkpoint, upscaler or face restorer of the wanted name, or none at all."""


class UnsupportedModel(UserError):
    """A checkpoint or upscaler of a kind that this version cannot run, or with a licence that was not accepted."""


class BrokenModel(UserError):
    """A checkpoint, upscaler or face network that is damaged or incomplete."""


class BrokenInstallation(UserError):
    """A package that the program needs is missing or damaged."""


class PluginFailed(UserError):
    """A fault in code that an extension brought; the sentence names the extension."""


class BrokenExtension(UserError):
    """An extension whose folder or manifest cannot be used, or whose needs are not met here."""


class NumbersOverflowed(UserError):
    """The network's numbers left the range of their format (NaN or infinity), so that there is no picture."""


class OutOfMemory(UserError):
    """The device has too little memory for the model or the picture."""


class UnreadablePicture(UserError):
    """A picture file that is damaged, too large, or of an unknown format."""


class StorageFull(UserError):
    """The disk has no room for what is to be written."""


class DownloadFailed(UserError):
    """A server could not be reached, refused to send a file, or broke off too often."""


class BrokenDatabase(UserError):
    """The database file is damaged."""


class DatabaseUnavailable(UserError):
    """The database file cannot be read or written now: another program holds it, or its disk fails."""


class QueueFull(UserError):
    """The queue holds as many jobs as it may."""


class WorkerUnavailable(UserError):
    """No worker answers now: it is being started, or busy with what cannot be interrupted."""


class NotFound(UserError):
    """No job or picture has the id that was asked for."""


class NotAllowed(UserError):
    """Something that this visitor may not do."""

    def __init__(self, sentence: str = "Only an owner of this server may do that.") -> None:
        super().__init__(sentence)


class TooManyAttempts(UserError):
    """Too many wrong passwords came from an address or for a name; `seconds` from now one may be tried again."""

    def __init__(self, seconds: float) -> None:
        self.seconds = max(1, math.ceil(seconds))
        super().__init__(f"Too many attempts to log in failed. Try again in {self.seconds} seconds.")


class AddressInUse(UserError):
    """The wanted address and port belong to another program."""


class DataFolderInUse(UserError):
    """Another running server holds the data folder."""


class Interrupted(AtelierError):
    """A person asked the running job to stop."""


class Skipped(AtelierError):
    """A person asked the running job to leave out what it is making now, and to go on."""


def _shortened(value: object, limit: int = 60) -> str:
    """Quote a value for a sentence; a long one is cut, since it may be a whole book."""
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
