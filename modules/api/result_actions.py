"""Routes of the buttons that extensions add to finished pictures."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.concurrency import run_in_threadpool

from modules.api.choices import ArgumentReport, argument_facts
from modules.api.exchange import Body, PictureNumber, Report, Teller, read_as, readable, refusals, takes
from modules.api.gallery import own_picture, reports_of
from modules.api.job_reports import PICTURES, PictureReport
from modules.api.visitors import visitor
from modules.services.build import Services
from modules.services.result_actions import OfferedAction, ResultOutcome

ExtensionName = Annotated[str, Path(description="What the extension is called.", examples=["seed-travel"])]
ActionName = Annotated[str, Path(description="What the button is called.", examples=["travel"])]


class ActionReport(Report):
    """A button that an extension adds to finished pictures."""

    extension: str
    """Whose it is."""
    name: str
    """By which the extension calls it."""
    label: str
    """What stands on it."""
    help: str
    """What it does; may be empty."""
    icon: str
    """A sign before the label; may be empty."""
    needs_parameters: bool
    """Whether it is for pictures alone that say how they were made."""
    arguments: list[ArgumentReport]
    """What is asked for, in the order of the page; with the choices that there are at this moment."""


class ActionList(Report):
    """The buttons that whoever asks may press."""

    actions: list[ActionReport]
    """In the order of the page."""


class PressBody(Body):
    """How a button is pressed."""

    arguments: dict[str, Any] = {}
    """By their names; what is left out is as usual. A picture is named by the id of an input picture."""


class FormReport(Report):
    """What a form is to be filled with."""

    task: str
    """txt2img or img2img: whose form."""
    fields: dict[str, Any]
    """The fields of a request."""


class PressReport(Report):
    """What came of a button."""

    message: str
    """What the extension says; may be empty."""
    jobs: list[str]
    """The ids of the jobs that were queued."""
    pictures: list[PictureReport]
    """The pictures that were saved."""
    form: FormReport | None
    """What the extension wants to see in a form; null where it wants nothing of that kind."""
    problem: str
    """What did not go well though all this was done; may be empty."""


def result_action_routes(services: Services) -> APIRouter:
    """The routes; every refusal is {"detail": a sentence}."""
    router = APIRouter(tags=["pictures"], responses=refusals())
    teller = Teller(services.paths)

    @router.get("/api/v1/result-actions")
    def offered(request: Request) -> ActionList:
        """The buttons that extensions add to finished pictures, as far as whoever asks may press them."""
        return ActionList(actions=list(map(_action_report, services.result_actions.offered(visitor(request)))))

    example = {"arguments": {"destination": 9, "stops": 4}}

    @router.post(
        PICTURES + "/{picture_id}/actions/{extension}/{name}",
        responses=refusals(400, 404, 413, 429),
        openapi_extra=takes(PressBody, example),
    )
    async def press(
        picture_id: PictureNumber, extension: ExtensionName, name: ActionName, request: Request
    ) -> PressReport:
        """Do what a button of an extension does with a finished picture. It has 60 seconds."""
        wanted = await read_as(PressBody, request)
        asking = visitor(request)

        def pressed() -> PressReport:
            picture = own_picture(services, request, picture_id)
            outcome = teller.told(services.result_actions.press, extension, name, picture, wanted.arguments, asking)
            return _press_report(services, request, outcome, teller)

        return await run_in_threadpool(pressed)

    return router


def _action_report(offered: OfferedAction) -> ActionReport:
    action = offered.found.action
    arguments = [
        ArgumentReport(**readable(argument_facts(row) | {"choices": offered.choices.get(row.name)}))
        for row in action.arguments
    ]
    words = {
        "extension": offered.found.extension,
        "name": action.name,
        "label": action.label,
        "help": action.help,
        "icon": action.icon,
        "needs_parameters": action.needs_parameters,
    }
    return ActionReport(**readable(words), arguments=arguments)


def _press_report(services: Services, request: Request, outcome: ResultOutcome, teller: Teller) -> PressReport:
    form = outcome.form
    fields = None if form is None else readable(form.model_dump(mode="json", exclude_defaults=True))
    return PressReport(
        message=teller.shown(outcome.message),
        jobs=list(outcome.jobs),
        pictures=reports_of(services, request, outcome.pictures),
        form=None if form is None or fields is None else FormReport(task=form.task, fields=fields),
        problem=teller.shown(outcome.problem),
    )
