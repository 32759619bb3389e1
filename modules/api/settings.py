"""Routes of settings: the table, and changing rows of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict

from modules.api.exchange import Report, Teller, body_of, fields_of, refusals, takes
from modules.config.settings import Settings, SettingsStore, check_setting
from modules.services.build import Services

MAX_SETTINGS_BYTES = 256 * 2**10


class SettingReport(Report):
    """A row of the table."""

    name: str
    """By which it is changed."""
    type: Literal["bool", "int", "float", "str"]
    """What its values are."""
    value: bool | int | float | str
    """What holds now."""
    default: bool | int | float | str
    """What holds where nobody chose."""
    help: str
    """What it does."""
    choices: list[str]
    """What it may be; empty where it may be anything of its type."""
    minimum: int | None
    """The least that it may be."""


class SettingList(Report):
    """The settings of this installation."""

    settings: list[SettingReport]
    """One row for each."""


class Changes(BaseModel):
    """New values by the names of settings; what is not named stays."""

    model_config = ConfigDict(extra="allow")


def settings_routes(services: Services) -> APIRouter:
    """The routes; every refusal is {"detail": a sentence}."""
    router = APIRouter(prefix="/api/v1/settings", tags=["settings"], responses=refusals())
    told = Teller(services.paths).told

    @router.get("")
    def table() -> SettingList:
        """Every setting with its value, its meaning and its limits."""
        return SettingList(settings=_rows(services.settings.current))

    changing = takes(Changes, {"queue_limit": 100})

    @router.patch("", responses=refusals(400, 413), openapi_extra=changing)
    async def change(request: Request) -> SettingList:
        """Change some settings, all or none; they hold from the next job on and after a restart."""
        values = fields_of(await body_of(request, MAX_SETTINGS_BYTES))
        return SettingList(settings=_rows(await run_in_threadpool(told, _changed, services.settings, values)))

    return router


def _changed(settings: SettingsStore, values: Mapping[str, Any]) -> Settings:
    for name, value in values.items():
        check_setting(name, value)
    return settings.change(**values)


def _rows(settings: Settings) -> list[SettingReport]:
    return [
        SettingReport(
            name=row.name,
            type=_type_of(row.default),
            value=getattr(settings, row.name),
            default=getattr(Settings(), row.name),
            help=row.metadata["help"],
            choices=list(row.metadata["choices"]),
            minimum=row.metadata["minimum"],
        )
        for row in fields(Settings)
    ]


def _type_of(default: Any) -> Any:
    return type(default).__name__
