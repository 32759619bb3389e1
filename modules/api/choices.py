"""Routes of what a request may name: samplers, schedules, upscalers, styles, wildcards."""

from __future__ import annotations

from fastapi import APIRouter

from modules.api.exchange import Report, readable, refusals
from modules.diffusion.names import LATENT_UPSCALE_MODES, LISTED_SCHEDULES, SAMPLER_NAMES
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


def choice_routes(services: Services) -> APIRouter:
    """The routes; none of them refuses anybody who may log in."""
    router = APIRouter(prefix="/api/v1", tags=["choices"], responses=refusals())

    @router.get("/samplers")
    def samplers() -> SamplerList:
        """What a request's `sampler_name` may be."""
        return SamplerList(samplers=[Named(name=row.name, aliases=list(row.aliases)) for row in SAMPLER_NAMES])

    @router.get("/schedulers")
    def schedulers() -> SchedulerList:
        """What a request's `scheduler` may be."""
        return SchedulerList(schedulers=[Named(name=row.name, aliases=list(row.aliases)) for row in LISTED_SCHEDULES])

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

    @router.get("/wildcards")
    def wildcards() -> WildcardList:
        """What may stand between double underscores in a prompt, where a request's `wildcards` are on."""
        found = services.wildcards.list_wildcards()
        return WildcardList(wildcards=[WildcardReport(name=str(readable(one.name)), count=one.count) for one in found])

    return router
