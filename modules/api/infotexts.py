"""Route of what a picture file from anywhere says of how it was made."""

from __future__ import annotations

import tempfile
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool

from modules.api.exchange import Report, Teller, body_of, readable, refusals
from modules.imaging.reading import MAX_FILE_BYTES
from modules.services.build import Services


class InfotextReport(Report):
    """What a file says of how it was made."""

    infotext: str
    """As a form is filled with it; "" where the file says nothing."""
    prompt: str
    """What the picture shows."""
    negative_prompt: str
    """What it should not show."""
    parameters: dict[str, str]
    """All others, by their names in infotexts."""
    not_honoured: list[str]
    """Parameters that this version cannot follow."""


def infotext_routes(services: Services) -> APIRouter:
    """The route; every refusal is {"detail": a sentence}."""
    router = APIRouter(prefix="/api/v1", tags=["pictures"], responses=refusals())
    told = Teller(services.paths).told
    body = {"content": {"image/*": {"schema": {"type": "string", "contentMediaType": "image/png"}}}, "required": True}

    @router.post("/infotexts", responses=refusals(413), openapi_extra={"requestBody": body})
    async def read(request: Request) -> InfotextReport:
        """Read the parameters in the picture that the body is, whichever program made it; nothing is kept."""
        content = await body_of(request, MAX_FILE_BYTES)
        return await run_in_threadpool(told, _read, services, content)

    return router


def _read(services: Services, content: bytes) -> InfotextReport:
    """Raises UnreadablePicture."""
    services.paths.cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=services.paths.cache, prefix="reading-") as folder:
        path = Path(folder) / "picture"
        path.write_bytes(content)
        reading = services.pictures.read(path)
    said = {
        "infotext": reading.infotext,
        "prompt": reading.parsed.prompt,
        "negative_prompt": reading.parsed.negative_prompt,
        "parameters": reading.parsed.parameters,
        "not_honoured": reading.not_honoured,
    }
    return InfotextReport(**readable(said))
