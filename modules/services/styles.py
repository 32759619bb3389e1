"""Use cases of styles: which there are, applying them, keeping them in the files that other programs read too."""

from __future__ import annotations

import difflib
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from modules.config.files import write_atomically
from modules.errors import InvalidRequest, NotFound
from modules.prompt.style_sheet import COMMENT, StyleSheet, read_style_sheet
from modules.prompt.styles import Style, Unstyled, apply_styles, extract_styles
from modules.schema.requests import MAX_PROMPT_CHARACTERS

MAX_FILE_BYTES = 16 * 1024 * 1024
MAX_NAME_CHARACTERS = 100
DIVIDER_WIDTH = 40
BACKUP_SUFFIX = ".bak"


@dataclass(frozen=True)
class ListedStyle:
    """An entry of the list of styles; without a style it is a line between two files, which does nothing."""

    name: str
    path: Path
    style: Style | None = None


class StyleService:
    """The styles of one or several files, read again when one of them has changed.

    `files` are paths whose last part may hold `*` and `?`; new styles go into the first without. Where two files
    give the same name, the later one counts. `of_extensions` tells files that are only read: any of the others goes
    before them.
    """

    def __init__(self, files: Sequence[Path], of_extensions: Callable[[], Sequence[Path]] = tuple) -> None:
        self._files = tuple(files)
        self._of_extensions = of_extensions
        plain = [path for path in files if not _is_pattern(path)]
        self._default = plain[0] if plain else files[0].with_name("styles.csv")
        self._lock = threading.Lock()
        self._sheets: dict[Path, tuple[tuple[int, int], StyleSheet]] = {}

    @property
    def default_file(self) -> Path:
        """Where new styles are put."""
        return self._default

    def list_styles(self) -> list[ListedStyle]:
        """Every style, file by file in the order of the rows, with a divider before each of several files."""
        own, others = (_with_styles(sheets) for sheets in self._read())
        counting = {style.name: path for path, sheet in (others | own).items() for style in sheet.styles}
        listed = []
        for path, sheet in (own | others).items():
            if len(own) + len(others) > 1:
                title = path.parent.name if path in others else path.stem
                listed.append(ListedStyle(f" {title.upper()} ".center(DIVIDER_WIDTH, "-"), path))
            styles = (style for style in sheet.styles if counting[style.name] == path)
            listed.extend(ListedStyle(style.name, path, style) for style in styles)
        return listed

    def problems(self) -> list[str]:
        """Sentences on files and rows that cannot be used."""
        own, others = self._read()
        return [f"{path} {problem}" for path, sheet in (own | others).items() for problem in sheet.problems]

    def find(self, name: str) -> Style:
        """The style of that name. Raises InvalidRequest if there is none."""
        return self._named([name])[0]

    def apply(self, prompt: str, negative_prompt: str, names: Iterable[str]) -> tuple[str, str]:
        """Prompt and negative prompt with the styles of those names in that order; dividers do nothing.

        Raises InvalidRequest for an unknown style and where a prompt grows too long.
        """
        return apply_styles(prompt, negative_prompt, self._named(names))

    def extract(self, prompt: str, negative_prompt: str) -> Unstyled:
        """What finished prompts were before styles were applied, and which; see `extract_styles`."""
        return extract_styles(prompt, negative_prompt, [entry.style for entry in self.list_styles() if entry.style])

    def save(self, name: str, prompt: str, negative_prompt: str = "") -> Style:
        """Keep a style, in place of the one of that name if there is one.

        The file is replaced as a whole, and what it was before stays beside it with the suffix .bak. Raises
        InvalidRequest for a name or text that no file can hold and for a file that is damaged; StorageFull.
        """
        style = Style(_safe_name(name), _safe_text("Prompt", prompt), _safe_text("Negative prompt", negative_prompt))
        with self._lock:
            sheets, _ = self._read_all()
            path = ([path for path, sheet in sheets.items() if _has(sheet, style.name)] or [self._default])[-1]
            self._write(path, self._writable(path, sheets).with_style(style))
        return style

    def delete(self, name: str) -> None:
        """Remove a style from every file.

        Raises NotFound; InvalidRequest for a file that is damaged and for the style of an extension; StorageFull.
        """
        with self._lock:
            sheets, others = self._read_all()
            paths = [path for path, sheet in sheets.items() if _has(sheet, name)]
            if not paths and any(_has(sheet, name) for sheet in others.values()):
                remedy = "Switch that off, or save a style of your own under the name, which counts in its place."
                raise InvalidRequest("Style", name, "comes with an extension", remedy)
            if not paths:
                raise NotFound(f"There is no style {name[:MAX_NAME_CHARACTERS]!r}. It may have been deleted already.")
            changed = [(path, self._writable(path, sheets).without_style(name)) for path in paths]
            for path, sheet in changed:
                self._write(path, sheet)

    def _named(self, names: Iterable[str]) -> list[Style]:
        listed = self.list_styles()
        entries = {entry.name: entry for entry in sorted(listed, key=lambda entry: entry.style is not None)}
        styles = []
        for name in names:
            if name not in entries:
                near = difflib.get_close_matches(name, entries, n=3)
                remedy = f"The nearest there are: {', '.join(near)}." if near else "Choose one from the list of styles."
                raise InvalidRequest("Style", name, "is in no styles file", remedy)
            styles.append(entries[name].style)
        return [style for style in styles if style is not None]

    def _read(self) -> tuple[dict[Path, StyleSheet], dict[Path, StyleSheet]]:
        with self._lock:
            return self._read_all()

    def _read_all(self) -> tuple[dict[Path, StyleSheet], dict[Path, StyleSheet]]:
        """Every file that there is, in order, and those of extensions; only what has changed is read from the disk."""
        sheets: dict[Path, tuple[tuple[int, int], StyleSheet]] = {}
        own = self._paths()
        for path in dict.fromkeys((*own, *self._of_extensions())):
            try:
                status = path.stat()
            except FileNotFoundError:
                continue
            state = (status.st_mtime_ns, status.st_size)
            known = self._sheets.get(path)
            sheets[path] = known if known and known[0] == state else (state, _read_file(path, status.st_size))
        self._sheets = sheets
        found = {path: sheet for path, (_, sheet) in sheets.items()}
        return (
            {path: sheet for path, sheet in found.items() if path in own},
            {path: sheet for path, sheet in found.items() if path not in own},
        )

    def _paths(self) -> list[Path]:
        found: dict[Path, None] = {}
        for path in self._files:
            matches = sorted(path.parent.glob(path.name)) if _is_pattern(path) else [path]
            found.update(dict.fromkeys(match for match in matches if match.suffix != BACKUP_SUFFIX))
        return list(found)

    def _writable(self, path: Path, sheets: dict[Path, StyleSheet]) -> StyleSheet:
        sheet = sheets.get(path, StyleSheet())
        if sheet.damaged:
            problem = f"is damaged and would lose styles if it were written: {sheet.problems[0].rstrip('.')}"
            raise InvalidRequest("Styles file", str(path), problem, "Mend the file first.")
        return sheet

    def _write(self, path: Path, sheet: StyleSheet) -> None:
        target = path.resolve()  # a link stays a link
        try:
            if target.exists():
                write_atomically(target.with_name(target.name + BACKUP_SUFFIX), target.read_bytes())
            write_atomically(target, sheet.text().encode("utf-8-sig"))
        except OSError as error:
            problem = f"cannot be written: {error.strerror}"
            raise InvalidRequest("Styles file", str(path), problem, "Check the permissions of its folder.") from None
        self._sheets.pop(path, None)


def _read_file(path: Path, size: int) -> StyleSheet:
    try:
        if size > MAX_FILE_BYTES:
            problem = f"is larger than {MAX_FILE_BYTES // 1024**2} MiB. Split it into several files."
            return StyleSheet(problems=(problem,), damaged=True)
        return read_style_sheet(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        problem = f"cannot be read: {error.strerror}. Check that it is a file and its permissions."
    except UnicodeDecodeError as error:
        problem = f"is not UTF-8 (byte {error.start + 1}). Save it as UTF-8."
    return StyleSheet(problems=(problem,), damaged=True)


def _with_styles(sheets: dict[Path, StyleSheet]) -> dict[Path, StyleSheet]:
    return {path: sheet for path, sheet in sheets.items() if sheet.styles}


def _is_pattern(path: Path) -> bool:
    return any(mark in path.name for mark in "*?")


def _has(sheet: StyleSheet, name: str) -> bool:
    return any(style.name == name for style in sheet.styles)


def _safe_name(name: str) -> str:
    name = name.strip()
    if not name:
        raise InvalidRequest("Style name", name, "is empty", "Give the style a name.")
    if len(name) > MAX_NAME_CHARACTERS:
        raise InvalidRequest(
            "Style name", name, f"is longer than {MAX_NAME_CHARACTERS} characters", "Choose a shorter one."
        )
    if not name.isprintable():
        raise InvalidRequest("Style name", name, "holds characters that do not show", "Leave them out.")
    if name.startswith((COMMENT, "--")):
        remedy = "Begin it with another character."
        raise InvalidRequest(
            "Style name", name, f"begins with {COMMENT} or --, which mark comments and dividers", remedy
        )
    return name


def _safe_text(field: str, text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
    text = text.encode("utf-8", "replace").decode("utf-8")
    if len(text) > MAX_PROMPT_CHARACTERS:
        problem = f"is longer than {MAX_PROMPT_CHARACTERS:,} characters"
        raise InvalidRequest(field, text, problem, "Shorten it.")
    return text
