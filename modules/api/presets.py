"""Routes of presets: all controls of a tab under a name. Everybody has their own."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import Field

from modules.api.exchange import Body, Report, Teller, read_as, readable, refusals, takes
from modules.api.visitors import visitor
from modules.schema.requests import Task
from modules.services.build import Services
from modules.services.presets import MAX_NAME_CHARACTERS, MAX_PRESETS, MAX_VALUES, NewPreset, Preset

MAX_IMPORT_BYTES = 4 * 2**20
PresetId = Annotated[int, Path(description="The id that the preset got when it was saved.", ge=0, le=2**53)]
PresetName = Annotated[str, Field(max_length=MAX_NAME_CHARACTERS)]
PresetValues = Annotated[dict[str, bool | int | float | str | list[str] | None], Field(max_length=MAX_VALUES)]


class KeptControls(Body):
    """Controls of a tab under a name."""

    task: Task
    """The tab that they are of."""
    name: PresetName
    """What they are called."""
    values: PresetValues
    """What the controls hold, by the names of the request's fields; those of a script are "SCRIPT/ARGUMENT"."""


class PresetBody(KeptControls):
    """A preset to keep."""

    replaces: bool = False
    """Whether it takes the place of one of that name; otherwise a name that is taken is refused."""


class PresetChanges(Body):
    """What is to be another; what is not named stays."""

    name: PresetName | None = None
    """What the preset is called from now on."""
    is_default: bool | None = None
    """Whether a browser that has kept nothing begins with it; one at most of each task."""


class PresetFile(Body):
    """What was exported before, from this server or another one."""

    presets: Annotated[list[KeptControls], Field(max_length=MAX_PRESETS)]
    """Each takes the place of one of the same task and name."""


class PresetReport(Report):
    """Controls of a tab under a name."""

    id: int
    """By which it is changed and deleted."""
    task: Task
    """The tab that it is of."""
    name: str
    """What it is called."""
    values: PresetValues
    """What the controls hold, by the names of the request's fields; those of a script are "SCRIPT/ARGUMENT"."""
    is_default: bool
    """Whether a browser that has kept nothing begins with it."""
    changed: float
    """When it was saved last, in seconds since 1970."""


class PresetList(Report):
    """Presets of whoever asks."""

    presets: list[PresetReport]
    """By task and name."""


_EXAMPLE: dict[str, Any] = {"task": "txt2img", "name": "Draft", "values": {"steps": 8, "sampler_name": "Euler a"}}


def preset_routes(services: Services) -> APIRouter:
    """The routes; every refusal is {"detail": a sentence}."""
    router = APIRouter(prefix="/api/v1/presets", tags=["presets"], responses=refusals())
    presets, told = services.presets, Teller(services.paths).told

    @router.get("")
    def listed(request: Request) -> PresetList:
        """Your presets."""
        return _list(presets.all(visitor(request).name))

    saving = takes(PresetBody, {**_EXAMPLE, "replaces": True})

    @router.post("", status_code=201, responses=refusals(400, 413), openapi_extra=saving)
    async def save(request: Request) -> PresetReport:
        """Keep what the controls of a tab hold."""
        body, user = await read_as(PresetBody, request), visitor(request).name
        new = NewPreset(body.task, body.name, body.values)
        return _report(await run_in_threadpool(told, lambda: presets.save(new, user, replaces=body.replaces)))

    @router.post("/import", status_code=201, responses=refusals(400, 413), openapi_extra=takes(
        PresetFile, {"presets": [_EXAMPLE]}
    ))  # fmt: skip
    async def take_in(request: Request) -> PresetList:
        """Keep several presets, all or none."""
        body, user = await read_as(PresetFile, request, MAX_IMPORT_BYTES), visitor(request).name
        given = [NewPreset(one.task, one.name, one.values) for one in body.presets]
        return _list(await run_in_threadpool(told, presets.save_all, given, user))

    changing = takes(PresetChanges, {"is_default": True})

    @router.patch("/{preset_id}", responses=refusals(400, 404, 413), openapi_extra=changing)
    async def change(preset_id: PresetId, request: Request) -> PresetReport:
        """Give a preset another name, or make it the one that forms begin with."""
        body, user = await read_as(PresetChanges, request), visitor(request).name
        return _report(await run_in_threadpool(told, _changed, services, preset_id, body, user))

    @router.delete("/{preset_id}", status_code=204, responses=refusals(404))
    def delete(preset_id: PresetId, request: Request) -> Response:
        """Forget a preset."""
        told(presets.delete, preset_id, visitor(request).name)
        return Response(status_code=204)

    return router


def _changed(services: Services, preset_id: int, body: PresetChanges, user: str) -> Preset:
    presets = services.presets
    changed = presets.get(preset_id, user)
    if body.name is not None:
        changed = presets.rename(preset_id, body.name, user)
    if body.is_default is not None:
        changed = presets.set_default(preset_id, body.is_default, user)
    return changed


def _list(presets: list[Preset]) -> PresetList:
    return PresetList(presets=list(map(_report, presets)))


def _report(preset: Preset) -> PresetReport:
    return PresetReport(**readable({name: getattr(preset, name) for name in PresetReport.model_fields}))
