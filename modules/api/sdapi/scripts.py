"""Which scripts there are, and in which order they take their arguments."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi import APIRouter
from pydantic import BaseModel

from modules.api.sdapi.script_arguments import ALWAYS_ON, IMG2IMG_ALONE, SD_UPSCALE, argument_names, axis_labels
from modules.hooks import Argument, Available, Choice, Number, Script, SeveralChoices
from modules.schema.refusals import LABELS
from modules.schema.requests import REQUESTS, Task
from modules.services.build import Services

Value = bool | int | float | str | tuple[str, ...] | None


class ScriptNames(BaseModel):
    """The scripts of both tasks, in lower case."""

    txt2img: list[str]
    img2img: list[str]


class ScriptArgument(BaseModel):
    """One argument, by its place in the list."""

    label: str | None
    value: Value
    """What it is where none is given."""
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    choices: list[str] | None = None


class ScriptInfo(BaseModel):
    """A script in one of the tasks."""

    name: str
    is_alwayson: bool
    is_img2img: bool
    args: list[ScriptArgument]


def script_routes(router: APIRouter, services: Services) -> None:
    """Add the routes."""

    @router.get("/scripts")
    def scripts() -> ScriptNames:
        """The names of all scripts."""
        names = {task: [info.name for info in _of_task(services, task)] for task in REQUESTS}
        return ScriptNames(txt2img=names["txt2img"], img2img=names["img2img"])

    @router.get("/script-info")
    def script_info() -> list[ScriptInfo]:
        """All scripts with their arguments, in the order in which `script_args` and `args` have to be."""
        return [info for task in REQUESTS for info in _of_task(services, task)]


def _of_task(services: Services, task: Task) -> list[ScriptInfo]:
    is_img2img = task == "img2img"
    available = services.scripts.available(task)
    found = [
        ScriptInfo(name=name.lower(), is_alwayson=True, is_img2img=is_img2img, args=[_field(task, row) for row in rows])
        for name, rows in ALWAYS_ON.items()
        if is_img2img or name not in IMG2IMG_ALONE
    ]
    found += [
        ScriptInfo(
            name=section.name.lower(),
            is_alwayson=True,
            is_img2img=is_img2img,
            args=[_field(task, "enabled"), *_declared_in_order(section.arguments, available)],
        )
        for section in services.sections.all(task)
        if section.name.lower() not in {info.name for info in found}
    ]
    found += [
        ScriptInfo(
            name=script.name.lower(), is_alwayson=False, is_img2img=is_img2img, args=_arguments(script, available)
        )
        for script in services.scripts.all(task)
    ]
    if is_img2img:
        upscalers = [entry.name for entry in services.upscalers.all()]
        info = ScriptArgument(label=None, value="")
        rows = [_field(task, name) for name in ("sd_upscale_overlap", "sd_upscale_upscaler", "sd_upscale_by")]
        rows[1] = rows[1].model_copy(update={"choices": upscalers})
        found.append(ScriptInfo(name=SD_UPSCALE.lower(), is_alwayson=False, is_img2img=True, args=[info, *rows]))
    return found


def _arguments(script: Script, available: Available) -> list[ScriptArgument]:
    declared = {row.name: row for row in script.arguments}
    initial = {row.name: row.initial for row in script.arguments}
    return [
        _declared(declared[name], available, initial) if name in declared else _of_a1111(name)
        for name in argument_names(script)
    ]


def _declared_in_order(arguments: Iterable[Argument], available: Available) -> list[ScriptArgument]:
    rows = tuple(arguments)
    initial = {row.name: row.initial for row in rows}
    # What would have to be asked of an extension is left out: it may fail, and these are told with all others.
    told = [not isinstance(row, (Choice, SeveralChoices)) or isinstance(row.choices, tuple) for row in rows]
    plain = [ScriptArgument(label=row.label, value=row.initial) for row in rows]
    return [
        _declared(row, available, initial) if is_told else one
        for row, is_told, one in zip(rows, told, plain, strict=True)
    ]


def _declared(
    row: Argument, available: Available, initial: dict[str, bool | int | float | str | tuple[str, ...]]
) -> ScriptArgument:
    found = ScriptArgument(label=row.label, value=row.initial)
    if isinstance(row, Number):
        return found.model_copy(update={"minimum": row.minimum, "maximum": row.maximum, "step": row.step})
    if isinstance(row, (Choice, SeveralChoices)):
        offered = list(row.offered(available, initial))
        # Clients choose axes by their place in A1111's list.
        listed = list(axis_labels(available.task)) if row.name.endswith("_type") and "Seed" in offered else offered
        return found.model_copy(update={"choices": listed})
    return found


def _of_a1111(name: str) -> ScriptArgument:
    """An argument that A1111's script has and ours has not."""
    usual: dict[str, Value] = {"csv_mode": False, "append_interrogation": "None"}
    return ScriptArgument(label=name.replace("_", " ").capitalize(), value=usual.get(name, ()))


def _field(task: Task, name: str) -> ScriptArgument:
    """A field of a request that a script of A1111 has as its argument."""
    if name == "enabled":
        return ScriptArgument(label="Enabled", value=False)
    row = REQUESTS[task].model_fields[name]
    limits = {type(limit).__name__: limit for limit in row.metadata}
    return ScriptArgument(
        label=LABELS.get(name, name),
        value=row.default,
        minimum=getattr(limits.get("Ge"), "ge", None),
        maximum=getattr(limits.get("Le"), "le", None),
    )
