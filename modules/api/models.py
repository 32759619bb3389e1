"""Routes of model files: what there is, their cards and previews, and the checkpoint that is used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi import Path as InPath
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse
from pydantic import Field

from modules.api.exchange import (
    Asked,
    Body,
    Report,
    Teller,
    picture_answer,
    read_as,
    readable,
    refusals,
    takes,
)
from modules.checkpoints.card import Card
from modules.checkpoints.identification import Family, Prediction
from modules.checkpoints.training_facts import TrainingFacts
from modules.config.model_folders import FOLDER_KINDS, FolderKind
from modules.errors import ModelNotFound, NotFound
from modules.schema.field_types import CfgScale, Name, Side, Steps, Switch
from modules.services.build import Services
from modules.services.model_cards import ModelCard

REFRESH_SECONDS = 10.0
"""That a client waits at most for a look at the disk."""
_ABSENT = (NotFound, ModelNotFound)
_LARGEST_ID = 2**63 - 1


Kind = Annotated[str, InPath(description=f"One of: {', '.join(FOLDER_KINDS)}.", examples=["lora"])]
ModelName = Annotated[
    str, InPath(description="The path below the folder of its kind, without suffix.", examples=["pens/ink"])
]


class ModelReport(Report):
    """A model file as a program sees it; places on the server's disk are not told."""

    name: str
    """By which requests name it."""
    kind: FolderKind
    """What it is for."""
    file: str
    """Its name on the disk, with its suffix."""
    is_folder: bool
    """Whether it is a folder as diffusers writes them."""
    what: str
    """In words; "" where its header tells nothing."""
    family: Family | None
    """What it belongs to; null where that is not known."""
    prediction: Prediction | None
    """What its network predicts; null where that is not known."""
    precision: str
    """The number format of its weights; "" where that is not known."""
    size: int
    """Bytes."""
    modified: float
    """Seconds since 1970."""
    created: float
    """Seconds since 1970."""
    sha256: str
    """Of the file; "" where it is not known yet."""
    short_hash: str
    """As infotexts name it; "" where it is not known yet."""
    problem: str
    """Why it cannot be used; "" where it can."""
    card: Card
    """What the files beside it say."""
    trigger_words: list[str]
    """What to write into a prompt for it."""


class ModelDetails(ModelReport):
    """The same with what its header says of its making."""

    training: TrainingFacts
    """What its trainer wrote down."""


class ModelList(Report):
    """Model files."""

    version: int
    """Another one than last time: something changed."""
    models: list[ModelReport]
    """In the order that was asked for."""


class Refreshed(Report):
    """After a look at the disk; it goes on by itself where it is not complete."""

    complete: bool
    """Whether all was looked at in time."""
    version: int
    """Another one than last time: something changed."""


class Listing(Asked):
    """Which model files are listed, and in which order; of all kinds one kind after the other."""

    kind: str = ""
    """Of which kind; "": all."""
    search: Annotated[str, Field(max_length=1000)] = ""
    """Words that have to be in its name or its card."""
    sort: str = "name"
    """name, path, created, modified or size."""
    descending: Switch = False
    """The other way round."""


class RecommendedBody(Body):
    """The settings a checkpoint is best run with; they replace all that were written down before."""

    width: Side = 512
    """In pixels."""
    height: Side = 512
    """In pixels."""
    steps: Steps = 20
    """Sampling steps."""
    cfg_scale: CfgScale = 7.0
    """How closely the prompt is followed."""
    sampler_name: Name = "Automatic"
    """The sampling method."""
    scheduler: Name = "Automatic"
    """Which noise levels the steps visit."""


class CardBody(Body):
    """Fields of a card that change; null takes one away."""

    description: str | None = None
    """What it is."""
    notes: str | None = None
    """Whatever its owner wants to remember."""
    base_model: str | None = None
    """What it was made for, such as SD1 or SDXL."""
    activation_text: str | None = None
    """Goes into the prompt with it."""
    negative_text: str | None = None
    """Goes into the negative prompt with it."""
    vae: str | None = None
    """The VAE to use with it, by its name."""
    preferred_weight: Annotated[float, Field(ge=-100, le=100)] | None = None
    """The weight it goes into a prompt with."""
    example_prompts: list[str] | None = None
    """Prompts that show it."""
    recommended: RecommendedBody | None = None
    """The settings it is best run with, as a whole."""


class PreviewBody(Body):
    """The number of a finished picture, or the id of one that was sent."""

    picture: Annotated[int, Field(ge=1, le=_LARGEST_ID)] | Annotated[str, Field(max_length=32)]
    """Which picture."""


class ChoiceBody(Body):
    """The checkpoint to use."""

    name: Name
    """Its name, or another by which requests name it."""


def model_routes(services: Services) -> APIRouter:
    """The routes; every refusal is {"detail": a sentence}."""
    router = APIRouter(prefix="/api/v1", tags=["models"], responses=refusals())
    tell = Teller(services.paths)
    find = partial(tell.told, absent=_ABSENT)

    @router.get("/models")
    def listed(listing: Annotated[Listing, Query()]) -> ModelList:
        """The files of a kind or of all, those that hold every word of `search`, in the order of `sort`."""
        version = services.models.version
        return ModelList(version=version, models=tell.told(_listed, services, listing, tell.shown))

    @router.post("/models/refresh")
    def refresh() -> Refreshed:
        """Look at the disk for what came, went or changed."""
        complete = services.model_files.refresh(wait=REFRESH_SECONDS, read=True)
        return Refreshed(complete=complete, version=services.models.version)

    @router.get("/models/current", responses=refusals(404))
    def current() -> ModelReport:
        """The checkpoint of requests that name none."""
        return find(_current, services, tell.shown)

    choosing = takes(ChoiceBody, {"name": "atelier-demo"})

    @router.put("/models/current", responses=refusals(400, 404, 413), openapi_extra=choosing)
    async def select(request: Request) -> ModelReport:
        """Make a checkpoint the one of requests that name none, now and after a restart."""
        name = (await read_as(ChoiceBody, request)).name
        await run_in_threadpool(tell.told, services.models.select, name)
        return await run_in_threadpool(find, _current, services, tell.shown)

    @router.get("/models/{kind}/{name:path}", responses=refusals(404))
    def details(kind: Kind, name: ModelName) -> ModelDetails:
        """One file, with what its header says of its making."""
        return find(_details, services, kind, name, tell.shown)

    editing = takes(CardBody, {"description": "Ink drawings.", "activation_text": "ink", "preferred_weight": 0.8})

    @router.patch(
        "/models/{kind}/{name:path}",
        responses=refusals(400, 404, 413),
        openapi_extra=editing,
    )
    async def edit(kind: Kind, name: ModelName, request: Request) -> ModelReport:
        """Change fields of a card, which is a file beside the model."""
        changes = (await read_as(CardBody, request)).model_dump(exclude_unset=True)
        return await run_in_threadpool(find, _edited, services, kind, name, changes, tell.shown)

    @router.get(
        "/model-previews/{kind}/{name:path}",
        response_class=FileResponse,
        responses={**refusals(404), 200: picture_answer("image/jpeg")},
    )
    def preview(kind: Kind, name: ModelName) -> FileResponse:
        """A small picture of the model, beside it or in its header, as JPEG."""
        path = find(services.cards.thumbnail, kind, name)
        if path is None:
            raise HTTPException(404, "This model has no preview. Put one there.")
        return FileResponse(path, media_type="image/jpeg")

    @router.put(
        "/model-previews/{kind}/{name:path}",
        responses=refusals(400, 404, 413),
        openapi_extra=takes(PreviewBody, {"picture": 7}),
    )
    async def set_preview(kind: Kind, name: ModelName, request: Request) -> ModelReport:
        """Make a finished picture, or one that was sent, the preview of a model."""
        picture = (await read_as(PreviewBody, request)).picture
        return await run_in_threadpool(find, _with_preview, services, kind, name, picture, tell.shown)

    return router


Shown = Callable[[str], str]


def _listed(services: Services, listing: Listing, shown: Shown) -> list[ModelReport]:
    kinds: tuple[Any, ...] = (listing.kind,) if listing.kind else FOLDER_KINDS
    order: Any = listing.sort
    predictions = _predictions(services) if "checkpoint" in kinds else {}
    return [
        _report(card, predictions, shown)
        for kind in kinds
        for card in services.cards.all(kind, listing.search, order=order, descending=listing.descending)
    ]


def _current(services: Services, shown: Shown) -> ModelReport:
    return _report(services.cards.find("checkpoint", services.models.current().name), _predictions(services), shown)


def _details(services: Services, kind: Any, name: str, shown: Shown) -> ModelDetails:
    report = _report(services.cards.find(kind, name), _predictions(services), shown)
    training = readable(asdict(services.cards.training_facts(kind, name)))
    return ModelDetails(**{**dict(report), "training": training})


def _edited(services: Services, kind: Any, name: str, changes: Mapping[str, Any], shown: Shown) -> ModelReport:
    card = services.cards.find(kind, name)
    if changes:
        card = _written(lambda: services.cards.edit(kind, name, changes))
    return _report(card, _predictions(services), shown)


def _with_preview(services: Services, kind: Any, name: str, picture: int | str, shown: Shown) -> ModelReport:
    path = services.inputs.file(picture) if isinstance(picture, str) else _finished(services, picture)
    card = _written(lambda: services.cards.set_preview(kind, name, path))
    return _report(card, _predictions(services), shown)


def _finished(services: Services, picture: int) -> Path:
    path = services.pictures.file(services.pictures.get(picture))
    if not path.is_file():
        raise NotFound(f"Picture {picture} is no longer there.")
    return path


def _written(write: Callable[[], ModelCard]) -> ModelCard:
    """What a change answers. Folders that other programs share need not be ours to write in."""
    try:
        return write()
    except OSError as error:
        sentence = f"The files beside this model cannot be written: {error.strerror}. Allow it, or move the model."
        raise HTTPException(422, sentence) from error


def _predictions(services: Services) -> dict[Path, Prediction | None]:
    """Of checkpoints, whose side files may say more than their headers."""
    return {checkpoint.path: checkpoint.identity.prediction_type for checkpoint in services.models.all()}


def _report(card: ModelCard, predictions: Mapping[Path, Prediction | None], shown: Shown) -> ModelReport:
    identity = card.file.identity
    known = {
        "name": card.name,
        "kind": card.kind,
        "file": card.path.name,
        "is_folder": card.file.is_folder,
        "what": card.title,
        "family": card.family,
        "prediction": predictions.get(card.path) or (identity.prediction_type if identity else None),
        "precision": card.precision,
        "size": card.size,
        "modified": card.modified,
        "created": card.created,
        "sha256": card.sha256,
        "short_hash": card.file.short_hash,
        "problem": shown(card.problem),
        "card": asdict(card.card),
        "trigger_words": card.card.trigger_words,
    }
    return ModelReport(**readable(known))
