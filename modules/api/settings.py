"""Routes of settings: the table, and changing rows of it."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict

from modules.api.exchange import Report, Teller, body_of, fields_of, readable, refusals, takes
from modules.config.settings_table import ROWS, Settings, SettingType, type_of
from modules.errors import InvalidSettings
from modules.hooks import Argument, Choice, Number, SeveralChoices, Switch
from modules.hooks.arguments import Value as ArgumentValue
from modules.hooks.setting_registry import PluginSetting
from modules.services.build import Services

MAX_SETTINGS_BYTES = 256 * 2**10
Value = bool | int | float | str | list[str]


class SettingReport(Report):
    """A row of the table."""

    name: str
    """By which it is changed."""
    section: str
    """What it stands with."""
    label: str
    """What people call it."""
    type: Literal["bool", "int", "float", "str", "list"]
    """What its values are."""
    value: Value
    """What holds now."""
    default: Value
    """What holds where nobody chose."""
    help: str
    """What it does."""
    choices: list[str]
    """What it may be, or of a list what may stand in it; empty where it may be anything of its type."""
    minimum: float | None
    """The least that it may be."""
    maximum: float | None
    """The most that it may be."""
    restart: bool
    """Whether it acts only when the program is started."""


class SettingList(Report):
    """The settings of this installation."""

    settings: list[SettingReport]
    """One row for each; those of a section stand together."""


class Changes(BaseModel):
    """New values by the names of settings; what is not named stays."""

    model_config = ConfigDict(extra="allow")


def settings_routes(services: Services) -> APIRouter:
    """The routes; every refusal is {"detail": a sentence}."""
    router = APIRouter(prefix="/api/v1/settings", tags=["settings"], responses=refusals())
    tell = Teller(services.paths)

    @router.get("")
    def table() -> SettingList:
        """Every setting with its value, its meaning and its limits."""
        return _listed(services, services.settings.current)

    changing = takes(Changes, {"queue_limit": 100})

    @router.patch("", response_model=SettingList, responses=refusals(400, 413), openapi_extra=changing)
    async def change(request: Request) -> SettingList | Response:
        """Change some settings, all or none; they hold from the next job on and after a restart.

        A refusal has besides `problems`: a sentence for each setting whose value cannot be used.
        """
        values = fields_of(await body_of(request, MAX_SETTINGS_BYTES))
        try:
            changed = await run_in_threadpool(services.setting_changes.change, values)
        except InvalidSettings as error:
            problems = {readable(name): tell.shown(sentence) for name, sentence in error.problems.items()}
            return JSONResponse({"detail": tell.shown(str(error)), "problems": problems}, 422)
        return await run_in_threadpool(_listed, services, changed)

    return router


def _listed(services: Services, settings: Settings) -> SettingList:
    of_plugins = [_report_of_plugin(row, value) for row, value in services.setting_changes.of_plugins()]
    return SettingList(settings=[*(_report(services, settings, name) for name in ROWS), *of_plugins])


def _report_of_plugin(row: PluginSetting, value: ArgumentValue) -> SettingReport:
    argument = row.argument
    number = argument if isinstance(argument, Number) else None
    choices = argument.choices if isinstance(argument, (Choice, SeveralChoices)) else ()
    words = {"section": row.section, "label": argument.label, "help": argument.help}
    shown: dict[str, Any] = readable({**words, "value": value, "default": argument.initial, "choices": choices})
    return SettingReport(
        name=row.key,
        type=_type_of(argument),
        minimum=number.minimum if number else None,
        maximum=number.maximum if number else None,
        restart=False,
        **shown,
    )


def _type_of(argument: Argument) -> SettingType:
    if isinstance(argument, Switch):
        return "bool"
    if isinstance(argument, Number):
        return "int" if argument.whole else "float"
    return "list" if isinstance(argument, SeveralChoices) else "str"


def _report(services: Services, settings: Settings, name: str) -> SettingReport:
    row = ROWS[name]
    told = {key: row.metadata[key] for key in ("section", "label", "help", "minimum", "maximum", "restart")}
    value, default, choices = getattr(settings, name), row.default, services.setting_changes.offered(name)
    shown: dict[str, Any] = readable({"value": value, "default": default, "choices": choices})
    return SettingReport(name=name, type=type_of(name), **told, **shown)
