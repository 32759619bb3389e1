"""What there is to choose from: samplers, schedules, model files, styles."""

from __future__ import annotations

import json
from pathlib import Path

from fastapi import APIRouter, Request
from pydantic import BaseModel

from modules.api.visitors import visitor
from modules.checkpoints.model_files import FolderKind, ModelFile
from modules.checkpoints.weights_header import read_header
from modules.diffusion.names import LATENT_UPSCALE_MODES, SamplerName
from modules.errors import UserError
from modules.services.accounts import Visitor
from modules.services.build import Services
from modules.upscaling.registry import face_restorers

REFRESH_SECONDS = 10.0
"""That a client waits at most for a look at the disk."""
_RHO = {"Karras": 7.0, "Polyexponential": 1.0}
_OF_THE_MODEL = ("Uniform", "SGM Uniform", "Simple", "Normal", "DDIM", "Beta", "Linear-Quadratic")
"""Schedules that are made from the noise levels of the model."""
_REAL_ESRGAN = "R-ESRGAN"
_USUAL_SCALE = 4.0
_MOST_METADATA = 256 * 2**10
"""Characters of a LoRA's own facts; more are not told."""


class SamplerItem(BaseModel):
    """A sampler."""

    name: str
    aliases: list[str]
    options: dict[str, str]


class SchedulerItem(BaseModel):
    """A schedule; both `name` and `label` may be sent."""

    name: str
    label: str
    aliases: list[str] | None
    default_rho: float
    """-1 where it has none."""
    need_inner_model: bool


class UpscalerItem(BaseModel):
    """An image upscaler."""

    name: str
    model_name: str | None
    model_path: str | None
    model_url: str | None
    scale: float | None


class NamedItem(BaseModel):
    """Something that has a name alone."""

    name: str


class ModelItem(BaseModel):
    """A checkpoint. Its hash is null until the file was hashed, which happens in the background."""

    title: str
    model_name: str
    hash: str | None
    sha256: str | None
    filename: str
    config: str | None


class VaeItem(BaseModel):
    """A VAE's file."""

    model_name: str
    filename: str


class HypernetworkItem(BaseModel):
    """A hypernetwork."""

    name: str
    path: str


class FaceRestorerItem(BaseModel):
    """A network that mends faces."""

    name: str
    cmd_dir: str | None


class RealEsrganItem(BaseModel):
    """A well-known upscaler's file."""

    name: str
    path: str | None
    scale: float | None


class StyleItem(BaseModel):
    """A style."""

    name: str
    prompt: str | None
    negative_prompt: str | None


class EmbeddingItem(BaseModel):
    """A learnt word."""

    step: int | None = None
    sd_checkpoint: str | None = None
    sd_checkpoint_name: str | None = None
    shape: int
    """Numbers of each vector."""
    vectors: int


class Embeddings(BaseModel):
    """Learnt words by name: those of the model in use, and the others."""

    loaded: dict[str, EmbeddingItem]
    skipped: dict[str, EmbeddingItem]


class LoraItem(BaseModel):
    """A LoRA."""

    name: str
    alias: str
    path: str
    metadata: dict[str, str]


class ExtensionItem(BaseModel):
    """An installed extension."""

    name: str
    remote: str
    branch: str
    commit_hash: str
    commit_date: int
    version: str
    enabled: bool


def choice_routes(router: APIRouter, services: Services) -> None:
    """Add the routes of what the program brings itself."""

    @router.get("/samplers")
    def samplers() -> list[SamplerItem]:
        """The samplers."""
        return [
            SamplerItem(name=row.name, aliases=list(row.aliases), options=_options(row))
            for row in services.sampling.names.samplers
        ]

    @router.get("/schedulers")
    def schedulers() -> list[SchedulerItem]:
        """The schedules."""
        return [
            SchedulerItem(
                name=row.name.lower().replace(" ", "_").replace("-", "_"),
                label=row.name,
                aliases=list(row.aliases) or None,
                default_rho=_RHO.get(row.name, -1),
                need_inner_model=row.name in _OF_THE_MODEL,
            )
            for row in services.sampling.names.listed_schedules
        ]

    @router.get("/latent-upscale-modes")
    def latent_upscale_modes() -> list[NamedItem]:
        """How latents may be enlarged between two passes."""
        return [NamedItem(name=name) for name in LATENT_UPSCALE_MODES]

    @router.get("/hypernetworks")
    def hypernetworks() -> list[HypernetworkItem]:
        """None: hypernetworks are not run."""
        return []

    @router.get("/extensions")
    def extensions() -> list[ExtensionItem]:
        """The extensions of this installation; none of them is a copy of a repository."""
        return [
            ExtensionItem(
                name=one.name,
                remote="",
                branch="",
                commit_hash="",
                commit_date=0,
                version=one.manifest.version if one.manifest else "",
                enabled=one.decision in ("on", "changed"),
            )
            for one in services.extensions.all()
            if one.decision is not None
        ]


def model_routes(router: APIRouter, services: Services) -> None:
    """Add the routes of model files."""

    @router.get("/sd-models")
    def sd_models(request: Request) -> list[ModelItem]:
        """The checkpoints that can be run."""
        asking = visitor(request)
        hashes = {file.path: file.sha256 for file in services.models.files("checkpoint")}
        return [
            ModelItem(
                title=title_of(one.name + one.path.suffix, hashes.get(one.path)),
                model_name=one.name.replace("/", "_"),
                hash=(hashes.get(one.path) or "")[:10] or None,
                sha256=hashes.get(one.path),
                filename=place_of(one.path, asking),
                config=None,
            )
            for one in services.models.all()
        ]

    @router.get("/sd-vae")
    def sd_vae(request: Request) -> list[VaeItem]:
        """The VAEs in files of their own."""
        asking = visitor(request)
        return [
            VaeItem(model_name=file.name + file.path.suffix, filename=place_of(file.path, asking))
            for file in services.models.files("vae")
            if not file.problem
        ]

    @router.get("/embeddings")
    def embeddings() -> Embeddings:
        """The learnt words."""
        family = _family(services)
        found = Embeddings(loaded={}, skipped={})
        for file in map(services.models.looked_at, services.models.files("embedding")):
            item = None if file.problem else _embedding(file)
            if item is not None:
                fits = file.identity is None or file.identity.family in (None, family)
                (found.loaded if fits else found.skipped)[file.path.stem] = item
        return found

    @router.get("/loras")
    def loras(request: Request) -> list[LoraItem]:
        """The LoRAs."""
        asking = visitor(request)
        return [_lora(services, file, asking) for file in services.models.files("lora") if not file.problem]

    def refresh(kind: FolderKind) -> None:
        services.model_files.refresh((kind,), wait=REFRESH_SECONDS, read=True)

    @router.post("/refresh-checkpoints")
    def refresh_checkpoints() -> None:
        """Look for new checkpoints now."""
        refresh("checkpoint")

    @router.post("/refresh-vae")
    def refresh_vae() -> None:
        """Look for new VAEs now."""
        refresh("vae")

    @router.post("/refresh-embeddings")
    def refresh_embeddings() -> None:
        """Look for new embeddings now."""
        refresh("embedding")

    @router.post("/refresh-loras")
    def refresh_loras() -> None:
        """Look for new LoRAs now."""
        refresh("lora")


def further_routes(router: APIRouter, services: Services) -> None:
    """Add the routes of upscalers, face networks and styles."""

    @router.get("/upscalers")
    def upscalers(request: Request) -> list[UpscalerItem]:
        """The image upscalers, by their places SD upscale chooses them."""
        asking = visitor(request)
        return [
            UpscalerItem(
                name=row.name,
                model_name=None if row.path is None else row.path.stem,
                model_path=None if row.path is None else place_of(row.path, asking),
                model_url=None,
                scale=_USUAL_SCALE if row.path is None else None,
            )
            for row in services.upscalers.all()
        ]

    @router.get("/face-restorers")
    def restorers(request: Request) -> list[FaceRestorerItem]:
        """The networks that mend faces in Extras."""
        asking = visitor(request)
        return [
            FaceRestorerItem(name=row.name, cmd_dir=None if row.path is None else place_of(row.path.parent, asking))
            for row in face_restorers(*services.upscalers.models)
        ]

    @router.get("/realesrgan-models")
    def realesrgan_models(request: Request) -> list[RealEsrganItem]:
        """The upscalers among the files that A1111 calls R-ESRGAN."""
        asking = visitor(request)
        return [
            RealEsrganItem(name=alias, path=place_of(row.path, asking), scale=2.0 if "2x" in alias else _USUAL_SCALE)
            for row in services.upscalers.all()
            for alias in row.aliases
            if alias.startswith(_REAL_ESRGAN) and row.path is not None
        ]

    @router.get("/prompt-styles")
    def prompt_styles() -> list[StyleItem]:
        """The styles."""
        rows = (listed.style for listed in services.styles.list_styles())
        return [StyleItem(name=row.name, prompt=row.prompt, negative_prompt=row.negative_prompt) for row in rows if row]


def title_of(name: str, sha256: str | None) -> str:
    """What A1111 calls a checkpoint."""
    return f"{name} [{sha256[:10]}]" if sha256 else name


def place_of(path: Path, asking: Visitor) -> str:
    """Where a file lies; who does not own the server is told its name alone."""
    return str(path) if asking.is_owner else path.name


def _options(row: SamplerName) -> dict[str, str]:
    """What A1111's clients are told of a sampler."""
    facts = {
        "second_order": row.second_order,
        "brownian_noise": row.brownian,
        "uses_ensd": row.uses_ensd,
        "discard_next_to_last_sigma": row.discards_penultimate,
    }
    schedule = {"scheduler": row.automatic.lower()} if row.automatic in ("Karras", "Exponential") else {}
    return schedule | {name: "True" for name, holds in facts.items() if holds}


def _family(services: Services) -> str | None:
    try:
        return services.models.current().identity.family
    except UserError:
        return None


def _embedding(file: ModelFile) -> EmbeddingItem | None:
    """Told by the shapes in its header; None for what is no safetensors file."""
    try:
        shapes = [info.shape for info in read_header(file.path).tensors.values() if len(info.shape) == 2]
    except (UserError, OSError):
        return None
    return EmbeddingItem(shape=sum(shape[1] for shape in shapes), vectors=shapes[0][0]) if shapes else None


def _lora(services: Services, file: ModelFile, asking: Visitor) -> LoraItem:
    try:
        told: dict[str, str] = json.loads(
            services.models.remembered(
                file.path, "metadata 1", lambda: json.dumps(dict(read_header(file.path).metadata))
            )
        )
    except (UserError, OSError):
        told = {}
    if sum(map(len, told.values())) > _MOST_METADATA:
        told = {name: value for name, value in told.items() if len(value) < _MOST_METADATA // 100}
    alias = told.get("ss_output_name") or file.path.stem
    return LoraItem(name=file.path.stem, alias=alias, path=place_of(file.path, asking), metadata=told)
