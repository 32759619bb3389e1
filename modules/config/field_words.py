"""What is said of one field of a request, on the command line, on the page and in refusals.

Standard library only, like the tables of these words: the launcher reads them before anything is installed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["value", "switch", "switched on", "list", "picture", "pictures", "pairs", "sections"]
"""How a field is typed: one word, a switch, a switch that is on unless it is switched off, any number of words, one
file, any number of files, any number of NAME=VALUE, any number of NAME or NAME:ARGUMENT=VALUE."""


@dataclass(frozen=True)
class FieldWords:
    """The words of one field; `help` is a line that starts small and ends without a full stop."""

    label: str
    help: str
    group: str
    flag: str = ""
    """The command line's; "" for the one that is given without."""
    metavar: str = "N"
    kind: Kind = "value"
