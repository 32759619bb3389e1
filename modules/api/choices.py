"""Routes of what a request may name: samplers, schedules, upscalers, styles, wildcards, sections, steps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter

from modules.api.exchange import Report, readable, refusals
from modules.diffusion.names import LATENT_UPSCALE_MODES, SamplerName, ScheduleName
from modules.hooks import Argument, Choice, Number, PostprocessingStep, Section, SeveralChoices
from modules.schema.requests import REQUESTS, Task
from modules.services.build import Services


class Named(Report):
    """Something with a name."""

    name: str
    """By which requests name it."""
    aliases: list[str]
    """What else it answers to."""


class UpscalerReport(Named):
    """What enlarges a picture."""

    is_latent: bool
    """Whether it works on latents, and so with the second pass of txt2img alone."""


class StyleReport(Report):
    """A piece of prompt under a name."""

    name: str
    """By which requests name it."""
    prompt: str
    """What is put around or behind the prompt; {prompt} stands for it."""
    negative_prompt: str
    """The same for the negative prompt."""


class WildcardReport(Report):
    """A list of words to draw from."""

    name: str
    """What stands between double underscores."""
    count: int
    """How many words there are."""


class SamplerList(Report):
    """The sampling methods."""

    samplers: list[Named]
    """In the order of the page's list."""


class SchedulerList(Report):
    """The ways to space noise levels."""

    schedulers: list[Named]
    """In the order of the page's list."""


class UpscalerList(Report):
    """What enlarges pictures."""

    upscalers: list[UpscalerReport]
    """In the order of the page's list, those of latents last."""


class StyleList(Report):
    """The styles of this installation."""

    styles: list[StyleReport]
    """In the order of their files."""


class WildcardList(Report):
    """The wildcards of this installation."""

    wildcards: list[WildcardReport]
    """By name."""


class ArgumentReport(Report):
    """What a section or a step may be given."""

    name: str
    """By which requests name it."""
    label: str
    """What the page calls it."""
    help: str
    """What it is for; may be empty."""
    kind: str
    """text, number, switch, choice, choices, colour or picture (the id of an input picture)."""
    default: bool | int | float | str | list[str]
    """What it is where nothing is given."""
    minimum: float | None
    """The least number."""
    maximum: float | None
    """The largest number."""
    choices: list[str] | None
    """What may be chosen; null also where that follows from what there is."""


class SectionReport(Report):
    """A group of arguments that extensions add to requests."""

    name: str
    """By which requests name it."""
    help: str
    """What it does."""
    tasks: list[str]
    """The tasks that have it."""
    arguments: list[ArgumentReport]
    """In the order of the page."""


class SectionList(Report):
    """The sections of this installation."""

    sections: list[SectionReport]
    """In the order of the page."""


class StepReport(Report):
    """A step of post-processing that an extension adds to Extras."""

    name: str
    """By which requests name it."""
    help: str
    """What it does."""
    moment: str
    """When it is its turn: first; enlarged, before anything is cut; last, for each result."""
    arguments: list[ArgumentReport]
    """In the order of the page."""


class StepList(Report):
    """The steps of post-processing of this installation."""

    steps: list[StepReport]
    """In the order in which they are carried out."""


def _step_report(step: PostprocessingStep) -> StepReport:
    arguments = [ArgumentReport(**readable(argument_facts(row))) for row in step.arguments]
    words = {"name": step.name, "help": step.help, "moment": step.moment}
    return StepReport(**readable(words), arguments=arguments)


def _section_reports(services: Services) -> Iterator[SectionReport]:
    found: dict[str, tuple[Section, list[Task]]] = {}
    for task in REQUESTS:
        for section in services.sections.all(task):
            found.setdefault(section.name, (section, []))[1].append(task)
    for name, (section, tasks) in found.items():
        arguments = [ArgumentReport(**readable(argument_facts(row))) for row in section.arguments]
        words = readable({"name": name, "help": section.help})
        yield SectionReport(**words, tasks=[*tasks], arguments=arguments)


def _named(row: SamplerName | ScheduleName) -> Named:
    return Named(**readable({"name": row.name, "aliases": list(row.aliases)}))


def argument_facts(row: Argument) -> dict[str, Any]:
    """The fields of an ArgumentReport."""
    return {
        "name": row.name,
        "label": row.label,
        "help": row.help,
        "kind": row.kind,
        "default": row.initial,
        "minimum": row.minimum if isinstance(row, Number) else None,
        "maximum": row.maximum if isinstance(row, Number) else None,
        "choices": row.choices if isinstance(row, Choice | SeveralChoices) and isinstance(row.choices, tuple) else None,
    }


def choice_routes(services: Services) -> APIRouter:
    """The routes; none of them refuses anybody who may log in."""
    router = APIRouter(prefix="/api/v1", tags=["choices"], responses=refusals())

    @router.get("/samplers")
    def samplers() -> SamplerList:
        """What a request's `sampler_name` may be."""
        return SamplerList(samplers=[_named(row) for row in services.sampling.names.samplers])

    @router.get("/schedulers")
    def schedulers() -> SchedulerList:
        """What a request's `scheduler` may be."""
        return SchedulerList(schedulers=[_named(row) for row in services.sampling.names.listed_schedules])

    @router.get("/upscalers")
    def upscalers() -> UpscalerList:
        """What a request's `hr_upscaler`, `upscaler_1` and the like may be."""
        files = [
            UpscalerReport(**readable({"name": one.name, "aliases": one.aliases}), is_latent=False)
            for one in services.upscalers.all()
        ]
        latent = [UpscalerReport(name=name, aliases=[], is_latent=True) for name in LATENT_UPSCALE_MODES]
        return UpscalerList(upscalers=[*files, *latent])

    @router.get("/styles")
    def styles() -> StyleList:
        """What a request's `styles` may hold."""
        found = [listed.style for listed in services.styles.list_styles() if listed.style is not None]
        names = StyleReport.model_fields
        return StyleList(
            styles=[StyleReport(**readable({name: getattr(one, name) for name in names})) for one in found]
        )

    @router.get("/sections")
    def sections() -> SectionList:
        """What a request's `sections` may hold."""
        return SectionList(sections=list(_section_reports(services)))

    @router.get("/postprocessing")
    def postprocessing() -> StepList:
        """What the `postprocessing` of a request of Extras may hold."""
        return StepList(steps=list(map(_step_report, services.postprocessing.all())))

    @router.get("/wildcards")
    def wildcards() -> WildcardList:
        """What may stand between double underscores in a prompt, where a request's `wildcards` are on."""
        found = services.wildcards.list_wildcards()
        return WildcardList(wildcards=[WildcardReport(name=str(readable(one.name)), count=one.count) for one in found])

    return router
