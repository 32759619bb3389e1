"""The machine: its memory, the model in it, and where its folders are."""

from __future__ import annotations

from typing import Any

import psutil
from fastapi import APIRouter, Request
from pydantic import BaseModel

from modules.api.sdapi.lists import place_of
from modules.api.sdapi.routes import Refused, SdapiBody
from modules.api.visitors import owner, visitor
from modules.services.build import Services


class MemoryAnswer(BaseModel):
    """Bytes. `cuda` is {"error": ...} where there is no such device."""

    ram: dict[str, int]
    cuda: dict[str, Any]


class InterrogateBody(SdapiBody):
    """A picture to be described."""

    image: str = ""
    model: str = "clip"


class Caption(BaseModel):
    """A picture in words."""

    caption: str


def server_routes(router: APIRouter, services: Services) -> None:
    """Add the routes."""

    @router.get("/cmd-flags")
    def cmd_flags(request: Request) -> dict[str, Any]:
        """What the command line said of folders; logins are not told."""
        asking, paths = visitor(request), services.paths
        return {
            "api": True,
            "nowebui": False,
            "data_dir": place_of(paths.data, asking),
            "models_dir": place_of(paths.models, asking),
            "ckpt_dir": place_of(paths.checkpoint_folders[0], asking),
            "vae_dir": place_of(paths.vae_folders[0], asking),
            "lora_dir": place_of(paths.lora_folders[0], asking),
            "embeddings_dir": place_of(paths.embedding_folders[0], asking),
            "hypernetwork_dir": place_of(paths.hypernetwork_folders[0], asking),
            "styles_file": [place_of(path, asking) for path in paths.style_files],
            "ui_settings_file": place_of(paths.settings_file, asking),
        }

    @router.get("/memory")
    def memory() -> MemoryAnswer:
        """How much memory there is, and how much of it the server has."""
        total = psutil.virtual_memory().total
        own = psutil.Process()
        used = sum(_resident(process) for process in (own, *own.children(recursive=True)))
        cuda = services.generate.memory().get("cuda")
        return MemoryAnswer(
            ram={"free": max(0, total - used), "used": used, "total": total},
            cuda=cuda if isinstance(cuda, dict) and cuda else {"error": "unavailable"},
        )

    @router.post("/unload-checkpoint")
    def unload_checkpoint(request: Request) -> dict[str, str]:
        """Let go of the models in memory, once the running job is over."""
        owner(request)
        services.generate.unload_models()
        return {}

    @router.post("/reload-checkpoint")
    def reload_checkpoint(request: Request) -> dict[str, str]:
        """Have the model of the settings in memory."""
        owner(request)
        services.generate.reload_model()
        return {}

    @router.post("/interrogate")
    def interrogate(body: InterrogateBody) -> Caption:
        """Not available: nothing here describes pictures."""
        sentence = (
            f"Model {body.model[:60]!r} is not available: nothing here describes pictures. Write the prompt yourself."
        )
        raise Refused(404, "Model not found", sentence)


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0
