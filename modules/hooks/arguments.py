"""What a script asks a person for: a list of named, typed arguments, from which page, API, command line and infotext
are made alike.

Every kind reads a value as a form, a JSON body, a command line or an infotext sends it, and refuses others in words.
"""

from __future__ import annotations

import csv
import difflib
import io
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from modules.errors import InvalidRequest
from modules.hooks.available import Available

Value = bool | int | float | str | tuple[str, ...]
Arguments = Mapping[str, Any]
"""Values by the arguments' names; of all arguments, each of its argument's type."""
Choices = tuple[str, ...] | Callable[[Available, Arguments], Iterable[str]]
"""Words, or how they follow from what there is and from the values of the other arguments."""

MAX_TEXT = 65_536


@dataclass(frozen=True, kw_only=True)
class Argument(ABC):
    """One argument. `key` is its name in infotexts; an argument without one is not written there."""

    kind: ClassVar[str]
    """The word for its class, in the API."""
    name: str
    """By which requests and hooks call it; letters, digits and _."""
    label: str
    """What the page calls it."""
    help: str = ""
    """What it is for, in a few words; may be empty."""
    key: str = ""
    """What infotexts call it."""

    @property
    @abstractmethod
    def initial(self) -> Value:
        """The value where none is given."""

    @abstractmethod
    def read(self, value: object, available: Available, others: Arguments) -> Value:
        """The value as the script gets it. Raises InvalidRequest."""

    def written(self, value: Value) -> str:
        """The value as text, which `read` understands."""
        return f"{value:.15g}" if isinstance(value, float) else str(value)

    def refused(self, value: object, problem: str, remedy: str) -> InvalidRequest:
        """The refusal of a value."""
        return InvalidRequest(self.label, value, problem, remedy)


@dataclass(frozen=True, kw_only=True)
class Text(Argument):
    """Any text; `lines` is the height of its box. `suggestions` are texts that a person may want in it."""

    kind: ClassVar[str] = "text"
    default: str = ""
    lines: int = 1
    suggestions: Choices = ()

    @property
    def initial(self) -> str:
        return self.default

    def read(self, value: object, available: Available, others: Arguments) -> str:
        if not isinstance(value, str):
            raise self.refused(value, "is not text", "Write it in letters.")
        if len(value) > MAX_TEXT:
            raise self.refused(value, f"has {len(value):,} characters", f"The most is {MAX_TEXT:,}: shorten it.")
        return value.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")

    def suggested(self, available: Available, others: Arguments) -> tuple[str, ...]:
        """What may be offered."""
        return _listed(self.suggestions, available, others)

    @staticmethod
    def joined(words: Iterable[str]) -> str:
        """Several suggestions as one text: CSV, with quotes around those that hold a comma."""
        cells: list[str] = []
        for word in words:
            cell = io.StringIO()
            csv.writer(cell, lineterminator="").writerow([word])
            cells.append(cell.getvalue())
        return ", ".join(cells)


@dataclass(frozen=True, kw_only=True)
class Number(Argument):
    """A number between `minimum` and `maximum`, both included."""

    kind: ClassVar[str] = "number"
    default: float
    minimum: float
    maximum: float
    step: float = 1
    whole: bool = False

    @property
    def initial(self) -> int | float:
        return self.default

    def read(self, value: object, available: Available, others: Arguments) -> int | float:
        number = _number(value)
        if number is None:
            raise self.refused(value, "is not a number", "Write digits, like 20 or 7.5.")
        if number < self.minimum:
            raise self.refused(number, "is too small", f"The least is {self.minimum:g}.")
        if number > self.maximum:
            raise self.refused(number, "is too large", f"The most is {self.maximum:g}.")
        if self.whole and number != int(number):
            raise self.refused(number, "is not a whole number", "Write digits only, like 20.")
        # What has more digits than `written` has would come back as another number.
        return int(number) if self.whole else float(f"{number:.15g}")


@dataclass(frozen=True, kw_only=True)
class Switch(Argument):
    """On or off."""

    kind: ClassVar[str] = "switch"
    default: bool = False

    @property
    def initial(self) -> bool:
        return self.default

    def read(self, value: object, available: Available, others: Arguments) -> bool:
        word = value.strip().lower() if isinstance(value, str) else value
        if word not in (True, False, "true", "false"):
            raise self.refused(value, "is neither on nor off", "Write True or False.")
        return word in (True, "true")


@dataclass(frozen=True, kw_only=True)
class Choice(Argument):
    """One of some words."""

    kind: ClassVar[str] = "choice"
    choices: Choices
    default: str

    @property
    def initial(self) -> str:
        return self.default

    def offered(self, available: Available, others: Arguments) -> tuple[str, ...]:
        """The words to choose from."""
        return _listed(self.choices, available, others)

    def read(self, value: object, available: Available, others: Arguments) -> str:
        return _chosen(self, value, self.offered(available, others))


@dataclass(frozen=True, kw_only=True)
class SeveralChoices(Argument):
    """Any number of some words, in the order in which they were chosen."""

    kind: ClassVar[str] = "choices"
    choices: Choices
    default: tuple[str, ...] = ()

    @property
    def initial(self) -> tuple[str, ...]:
        return self.default

    def offered(self, available: Available, others: Arguments) -> tuple[str, ...]:
        """The words to choose from."""
        return _listed(self.choices, available, others)

    def read(self, value: object, available: Available, others: Arguments) -> tuple[str, ...]:
        if isinstance(value, str):
            value = [row.strip() for line in _lines(value) for row in line if row.strip()]
        if not isinstance(value, (list, tuple)):
            raise self.refused(value, "is not a list", "Give a list, which may have one entry.")
        offered = self.offered(available, others)
        return tuple(_chosen(self, row, offered) for row in value)

    def written(self, value: Value) -> str:
        return Text.joined(value) if isinstance(value, tuple) else str(value)


@dataclass(frozen=True, kw_only=True)
class Colour(Argument):
    """A colour, as # and six hexadecimal digits in small letters."""

    kind: ClassVar[str] = "colour"
    default: str = "#000000"

    @property
    def initial(self) -> str:
        return self.default

    def read(self, value: object, available: Available, others: Arguments) -> str:
        word = value.strip().lower() if isinstance(value, str) else ""
        if not re.fullmatch("#[0-9a-f]{6}", word):
            raise self.refused(value, "is no colour", "Write # and six digits or letters a to f, like #ffffff.")
        return word


@dataclass(frozen=True, kw_only=True)
class Picture(Argument):
    """A stored input picture by its id, which follows from its pixels; "" is none. For sections alone."""

    kind: ClassVar[str] = "picture"

    @property
    def initial(self) -> str:
        return ""

    def read(self, value: object, available: Available, others: Arguments) -> str:
        word = value.strip() if isinstance(value, str) else "?"
        if word and not re.fullmatch("[0-9a-f]{32}", word):
            raise self.refused(
                value, "is no stored picture", "Send the picture first, and name it by the id that it got."
            )
        return word


@dataclass(frozen=True, kw_only=True)
class Drawn(Argument):
    """Whether a seed of the request was drawn, since -1 was given; nobody is asked for it.

    A request that is accepted has numbers in the place of random seeds, and some scripts want to know.
    """

    kind: ClassVar[str] = "drawn"
    field: str = field(default="seed")

    @property
    def initial(self) -> bool:
        return False

    def read(self, value: object, available: Available, others: Arguments) -> bool:
        return Switch(name=self.name, label=self.label).read(value, available, others)


def read_arguments(
    arguments: Iterable[Argument], given: Mapping[str, Any], available: Available, *, drawn: Collection[str] = ()
) -> dict[str, Value]:
    """All values, in the order of the arguments; None is a value that was not given.

    `drawn` names the seeds of the request that were drawn. Raises InvalidRequest for the first value that cannot be
    used, and for a name that is no argument.
    """
    rows = tuple(arguments)
    values: dict[str, Value] = {}
    for name in given:
        if name not in {row.name for row in rows}:
            raise InvalidRequest("Script argument", name, "is not known", _nearest(name, [row.name for row in rows]))
    for row in rows:
        value = given.get(row.name)
        if value is None:
            values[row.name] = row.field in drawn if isinstance(row, Drawn) else row.initial
        else:
            values[row.name] = row.read(value, available, values)
    return values


def infotext_parameters(arguments: Iterable[Argument], values: Arguments) -> dict[str, str]:
    """The values as parameters of an infotext: those that have a key and are not what they are anyway."""
    rows = [row for row in arguments if row.key]
    return {row.key: row.written(values[row.name]) for row in rows if values[row.name] != row.initial}


def arguments_of_infotext(arguments: Iterable[Argument], parameters: Mapping[str, str]) -> dict[str, str]:
    """The values that an infotext's parameters name, as texts for `read_arguments`."""
    found: dict[str, str] = {}
    for row in arguments:
        # A value like 512x768 was taken apart by who read the infotext.
        sides = [parameters.get(f"{row.key}-{side}") for side in (1, 2)]
        value = "x".join(filter(None, sides)) if all(sides) else parameters.get(row.key)
        if row.key and value is not None:
            found[row.name] = value
    return found


def _listed(choices: Choices, available: Available, others: Arguments) -> tuple[str, ...]:
    return choices if isinstance(choices, tuple) else tuple(choices(available, others))


def _lines(text: str) -> Iterable[list[str]]:
    """The rows of CSV."""
    return csv.reader(io.StringIO(text), skipinitialspace=True)


def _chosen(argument: Argument, value: object, offered: tuple[str, ...]) -> str:
    by_case = {row.lower(): row for row in reversed(offered)}
    word = value.strip() if isinstance(value, str) else ""
    found = word if word in offered else by_case.get(word.lower())
    if found is None:
        raise argument.refused(value, "is not known", _nearest(word, offered))
    return found


def _nearest(word: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(word[:100], known, n=2, cutoff=0.4)
    if near:
        return f"Nearest: {', '.join(near)}."
    return f"Choose one of: {', '.join(known)}." if known else "There is none to choose from."


def _number(value: object) -> int | float | None:
    """The number in a value as forms and command lines send it; None where there is none."""
    if isinstance(value, str):
        try:
            value = float(value.strip())
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value if math.isfinite(value) else None
