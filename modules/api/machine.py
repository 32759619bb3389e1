"""Routes of the machine: what it is, what it has in memory, how long a picture takes on it."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse

from modules.api.exchange import Report, Teller, readable, refusals
from modules.api.visitors import visitor
from modules.errors import ModelNotFound, NotFound
from modules.services.build import Services
from modules.services.licences import licences


class MachineReport(Report):
    """The machine as a visitor may know it."""

    version: str
    """Of this program."""
    python: str
    """Its version."""
    torch: str
    """Its version."""
    gradio: str
    """Its version."""
    cores: int
    """Of the processor."""
    device: str
    """What computes: cpu, or a graphics card by its name; "" while the worker begins."""
    precision: str
    """The number formats in words; "" while the worker begins."""
    held: list[str]
    """The checkpoints in memory."""
    loading: str
    """The checkpoint that is being loaded; "" where there is none."""
    share: float | None
    """How far that is, from 0 to 1; null where nothing is loaded."""
    seconds_per_picture: float | None
    """With the current checkpoint at its recommended settings; null where nothing is known of it."""
    measured: bool
    """Whether that was measured by a few steps, and not learnt from jobs that are done."""
    is_owner: bool
    """Whether the visitor is an owner of the server."""
    user: str
    """The visitor's name; "" where nobody logs in."""


def machine_routes(services: Services) -> APIRouter:
    """The routes; every refusal is {"detail": a sentence}."""
    router = APIRouter(prefix="/api/v1/machine", tags=["machine"], responses=refusals())
    told = Teller(services.paths).told

    @router.get("")
    def state(request: Request) -> MachineReport:
        """What this machine is and does."""
        return _report(services, request)

    @router.get("/licences", response_class=PlainTextResponse)
    def named_licences() -> str:
        """The packages that this program stands on, with their licences, one a line."""
        return "".join(f"{name} {number}: {licence}\n" for name, number, licence in licences())

    @router.post("/measure", responses=refusals(404))
    def measure(request: Request) -> MachineReport:
        """Time a step of the current checkpoint, between two jobs; answers when that is done."""
        told(services.machine.measure, absent=(NotFound, ModelNotFound))
        return _report(services, request)

    return router


def _report(services: Services, request: Request) -> MachineReport:
    asking = visitor(request)
    known = readable(asdict(services.machine.now()))
    return MachineReport(**known, is_owner=asking.is_owner, user=str(readable(asking.name)))
