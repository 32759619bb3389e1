"""Use cases of sections: which there are, their arguments in requests and infotexts, and what they change."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from modules.errors import InvalidRequest, PluginFailed, UserError
from modules.gallery.inputs import InputPictures
from modules.hooks import (
    PROMPT_FIELDS,
    SECTIONS_KEY,
    Arguments,
    Available,
    ChangeContext,
    ImageContext,
    Plugins,
    Section,
    SectionRegistry,
    read_arguments,
)
from modules.hooks.argument_groups import nearest_argument, pictures_of, stored_pictures, unknown_argument
from modules.hooks.extension_code import in_time
from modules.hooks.sections import MAX_PROCESSED_SIDE
from modules.schema.infotext import NotHonoured
from modules.schema.requests import AnyResolved, Resolved, Task
from modules.services.blaming import blaming
from modules.services.drafting import ChangeRequest, Draft
from modules.services.finished_picture import FinishedPicture

Given = dict[str, dict[str, Any]]
"""What sections were given that are on, by their names."""


@dataclass(frozen=True)
class SectionReading:
    """What an infotext says of sections."""

    typed: Given
    """Those that are on in the request that was typed."""
    painted: Given
    """Those that are on in a request whose prompts are the ones that were painted."""
    refused: tuple[NotHonoured, ...]
    explained: frozenset[str]
    """The keys of the infotext that these say."""


class SectionService:
    """The sections of all plugins."""

    def __init__(
        self,
        plugins: Plugins,
        available: Callable[[Task], Available],
        inputs: InputPictures,
    ) -> None:
        """`available` tells what there is to choose from."""
        self.registry = SectionRegistry(plugins)
        self._available = available
        self._inputs = inputs

    def all(self, task: Task) -> list[Section]:
        """The sections that a task has."""
        return [self.registry.find(name, task) for name in self.registry.names(task)]

    def completed(self, request: AnyResolved) -> AnyResolved:
        """A request whose sections have their own names and order, and values for all arguments.

        Raises InvalidRequest, NotFound for a picture, PluginFailed.
        """
        if not request.sections:
            return request
        available = self._available(request.task)
        given = [(self.registry.find(name, request.task), row) for name, row in request.sections.items()]
        order = self.registry.names(request.task)
        complete: Given = {}
        for section, row in sorted(given, key=lambda pair: order.index(pair[0].name)):
            if section.name in complete:
                raise InvalidRequest("Section", section.name, "is named twice", "Name it once.")
            with self._blaming(section):
                complete[section.name] = in_time(partial(_read, section, row, available))
            for picture_id in pictures_of(section, complete[section.name]):
                self._inputs.file(picture_id)
        return request.model_copy(update={"sections": complete})

    def check(self, request: Resolved, change: ChangeRequest) -> None:
        """Let the sections of a complete request refuse it. Raises UserError."""
        if not request.sections:
            return
        available = self._available(request.task)

        def without_sections(request: AnyResolved, fields: Mapping[str, Any]) -> AnyResolved:
            return change(request.model_copy(update={"sections": {}}), fields)

        draft = Draft(available, without_sections, self._inputs.size)
        for section, arguments in self._on(request):
            with self._blaming(section):
                in_time(partial(section.check, request, arguments, draft))

    def prompts_of(self, request: Resolved) -> dict[str, tuple[str, ...]]:
        """The prompts of all pictures of a complete request, as its sections change what was typed.

        By the names of their fields, one for each picture. Raises UserError.
        """
        names = [name for name in PROMPT_FIELDS if hasattr(request, name)]
        rows = [{name: str(getattr(request, name)) for name in names}] * request.picture_count
        for section, arguments in self._on(request):
            if section.changes_requests:
                with self._blaming(section):
                    rows = in_time(partial(_changed_rows, section, arguments, request, rows))
        return {name: tuple(row[name] for row in rows) for name in names}

    def processed(self, request: Resolved, picture: FinishedPicture) -> FinishedPicture:
        """A picture of a request as its sections leave it. Raises PluginFailed, and what a section refuses."""
        for section, arguments in self._on(request):
            if section.processes_images:
                context = ImageContext(
                    pixels=picture.pixels.copy(),
                    request=request,
                    arguments=arguments,
                    index=picture.index,
                    seed=request.seed_of(picture.index),
                    picture=self._picture,
                )
                with self._blaming(section):
                    pixels = section.process_image(context)
                    picture = picture if pixels is None else replace(picture, pixels=checked_picture(pixels))
        return picture

    def parameters(self, request: Resolved) -> dict[str, str]:
        """What the infotext of a request says of its sections."""
        parameters: dict[str, str] = {}
        for section, arguments in self._on(request):
            with self._blaming(section):
                parameters |= section.parameters(arguments)
        return {SECTIONS_KEY: ", ".join(request.sections), **parameters} if request.sections else {}

    def unprocessed(self, sections: Mapping[str, Mapping[str, Any]], task: Task) -> Given:
        """Those of a request's sections that count for another request of a task which begins with the picture.

        What changes finished pictures was done to that one.
        """
        there = {section.name for section in self.all(task) if not section.processes_images}
        return {name: dict(arguments) for name, arguments in sections.items() if name in there}

    def with_files(self, sections: Mapping[str, Mapping[str, Any]], store: Callable[[Path], str]) -> Given:
        """What sections were given on this computer, where files stand for pictures: with what `store` calls these."""
        found: Given = {}
        for name, given in sections.items():
            section = self.registry.known(name)
            found[name] = dict(given) if section is None else stored_pictures(section, given, store)
        return found

    def of_plugin(self, plugin: str, request: Resolved) -> dict[str, Arguments]:
        """What the sections of a plugin were given that are on, by their names."""
        own = self.registry.names_of(plugin)
        return {section.name: arguments for section, arguments in self._on(request) if section.name in own}

    def of_infotext(self, parameters: Mapping[str, str], task: Task) -> SectionReading:
        """The sections that an infotext names. What is not here, or cannot be used, is among what is refused."""
        typed: Given = {}
        painted: Given = {}
        refused: list[NotHonoured] = []
        explained = {SECTIONS_KEY}
        names = [name.strip() for name in parameters.get(SECTIONS_KEY, "").split(",")]
        for name in filter(None, dict.fromkeys(names)):
            try:
                section = self.registry.find(name, task)
                with self._blaming(section):
                    explained |= {key for key in parameters if section.explains(key)}
                    given = section.arguments_of(parameters)
                    arguments = read_arguments(section.arguments, given, self._available(task))
                    for picture_id in pictures_of(section, arguments):
                        self._inputs.file(picture_id)
                    again = section.carried_out(arguments)
            except InvalidRequest as error:
                why = f"{error.problem}. {error.remedy}".rstrip(". ")
                refused.append(NotHonoured(SECTIONS_KEY, name, why if error.field == "Section" else str(error)))
            except UserError as error:
                refused.append(NotHonoured(SECTIONS_KEY, name, str(error).rstrip(". ")))
            else:
                typed[section.name] = {key: arguments[key] for key in given}
                if again is not None:
                    painted[section.name] = {
                        row.name: again[row.name] for row in section.arguments if again[row.name] != row.initial
                    }
        return SectionReading(typed, painted, tuple(refused), frozenset(explained))

    def _picture(self, picture_id: str) -> np.ndarray:
        return np.array(self._inputs.get(picture_id).convert("RGBA"))

    def _on(self, request: Resolved) -> Iterator[tuple[Section, dict[str, Any]]]:
        """The sections of a complete request, with their values. A later version may have asked for more of them."""
        for name, given in request.sections.items():
            section = self.registry.find(name, request.task)
            yield section, {row.name: given.get(row.name, row.initial) for row in section.arguments}

    def _blaming(self, section: Section) -> AbstractContextManager[None]:
        plugin = self.registry.plugin_of(section)
        return blaming(
            plugin,
            section.name,
            lambda error: PluginFailed(
                f"Section {section.name!r} of the plugin {plugin} failed ({type(error).__name__}: {error}). "
                "Switch it off, or tell whoever wrote it."
            ),
        )


def _read(section: Section, given: Mapping[str, Any], available: Available) -> dict[str, Any]:
    if wrong := unknown_argument(section, given):
        raise InvalidRequest("Section argument", wrong, "is not known", nearest_argument(section, wrong))
    return read_arguments(section.arguments, given, available)


def _changed_rows(
    section: Section, arguments: Arguments, request: Resolved, rows: list[dict[str, str]]
) -> list[dict[str, str]]:
    """The prompts of all pictures, by the names of the fields, as one section leaves them."""
    return [
        _changed(section, ChangeContext(request.model_copy(update=row), arguments, index, request.seed_of(index)), row)
        for index, row in enumerate(rows)
    ]


def _changed(section: Section, context: ChangeContext, texts: dict[str, str]) -> dict[str, str]:
    changes = section.change_request(context)
    if changes is None:
        return texts
    for name, text in changes.items():
        if name not in PROMPT_FIELDS or not isinstance(text, str):
            raise ValueError(f"it changes {name!r}, and only prompts can be changed: {', '.join(PROMPT_FIELDS)}")
    return texts | {name: text for name, text in changes.items() if name in texts}


def checked_picture(pixels: object) -> np.ndarray:
    """A picture that can be saved. Raises ValueError."""
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8:
        kind = pixels.dtype if isinstance(pixels, np.ndarray) else type(pixels).__name__
        raise ValueError(f"it returned {kind} in the place of an array of uint8")
    if pixels.ndim != 3 or pixels.shape[2] not in (3, 4) or not 1 <= min(pixels.shape[:2]):
        raise ValueError(f"it returned an array {pixels.shape} in the place of one (height, width, 3 or 4)")
    if max(pixels.shape[:2]) > MAX_PROCESSED_SIDE:
        raise ValueError(f"it returned {pixels.shape[1]} x {pixels.shape[0]}; the most is {MAX_PROCESSED_SIDE} a side")
    return np.ascontiguousarray(pixels)
