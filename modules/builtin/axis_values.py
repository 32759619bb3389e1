"""The values of an axis as they are typed: CSV, with ranges among the numbers.

    1-5             1, 2, 3, 4, 5
    1-5 (+2)        1, 3, 5         10-5 (-3)    10, 7
    1-10 [4]        1, 4, 7, 10     0-1 [3]      0, 0.5, 1

Numbers are counted exactly, so that 0-1 (+0.1) ends with 1 and has no 0.30000000000000004.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from fractions import Fraction

from modules.hooks import InvalidRequest

MAX_VALUES = 1000
"""On one axis."""
_MAX_DIGITS = 60
_SIGN_AND_DIGITS = r"[+-]?(?:\d+\.?\d*|\.\d+)"
_RANGE = re.compile(
    rf"(?P<first>{_SIGN_AND_DIGITS})\s*-\s*(?P<last>{_SIGN_AND_DIGITS})\s*"
    rf"(?:\(\s*(?P<step>{_SIGN_AND_DIGITS})\s*\)|\[\s*(?P<count>\d+)\s*\])?"
)
_HOW = "Write numbers and ranges, like 7, 1-5, 1-5 (+2) or 0-1 [5]."


def entries(text: str, where: str, *, empty: bool = False) -> list[str]:
    """The values between commas and line ends, without the spaces around them; quotes keep a comma in a value.

    Empty values are left out unless `empty` says that they count. `where` names the axis in refusals. Raises
    InvalidRequest.
    """
    try:
        rows = [cell.strip() for row in csv.reader(text.splitlines(), skipinitialspace=True) for cell in row]
    except csv.Error as error:
        raise InvalidRequest(where, text, f"cannot be read ({error})", "Close every double quote.") from error
    found = rows if empty and text.strip() else [row for row in rows if row]
    if not found:
        raise InvalidRequest(where, text, "has no value", "Write values with commas between them, or choose Nothing.")
    _check_count(len(found), where)
    return found


def whole_numbers(text: str, where: str) -> list[int]:
    """The whole numbers that a text names. Raises InvalidRequest."""
    return [int(number) for number in _numbers(text, where, whole=True)]


def numbers(text: str, where: str) -> list[float]:
    """The numbers that a text names. Raises InvalidRequest."""
    return [float(number) for number in _numbers(text, where, whole=False)]


def switches(text: str, where: str) -> list[bool]:
    """True and False, as a text names them. Raises InvalidRequest."""
    known = {"true": True, "false": False}
    found = entries(text, where)
    for entry in found:
        if entry.lower() not in known:
            raise InvalidRequest(where, entry, "is neither on nor off", "Write True or False.")
    return [known[entry.lower()] for entry in found]


def sizes(text: str, where: str) -> list[tuple[int, int]]:
    """Widths and heights, like 512x768. Raises InvalidRequest."""
    return [_size(entry, where) for entry in entries(text, where)]


def _size(entry: str, where: str) -> tuple[int, int]:
    width, cross, height = entry.lower().replace("×", "x").partition("x")
    sides = [side.strip() for side in (width, height)]
    if not cross or not all(side.isascii() and side.isdecimal() and len(side) < 10 for side in sides):
        raise InvalidRequest(where, entry, "is no size", "Write width and height, like 512x768.")
    return int(sides[0]), int(sides[1])


def _numbers(text: str, where: str, *, whole: bool) -> list[Fraction]:
    found: list[Fraction] = []
    for entry in entries(text, where):
        found += _numbers_of(entry, where, whole=whole)
        _check_count(len(found), where)
    return found


def _numbers_of(entry: str, where: str, *, whole: bool) -> list[Fraction]:
    match = _RANGE.fullmatch(entry) if len(entry) <= 4 * _MAX_DIGITS else None
    if match is None:
        return [_number(entry, entry, where, whole=whole)]
    read: Callable[[str], Fraction] = lambda part: _number(match[part], entry, where, whole=whole)  # noqa: E731
    first, last = read("first"), read("last")
    if match["count"] is not None:
        return _evenly(first, last, _number(match["count"], entry, where, whole=True), entry, where, whole=whole)
    usual = Fraction(1) if first <= last else Fraction(-1)
    return _stepping(first, last, read("step") if match["step"] is not None else usual, entry, where)


def _stepping(first: Fraction, last: Fraction, step: Fraction, entry: str, where: str) -> list[Fraction]:
    """From the first number on, as long as the last is not passed."""
    if step == 0 or (last - first) / step < 0:
        remedy = f"Write ({'+' if last >= first else '-'}1), or another step in that direction."
        raise InvalidRequest(where, entry, "never gets to its end", remedy)
    count = int((last - first) / step) + 1
    _check_count(count, where)
    return [first + place * step for place in range(count)]


def _evenly(first: Fraction, last: Fraction, count: Fraction, entry: str, where: str, *, whole: bool) -> list[Fraction]:
    """So many numbers, both ends among them; whole ones are cut off to the digits before the point."""
    if count < 1:
        raise InvalidRequest(where, entry, "has no value", "Write how many in the square brackets, like [5].")
    _check_count(int(count), where)
    gap = (last - first) / (count - 1) if count > 1 else Fraction(0)
    found = [first + place * gap for place in range(int(count))]
    return [Fraction(int(number)) for number in found] if whole else found


def _number(text: str, entry: str, where: str, *, whole: bool) -> Fraction:
    try:
        number = Decimal(text) if len(text) <= _MAX_DIGITS else None
    except InvalidOperation:
        raise InvalidRequest(where, entry, "is not a number", _HOW) from None
    if number is None or not number.is_finite() or abs(number.adjusted()) > _MAX_DIGITS:
        raise InvalidRequest(where, entry, "is not a number that can be used", _HOW)
    if whole and number != number.to_integral_value():
        raise InvalidRequest(where, entry, "is not a whole number", "Write digits only, like 20 or 10-30 (+5).")
    return Fraction(number)


def _check_count(count: int, where: str) -> None:
    if count > MAX_VALUES:
        raise InvalidRequest(where, count, "values are too many", f"The most is {MAX_VALUES:,}.")
