"""Routes of webhooks: addresses that are told when a job ends. For owners alone."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import Field

from modules.api.exchange import Body, Report, Teller, read_as, readable, refusals, takes
from modules.services.build import Services
from modules.services.webhook_delivery import Outcome
from modules.services.webhooks import EVENTS, MAX_ADDRESS_CHARACTERS, Webhook, WebhookEvent

WebhookId = Annotated[
    str, Path(description="The id that the webhook got when it was added.", examples=["0123456789abcdef"])
]


class WebhookBody(Body):
    """What is told of jobs that end."""

    url: Annotated[str, Field(max_length=MAX_ADDRESS_CHARACTERS)]
    """A public address that takes POST; it begins with https:// or http://."""
    events: Annotated[list[WebhookEvent], Field(max_length=len(EVENTS))] = list(EVENTS)
    """How a job has to end for a message."""
    secret: Annotated[str, Field(max_length=200)] = ""
    """What messages are signed with: whsec_ and 24 to 64 bytes in base64; "": one is made."""


class OutcomeReport(Report):
    """What became of a message."""

    type: str
    """What it told of."""
    time: float
    """When it was tried last, in seconds since 1970."""
    tries: int
    """How often it was tried."""
    status: int | None
    """What the receiver answered; null where it did not."""
    problem: str
    """Why it was not taken; empty where it was."""


class WebhookReport(Report):
    """An address that is told of jobs."""

    id: str
    """By which it is removed and tried out."""
    url: str
    """Where messages go."""
    events: list[WebhookEvent]
    """How a job has to end for a message."""
    created: float
    """When it was added, in seconds since 1970."""
    latest: OutcomeReport | None
    """The latest message about a job since the server was started; null before the first."""


class NewWebhook(WebhookReport):
    """An address that was just added."""

    secret: str
    """What its messages are signed with; it is not told again."""


class WebhookList(Report):
    """The webhooks of this installation."""

    webhooks: list[WebhookReport]
    """The oldest first."""


def webhook_routes(services: Services) -> APIRouter:
    """The routes; every refusal is {"detail": a sentence}."""
    router = APIRouter(prefix="/api/v1/webhooks", tags=["webhooks"], responses=refusals())
    told = Teller(services.paths).told
    webhooks = services.webhooks

    @router.get("")
    def listed() -> WebhookList:
        """Every address that is told of jobs, and whether it took the latest message."""
        return WebhookList(webhooks=[WebhookReport(**_known(one, webhooks.latest(one.id))) for one in webhooks.all()])

    adding = takes(WebhookBody, {"url": "https://example.com/hooks/pictures", "events": ["job.done", "job.failed"]})

    @router.post("", status_code=201, responses=refusals(400, 413), openapi_extra=adding)
    async def add(request: Request) -> NewWebhook:
        """Have an address told of jobs that end: it gets a signed POST for each."""
        wanted = await read_as(WebhookBody, request)
        new = await run_in_threadpool(told, webhooks.add, wanted.url, wanted.events, wanted.secret)
        return NewWebhook(**_known(new, None), secret=new.secret)

    @router.delete("/{webhook_id}", status_code=204, responses=refusals(404))
    def remove(webhook_id: WebhookId) -> Response:
        """Tell an address nothing more."""
        told(webhooks.remove, webhook_id)
        return Response(status_code=204)

    @router.post("/{webhook_id}/test", responses=refusals(404))
    def test(webhook_id: WebhookId) -> OutcomeReport:
        """Send a message that tells of nothing, once and at once."""
        return _outcome(told(webhooks.test, webhook_id))

    return router


def _known(webhook: Webhook, latest: Outcome | None) -> dict[str, Any]:
    return {
        "id": webhook.id,
        "url": readable(webhook.url),
        "events": list(webhook.events),
        "created": webhook.created,
        "latest": None if latest is None else _outcome(latest),
    }


def _outcome(outcome: Outcome) -> OutcomeReport:
    return OutcomeReport(**{name: getattr(outcome, name) for name in OutcomeReport.model_fields})
