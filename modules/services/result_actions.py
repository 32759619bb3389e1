"""Use cases of buttons that extensions add to finished pictures: which there are, and what pressing one does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from modules.errors import (
    Interrupted,
    InvalidRequest,
    NotAllowed,
    PluginFailed,
    QueueFull,
    Skipped,
    StorageFull,
    UserError,
)
from modules.gallery.inputs import InputPictures
from modules.hooks import Available, Plugins, read_arguments
from modules.hooks.arguments import Choice, Picture, SeveralChoices
from modules.hooks.extension_code import in_time
from modules.hooks.plain_names import nearest_name
from modules.hooks.result_action_registry import FoundAction, ResultActionRegistry
from modules.hooks.result_actions import MOST_PICTURES, MOST_REQUESTS, NewPicture, ResultAnswer, ResultContext
from modules.imaging.reading import load_input
from modules.schema.infotext import parse_infotext
from modules.schema.pictures import Picture as FinishedFile
from modules.schema.requests import Img2ImgRequest, Txt2ImgRequest
from modules.services.accounts import Visitor
from modules.services.blaming import blaming
from modules.services.generate import GenerateService
from modules.services.pictures import PictureService
from modules.services.remixing import RemixService
from modules.services.result_saving import CheckedPicture, ResultSaving
from modules.services.saving_hooks import SettingsOf
from modules.services.sections import checked_picture

SECONDS_TO_ACT = 60.0
MOST_AT_WORK = 4
"""Buttons at once: what they compute is computed in the server, beside its answers."""
MOST_WORDS = 500
"""Letters of a message."""
AnyRequest = Txt2ImgRequest | Img2ImgRequest


@dataclass(frozen=True)
class OfferedAction:
    """A button, and what may be chosen in its arguments at this moment, by their names."""

    found: FoundAction
    choices: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class ResultOutcome:
    """What came of a button."""

    message: str
    """The extension's words; "" where it has none."""
    jobs: tuple[str, ...]
    """The ids of those that were queued."""
    pictures: tuple[FinishedFile, ...]
    """Those that were saved."""
    form: AnyRequest | None
    problem: str = ""
    """What did not go well though all this was done: an extension that failed while pictures were saved, or that there
    was no room for the rest."""


class ResultActionService:
    """The buttons of all plugins."""

    def __init__(
        self,
        plugins: Plugins,
        pictures: PictureService,
        remix: RemixService,
        inputs: InputPictures,
        generate: GenerateService,
        saving: ResultSaving,
        *,
        available: Callable[[], Available],
        settings_of: SettingsOf,
        folder: Path,
    ) -> None:
        """`available` tells what there is to choose from; `folder` holds the folders that extensions keep files in."""
        self.registry = ResultActionRegistry(plugins)
        self._pictures = pictures
        self._remix = remix
        self._inputs = inputs
        self._generate = generate
        self._saving = saving
        self._available = available
        self._settings_of = settings_of
        self._folder = folder
        self._room = threading.BoundedSemaphore(MOST_AT_WORK)

    def offered(self, visitor: Visitor) -> list[OfferedAction]:
        """The buttons that a visitor may press; one whose choices fail is not among them."""
        rows = [row for row in self.registry.all() if _may_press(row, visitor)]
        available = self._available() if any(row.action.arguments for row in rows) else None
        found: list[OfferedAction] = []
        for row in rows:
            try:
                with _blaming(row):
                    choices = in_time(partial(_choices_of, row, available)) if available is not None else {}
            except UserError:  # it is in the log
                continue
            found.append(OfferedAction(row, choices))
        return found

    def press(
        self, extension: str, name: str, picture: FinishedFile, given: Mapping[str, Any], visitor: Visitor
    ) -> ResultOutcome:
        """Do what a button does with a picture that the visitor may see.

        Raises NotAllowed, InvalidRequest, NotFound, PluginFailed, StorageFull, QueueFull and what the extension
        refuses.
        """
        found = self.registry.find(extension, name)
        if not _may_press(found, visitor):
            raise NotAllowed
        if found.action.needs_parameters and not picture.infotext:
            raise InvalidRequest("Picture", picture.path, "says nothing of how it was made", "Choose another one.")
        with self._at_work(found):
            return self._carried_out(found, picture, given, visitor)

    @contextmanager
    def _at_work(self, found: FoundAction) -> Iterator[None]:
        if not self._room.acquire(blocking=False):
            problem = f"has to wait: {MOST_AT_WORK} buttons of extensions are at work already"
            raise InvalidRequest("Button", found.action.label, problem, "Press it again in a moment.")
        try:
            yield
        finally:
            self._room.release()

    def _carried_out(
        self, found: FoundAction, picture: FinishedFile, given: Mapping[str, Any], visitor: Visitor
    ) -> ResultOutcome:
        action = found.action
        with _blaming(found):
            arguments = in_time(partial(_read, found, given, self._available()))
        for row in action.arguments:
            if isinstance(row, Picture) and arguments[row.name]:
                self._inputs.file(arguments[row.name])
        context = self._context(found, picture, arguments, visitor)
        with _blaming(found):
            answer = in_time(partial(_acted, found, context), SECONDS_TO_ACT)
            requests, form = [_anew(one) for one in answer.queue], answer.form and _anew(answer.form)
            drawn = [_checked(found, one) for one in answer.pictures]
        prepared = [self._generate.prepare(request) for request in requests]
        saved, problem = self._saving.save(found.plugin, picture, drawn, user=visitor.name) if drawn else ([], "")
        jobs: list[str] = []
        for one in prepared:
            try:
                jobs.append(self._generate.submit_prepared(one, user=visitor.name).id)
            except (QueueFull, StorageFull) as error:
                if not saved and not jobs:
                    raise
                problem = f"{problem} {error}".strip()
                break
        return ResultOutcome(answer.message[:MOST_WORDS], tuple(jobs), tuple(saved), form, problem)

    def _context(
        self, found: FoundAction, picture: FinishedFile, arguments: Mapping[str, Any], visitor: Visitor
    ) -> ResultContext:
        folder = self._folder / found.plugin
        folder.mkdir(parents=True, exist_ok=True)
        path = self._pictures.file(picture)
        return ResultContext(
            picture_id=picture.id,
            path=path,
            width=picture.width,
            height=picture.height,
            infotext=picture.infotext,
            parameters=dict(parse_infotext(picture.infotext).parameters),
            request=self._request_of(picture),
            arguments=arguments,
            user=visitor.name,
            folder=folder,
            pixels=lambda: np.array(load_input(path)),
            picture=lambda picture_id: np.array(self._inputs.get(picture_id).convert("RGBA")),
            keep=lambda pixels: self._inputs.add(Image.fromarray(checked_picture(pixels))),
            changed=partial(self._changed, picture),
            begin_with=partial(self._remix.begin_with, picture),
            settings=self._settings_of(found.plugin),
        )

    def _request_of(self, picture: FinishedFile) -> AnyRequest | None:
        try:
            return self._remix.request_of(picture) if picture.infotext else None
        except InvalidRequest:  # it names what is not here, such as the sampler of another program
            return None

    def _changed(self, picture: FinishedFile, fields: Mapping[str, Any]) -> AnyRequest:
        request = self._remix.request_of(picture)
        return type(request).of({**request.model_dump(), **fields})


def _may_press(found: FoundAction, visitor: Visitor) -> bool:
    return visitor.is_owner or found.action.audience == "user"


def _choices_of(found: FoundAction, available: Available) -> dict[str, tuple[str, ...]]:
    values: dict[str, Any] = {}
    choices: dict[str, tuple[str, ...]] = {}
    for row in found.action.arguments:
        if isinstance(row, (Choice, SeveralChoices)):
            choices[row.name] = row.offered(available, values)
        values[row.name] = row.initial
    return choices


def _read(found: FoundAction, given: Mapping[str, Any], available: Available) -> dict[str, Any]:
    names = tuple(row.name for row in found.action.arguments)
    if wrong := next((name for name in given if name not in names), None):
        raise InvalidRequest("Argument", wrong, "is not known", nearest_name(wrong, names))
    return read_arguments(found.action.arguments, given, available)


def _acted(found: FoundAction, context: ResultContext) -> ResultAnswer:
    """What the extension wants. Raises whatever it raises, and TypeError for an answer that is none."""
    try:
        answer = found.action.act(context)
    except (Interrupted, Skipped) as error:  # there is no job that could be meant
        raise RuntimeError(f"it stopped with {type(error).__name__}") from error
    if answer is None:
        return ResultAnswer()
    if not isinstance(answer, ResultAnswer) or not isinstance(answer.message, str):
        raise TypeError(f"it returned {type(answer).__name__} instead of a ResultAnswer")
    for name, rows, most in (("queue", answer.queue, MOST_REQUESTS), ("pictures", answer.pictures, MOST_PICTURES)):
        if not isinstance(rows, (list, tuple)) or len(rows) > most:
            raise TypeError(f"its {name} are no list of at most {most}")
    return answer


def _anew(request: object) -> AnyRequest:
    """A request of an extension's, checked again: it may have been changed past all checks. Raises InvalidRequest."""
    if not isinstance(request, (Txt2ImgRequest, Img2ImgRequest)):
        raise TypeError(f"it gave {type(request).__name__} in the place of a request")
    return type(request).of(request.model_dump())


def _checked(found: FoundAction, picture: object) -> CheckedPicture:
    """Raises TypeError and ValueError for what is no picture."""
    if not isinstance(picture, NewPicture):
        raise TypeError(f"it gave {type(picture).__name__} in the place of a NewPicture")
    parameters = {str(key): str(value) for key, value in dict(picture.parameters).items()}
    return CheckedPicture(checked_picture(picture.pixels), found.action.name, parameters)


def _blaming(found: FoundAction) -> AbstractContextManager[None]:
    return blaming(
        found.plugin,
        found.action.label,
        lambda error: PluginFailed(
            f"Button {found.action.label!r} of the plugin {found.plugin} failed ({type(error).__name__}: {error}). "
            "Nothing was changed. Switch it off, or tell whoever wrote it."
        ),
    )
