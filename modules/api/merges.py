"""Routes of merges: one checkpoint made of others, one merge at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, Request
from fastapi import Path as InPath
from fastapi.concurrency import run_in_threadpool
from pydantic import Field

from modules.api.exchange import Body, Report, Teller, read_as, readable, refusals, takes
from modules.checkpoints.merge_recipe import (
    METHODS,
    MOST_PATTERN_CHARACTERS,
    MOST_PATTERNS,
    MergeRecipe,
    Method,
    OutputType,
)
from modules.errors import InvalidRequest, ModelNotFound, NotFound
from modules.schema.field_types import Name
from modules.schema.requests import NO_VAE
from modules.services.build import Services
from modules.services.merging import MergeRequest, MergeState, merge_request

MOST_MODELS = max(METHODS.values())


MergeId = Annotated[str, InPath(description="The id that the merge got when it was begun.")]


class MergeBody(Body):
    """What is merged, and how. Models are named as everywhere."""

    models: Annotated[list[Name], Field(max_length=MOST_MODELS)] = []
    """A, B and C, as many as the method takes."""
    method: Method | Literal[""] = ""
    """ "": the one that takes as many models."""
    multiplier: float = MergeRecipe.multiplier
    """Share of B, or factor of the difference."""
    blocks: str = ""
    """Multipliers of the network's blocks in the place of the one above; "": none."""
    dtype: OutputType = ""
    """The number format of the result; "": that of A."""
    discard: Annotated[
        list[Annotated[str, Field(max_length=MOST_PATTERN_CHARACTERS)]], Field(max_length=MOST_PATTERNS)
    ] = []
    """Patterns of the names of tensors that are left out."""
    copy_metadata: bool = True
    """Whether the result's header tells what it was made of."""
    vae: Annotated[str, Field(max_length=200)] = ""
    """The VAE that is baked in, or the checkpoint whose VAE that is; "" or None: A's own."""
    name: Annotated[str, Field(max_length=200)] = ""
    """Of the result; "": made of the models' names."""
    overwrite: bool = False
    """Whether a file of that name is replaced."""


class MergeReport(Report):
    """How a merge is getting on."""

    id: str
    """By which it is asked for."""
    name: str
    """Of the result, by which requests name it."""
    state: Literal["running", "done", "failed", "cancelled"]
    """The last three are ends."""
    stage: str
    """What it does at this moment."""
    progress: float
    """From 0 to 1."""
    error: str
    """A sentence, where it failed."""
    merged: int | None
    """Tensors that were made of those of several models; null until it is done."""
    kept: int | None
    """Tensors of A that the others have no counterpart for; null until it is done."""
    left_out: int | None
    """Tensors of B that A lacks; null until it is done."""
    note: str
    """What did not go as it should, though the model is there."""


def merge_routes(services: Services) -> APIRouter:
    """The routes; every refusal is {"detail": a sentence}."""
    router = APIRouter(prefix="/api/v1/merges", tags=["merges"], responses=refusals())
    tell = Teller(services.paths)
    beginning = takes(MergeBody, {"models": ["photo", "paint"], "multiplier": 0.5, "name": "half and half"})

    @router.post("", status_code=201, responses=refusals(400, 404, 413), openapi_extra=beginning)
    async def start(request: Request) -> MergeReport:
        """Begin a merge."""
        wanted = await read_as(MergeBody, request)
        return await run_in_threadpool(lambda: _report(tell.told(_started, services, wanted), tell))

    @router.get("")
    def known() -> list[MergeReport]:
        """The latest merge; none before the first."""
        state = services.merging.state()
        return [] if state is None else [_report(state, tell)]

    @router.get("/{merge_id}", responses=refusals(404))
    def report(merge_id: MergeId) -> MergeReport:
        """How a merge is getting on; the latest one alone is remembered."""
        return _report(tell.told(_found, services, merge_id), tell)

    @router.post("/{merge_id}/cancel", responses=refusals(404))
    def cancel(merge_id: MergeId) -> MergeReport:
        """Stop a merge; it leaves nothing behind."""
        if not tell.told(_found, services, merge_id).is_over:
            services.merging.cancel()
        return _report(tell.told(_found, services, merge_id), tell)

    return router


def _started(services: Services, wanted: MergeBody) -> MergeState:
    return _found(services, services.merging.start(_request(services, wanted)))


def _request(services: Services, wanted: MergeBody) -> MergeRequest:
    """What a command line would make of the same words, but no name is ever a path. Raises InvalidRequest."""
    if not wanted.models:
        raise InvalidRequest("Models", "", "are missing", "Name one checkpoint or more.")
    options = {
        **wanted.model_dump(include={"method", "multiplier", "blocks", "dtype", "discard", "overwrite"}),
        "no_metadata": not wanted.copy_metadata,
        "bake_vae": _vae(services, wanted.vae),
        "output": wanted.name.strip(),
    }
    return merge_request(wanted.models, options)


def _vae(services: Services, name: str) -> Path | None:
    """The file of a VAE, or of a checkpoint that has one. Raises ModelNotFound, UnsupportedModel, BrokenModel."""
    if name.strip().lower() in ("", NO_VAE.lower()):
        return None
    try:
        return services.vaes.find(name).path
    except ModelNotFound as error:
        try:
            return services.models.find(name).path
        except ModelNotFound:
            raise error from None


def _found(services: Services, id: str) -> MergeState:
    state = services.merging.state()
    if state is None or state.id != id:
        raise NotFound(f"There is no merge {id[:40]!r}. Only the latest one is remembered.")
    return state


def _report(state: MergeState, tell: Teller) -> MergeReport:
    result = state.result
    return MergeReport(
        id=state.id,
        name=readable(state.target.stem),
        state=state.state,
        stage=state.stage,
        progress=state.progress,
        error=tell.shown(state.error),
        merged=result.merged if result else None,
        kept=result.kept if result else None,
        left_out=result.left_out if result else None,
        note=tell.shown(result.note) if result else "",
    )
