"""The text of a styles.csv: which styles stand in it, and the same text with one style more or less.

Columns `name,prompt,negative_prompt` in any order, named in the first line; old files call the second `text`. A row
whose name begins with `#` is a comment. Rows that cannot be used, comments and columns that we do not know stay in the
text when it is written again.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modules.prompt.styles import Style

COLUMNS = ("name", "prompt", "negative_prompt")
OLD_PROMPT_COLUMN = "text"
COMMENT = "#"

Row = tuple[str, ...]


@dataclass(frozen=True)
class StyleSheet:
    """The rows of a file, the first of which names the columns, and the styles in them.

    `problems` are sentences on rows that cannot be used, to be read after the file's name. `damaged` says that part of
    the text could not be split into rows and columns at all, so that writing the sheet would lose it.
    """

    rows: tuple[Row, ...] = ()
    styles: tuple[Style, ...] = ()
    problems: tuple[str, ...] = ()
    damaged: bool = False

    def text(self) -> str:
        """The content of the file, with the line ends that spreadsheets write."""
        file = io.StringIO(newline="")
        plain, quoted = csv.writer(file), csv.writer(file, quoting=csv.QUOTE_ALL)
        for row in self.rows:
            # A space at the beginning of a cell is dropped by readers unless the cell is in quotes.
            (quoted if any(cell[:1].isspace() for cell in row) else plain).writerow(row)
        return file.getvalue()

    def with_style(self, style: Style) -> StyleSheet:
        """The sheet with a style in the place of those of its name, or at the end. Must not be damaged."""
        header = self.rows[0] if self.rows else COLUMNS
        header += tuple(column for column in COLUMNS if column not in _columns(header))
        kept = [row for row in self.rows[1:] if _name(row, header) != style.name]
        place = next((i for i, row in enumerate(self.rows[1:]) if _name(row, header) == style.name), len(kept))
        old = self.rows[1 + place] if len(kept) < len(self.rows) - 1 else ()
        cells = dict(zip(COLUMNS, (style.name, style.prompt, style.negative_prompt), strict=True))
        places = {_columns(header)[column]: text for column, text in cells.items()}
        new = tuple(places.get(i, old[i] if i < len(old) else "") for i in range(len(header)))
        return read_style_sheet(StyleSheet((header, *kept[:place], new, *kept[place:])).text())

    def without_style(self, name: str) -> StyleSheet:
        """The sheet without the styles of that name. Must not be damaged."""
        rows = [row for i, row in enumerate(self.rows) if i == 0 or _name(row, self.rows[0]) != name]
        return read_style_sheet(StyleSheet(tuple(rows)).text())


def read_style_sheet(text: str) -> StyleSheet:
    """The sheet of a text; what is wrong with it is told in `problems`, never raised."""
    rows: list[Row] = []
    styles: dict[str, Style] = {}
    problems: list[str] = []
    damaged = False
    for line, row, fault in _split(text):
        if fault:
            problems.append(f"line {line} {fault}")
            damaged = True
        elif not rows:
            rows.append(row)
            if not {"name", "prompt"} <= _columns(row).keys():
                problem = f"has no columns name and prompt. Make {','.join(COLUMNS)} its first line."
                return StyleSheet((), (), (problem,), damaged=True)
        else:
            rows.append(row)
            style, problem = _style(row, rows[0])
            if style and style.name in styles:
                problem = f"gives {style.name!r} a second time, and counts. Rename or remove one of the two."
            if style:
                styles[style.name] = style
            if problem:
                problems.append(f"line {line} {problem}")
    return StyleSheet(tuple(rows), tuple(styles.values()), tuple(problems), damaged)


def _split(text: str) -> list[tuple[int, Row, str]]:
    """Rows with the number of their first line; instead of a row that cannot be read, what is wrong with it."""
    lines = io.StringIO(text.replace("\x00", ""), newline="").readlines()
    reader = csv.reader(lines, skipinitialspace=True)
    found: list[tuple[int, Row, str]] = []
    line = 1
    while True:
        try:
            row = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            found.append((line, (), f"cannot be read ({error}). Put texts of several lines into double quotes."))
        else:
            if any(cell.strip() for cell in row):
                found.append((line, tuple(row), ""))
        last, line = line, reader.line_num + 1
    if lines and _is_open(lines[last - 1 :]):
        found = [entry for entry in found if entry[0] != last]
        found.append((last, (), "opens a double quote that is never closed. Close it."))
    return found


def _is_open(lines: list[str]) -> bool:
    """Whether these lines, which are one row, end inside a quote."""
    try:
        next(csv.reader(lines, skipinitialspace=True, strict=True), None)
    except csv.Error as error:
        return "unexpected end" in str(error)
    return False


def _columns(header: Sequence[str]) -> Mapping[str, int]:
    columns = {cell.strip().lower(): i for i, cell in reversed(list(enumerate(header)))}
    if "prompt" not in columns and OLD_PROMPT_COLUMN in columns:
        columns["prompt"] = columns[OLD_PROMPT_COLUMN]
    return columns


def _name(row: Row, header: Row) -> str:
    place = _columns(header)["name"]
    return row[place].strip() if place < len(row) else ""


def _style(row: Row, header: Row) -> tuple[Style | None, str]:
    """The style of a row, or what is wrong with the row; neither for a comment."""
    columns = _columns(header)
    name = _name(row, header)
    if (name or row[0].strip()).startswith(COMMENT):
        return None, ""
    if not name:
        return None, "has no name. Write one into its first column."
    if any(cell.strip() for cell in row[len(header) :]):
        problem = f"has {len(row)} cells for {len(header)} columns. Put texts with commas into double quotes."
        return None, problem
    if columns["prompt"] >= len(row):
        return None, f"has no prompt for {name!r}. Write a comma and the prompt behind the name."
    negative = columns.get("negative_prompt", len(row))
    texts = row[columns["prompt"]], row[negative] if negative < len(row) else ""
    return Style(name, *(text.replace("\r\n", "\n").replace("\r", "\n") for text in texts)), ""
