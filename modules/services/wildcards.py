"""Use cases of wildcards: which there are, what a prompt with wildcards and variants expands to."""

from __future__ import annotations

import difflib
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dynamicprompts.commands import Command, LiteralCommand, VariantOption, WildcardCommand
from dynamicprompts.wildcards import WildcardManager
from dynamicprompts.wildcards.collection.list import ListWildcardCollection
from dynamicprompts.wildcards.item import WildcardItem

from modules.errors import InvalidRequest
from modules.prompt.expansion import WildcardOptions, expand
from modules.prompt.templates import MAX_NESTING, TagWildcard, choices_in, parse_template
from modules.services.wildcard_files import WildcardFile, find_wildcard_files, read_wildcard_file

PromptField = Literal["prompt", "negative_prompt"]
MAX_PREVIEWS = 1000
MAX_REMEMBERED = 4096
MAX_COMPARED = 2000


@dataclass(frozen=True)
class Wildcard:
    """A wildcard as a list shows it; `name` goes between double underscores."""

    name: str
    count: int
    path: Path


class WildcardService:
    """The wildcards of one folder, read again when a file in it has changed.

    `of_extensions` tells further folders; what the first has under a name goes before what they have.
    """

    def __init__(self, folder: Path, of_extensions: Callable[[], Sequence[Path]] = tuple) -> None:
        self._folder = folder
        self._of_extensions = of_extensions
        self._lock = threading.Lock()
        self._files: dict[Path, tuple[tuple[int, int], WildcardFile]] = {}
        self._library = _Library(folder, [], [], [])

    @property
    def folder(self) -> Path:
        """Where a person puts wildcard files."""
        return self._folder

    def list_wildcards(self) -> list[Wildcard]:
        """Every wildcard, by name."""
        return self._current().wildcards

    def values(self, name: str) -> list[str]:
        """What a wildcard may become, as it stands in its file. Raises InvalidRequest if there is none of that name."""
        return self._current().texts(name)

    def problems(self) -> list[str]:
        """Sentences on files and entries of the folder that cannot be used."""
        return self._current().problems

    def is_template(self, text: str, *, comments: bool = True) -> bool:
        """Whether there is anything to choose in a text. Raises InvalidRequest for too many or too deep choices."""
        return not isinstance(parse_template(text, comments=comments), LiteralCommand)

    def check(self, template: str, *, comments: bool = True) -> None:
        """Raises InvalidRequest for what `expand` would refuse with any seed: unknown, cyclic, too deep."""
        self._tree(template, comments)

    def expand(self, template: str, seed: int, field: PromptField = "prompt", *, comments: bool = True) -> str:
        """The prompt of the picture with that seed; a text without wildcards and variants comes back as it is.

        The same template, seed, field and files give the same prompt; the two fields choose independently.
        `comments`: whether `#` begins a comment, in which nothing is chosen. Raises InvalidRequest for an unknown
        wildcard, one that names itself, too many choices, and prompts too deep or too long.
        """
        command, library = self._tree(template, comments)
        return expand(command, library, seed, field)

    def preview(
        self, template: str, seed: int, count: int, field: PromptField = "prompt", *, comments: bool = True
    ) -> list[str]:
        """What the pictures with the seeds `seed`, `seed` + 1, ... would be asked for, at most MAX_PREVIEWS.

        Raises as `expand` does.
        """
        command, library = self._tree(template, comments)
        return [expand(command, library, seed + k, field) for k in range(max(0, min(count, MAX_PREVIEWS)))]

    def _tree(self, template: str, comments: bool) -> tuple[Command, _Library]:
        command = parse_template(template, comments=comments)
        if isinstance(command, LiteralCommand):
            return command, self._library  # nothing to choose: no look at the disk
        library = self._current()
        library.check(command)
        return command, library

    def _current(self) -> _Library:
        found = {folder: find_wildcard_files(folder) for folder in (self._folder, *self._of_extensions())}
        problems = [problem for _, told in found.values() for problem in told]
        places = {path: folder for folder, (paths, _) in found.items() for path in paths}
        with self._lock:
            files = {path: file for path, folder in places.items() if (file := self._file(path, folder)) is not None}
            if files != self._files or problems != self._library.folder_problems:
                self._files = files
                own = [file for path, (_, file) in files.items() if places[path] == self._folder]
                others = [file for path, (_, file) in files.items() if places[path] != self._folder]
                self._library = _Library(self._folder, own, others, problems)
            return self._library

    def _file(self, path: Path, folder: Path) -> tuple[tuple[int, int], WildcardFile] | None:
        try:
            status = path.stat()
        except OSError:
            return None  # removed since the folder was listed
        state = (status.st_mtime_ns, status.st_size)
        known = self._files.get(path)
        return known if known and known[0] == state else (state, read_wildcard_file(path, folder))


class _Library:
    """The wildcards as the folders held them at one moment: the owner's, then those of extensions.

    Safe for several threads.
    """

    def __init__(
        self, folder: Path, own: Sequence[WildcardFile], others: Sequence[WildcardFile], problems: Sequence[str]
    ) -> None:
        self.folder_problems = list(problems)
        self.problems = [*problems, *(problem for file in (*own, *others) for problem in file.problems)]
        self._folder = folder
        self._paths: dict[str, Path] = {}
        collections: dict[str, ListWildcardCollection] = {}
        of_owner = {name for file in own for name in file.wildcards}
        for place, file in enumerate((*own, *others)):
            for name, values in file.wildcards.items():
                if name in self._paths:
                    if name in of_owner and place >= len(own):
                        continue  # the owner put another in its place
                    self.problems.append(f"{file.path} defines {name}, which {self._paths[name]} has already.")
                    continue
                self._paths[name] = file.path
                collections[name] = ListWildcardCollection(values, source=file.path)
        self._names = ([name for name in self._paths if name in of_owner], [*self._paths.keys() - of_owner])
        self._manager = WildcardManager(root_map={"": [dict(collections)]})
        self._options: dict[str, WildcardOptions] = {}
        self._heights: dict[str, int] = {}
        counts = {name: len(collection.entries) for name, collection in collections.items()}
        self.wildcards = [Wildcard(name, counts[name], self._paths[name]) for name in sorted(self._paths)]

    def texts(self, name: str) -> list[str]:
        """The values of a wildcard. Raises InvalidRequest if there is none of that name."""
        items = self._items(name)
        if not items:
            raise self._unknown(name, ())
        return [str(item) for item in items]

    def options(self, wildcard: WildcardCommand) -> WildcardOptions:
        """The values of a wildcard as templates; none for an unknown one."""
        name = str(wildcard.wildcard)
        known = self._options.get(name)
        if known is None:
            known = WildcardOptions(tuple(_option(item) for item in self._items(name)))
            if len(self._options) >= MAX_REMEMBERED:
                self._options.clear()
            if known.options:
                self._options[name] = known
        return known

    def check(self, command: Command) -> None:
        """Raises InvalidRequest for a tree with an unknown wildcard, one that names itself, or one too deep."""
        self._nesting(command, (), 0)

    def _nesting(self, command: Command, chain: tuple[str, ...], around: int) -> int:
        """How deep a tree is, wildcards included; `chain` are the wildcards it stands in, which are `around` deep."""
        deepest = 0
        for node, depth in choices_in(command):
            own = depth + 1
            if isinstance(node, WildcardCommand):
                own += self._height(node, chain, around + own)
            if around + own > MAX_NESTING:
                raise InvalidRequest(
                    "Wildcard",
                    _marked(*chain, str(getattr(node, "wildcard", ""))),
                    f"is nested more than {MAX_NESTING} deep, variants counted",
                    "Put the values of the inner ones into the outer files.",
                )
            deepest = max(deepest, own)
        return deepest

    def _height(self, wildcard: WildcardCommand, chain: tuple[str, ...], around: int) -> int:
        """How deep the values of a wildcard are. Raises InvalidRequest for an unknown one and for a circle."""
        name = str(wildcard.wildcard)
        if name in chain:
            circle = (*chain[chain.index(name) :], name)
            raise InvalidRequest(
                "Wildcard",
                f"__{name}__",
                f"leads back to itself: {_marked(*circle)}",
                f"Take __{name}__ out of {self._file_of(chain[-1])}.",
            )
        options = self.options(wildcard).options
        if not options and not isinstance(wildcard, TagWildcard):
            raise self._unknown(name, chain)
        if around > MAX_NESTING:
            return 0  # refused by the caller
        if name not in self._heights:
            values = (option.value for option in options if not isinstance(option.value, LiteralCommand))
            height = max((self._nesting(value, (*chain, name), around) for value in values), default=0)
            if len(self._heights) >= MAX_REMEMBERED:
                self._heights.clear()
            self._heights[name] = height
        return self._heights[name]

    def _items(self, name: str) -> list[str | WildcardItem]:
        """Values of every wildcard that is meant: of that name, in any folder if there is none, or of a pattern."""
        if ".." in name:
            return []
        if "*" in name and name not in self._paths:
            found = self._manager.match_collections(name)
            return _in_order(value for collection in found for value in collection.get_values())
        named = ([name] if name in known else _ending(known, name) for known in self._names)
        names = next((names for names in named if names), [])
        return _in_order(value for known in names for value in self._manager.get_file(known).get_values())

    def _file_of(self, name: str) -> str:
        return str(self._paths.get(name, self._folder))

    def _unknown(self, name: str, chain: tuple[str, ...]) -> InvalidRequest:
        where = f" (which {self._file_of(chain[-1])} names)" if chain else ""
        if ".." in name:
            problem = f"{where} leads out of {self._folder}"
            return InvalidRequest("Wildcard", f"__{name}__", problem.strip(), "Name a file below that folder.")
        near = difflib.get_close_matches(name, list(self._paths)[:MAX_COMPARED], n=3)
        hint = f"The nearest there: {', '.join(near)}. " if near else ""
        file = f"{name}.txt" if "*" not in name else "a file with such a name"
        remedy = f"{hint}Put {file} there with one value on each line, or write \\__{name}__ to keep the words."
        return InvalidRequest("Wildcard", f"__{name}__", f"{where} has no file in {self._folder}".strip(), remedy)


def _ending(names: Iterable[str], ending: str) -> list[str]:
    return [known for known in names if known.endswith(f"/{ending.strip('/')}")]


def _in_order(values: Iterable[str | WildcardItem]) -> list[str | WildcardItem]:
    """Each value once and sorted, so that its place in the file does not change what a seed chooses."""
    return sorted(dict.fromkeys(values), key=str)


def _option(item: str | WildcardItem) -> VariantOption:
    return VariantOption(parse_template(str(item)), item.weight if isinstance(item, WildcardItem) else 1.0)


def _marked(*names: str) -> str:
    return " > ".join(f"__{name}__" for name in names if name)
