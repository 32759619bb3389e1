"""Routes of tokens: what a program logs in with, as "Authorization: Bearer TOKEN", in the place of its user."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import Field, StringConstraints

from modules.api.exchange import Body, read_as
from modules.api.visitors import visitor
from modules.errors import InvalidRequest, NotFound
from modules.services.account_file import StoredToken
from modules.services.accounts import Accounts


class NewTokenBody(Body):
    """What a token is called."""

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)] = Field(
        description="What the token is for, as its list will say", examples=["Photoshop plug-in"]
    )


class TokenReport(Body):
    """A token without its secret."""

    id: str = Field(description="What it is revoked by")
    name: str
    user: str = Field(description="Whom a program with this token acts for")
    created: float = Field(description="Seconds since 1970")


class NewTokenReport(TokenReport):
    """A token that was just made."""

    token: str = Field(description="The secret; it is told this once")


def token_routes(accounts: Accounts) -> APIRouter:
    """The routes; every refusal is {"detail": a sentence}. Owners see and revoke the tokens of all."""
    router = APIRouter(prefix="/api/v1/tokens", tags=["tokens"])

    @router.get("")
    def listed(request: Request) -> list[TokenReport]:
        """The tokens there are."""
        asking = visitor(request)
        return [_report(one) for one in accounts.tokens(None if asking.is_owner else asking.name)]

    @router.post("", status_code=201)
    async def new(request: Request) -> NewTokenReport:
        """Make a token for a program of yours."""
        wanted = await read_as(NewTokenBody, request)
        try:
            token, secret = await run_in_threadpool(accounts.new_token, visitor(request).name, wanted.name)
        except NotFound as error:
            raise HTTPException(404, "This server has no logins, so that nobody needs a token.") from error
        except InvalidRequest as error:
            raise HTTPException(422, str(error)) from error
        return NewTokenReport(**_report(token).model_dump(), token=secret)

    @router.delete("/{token_id}", status_code=204)
    def revoke(token_id: str, request: Request) -> None:
        """Let a token open nothing any more."""
        asking = visitor(request)
        try:
            accounts.revoke_token(token_id, None if asking.is_owner else asking.name)
        except NotFound as error:
            raise HTTPException(404, str(error)) from error

    return router


def _report(token: StoredToken) -> TokenReport:
    return TokenReport(id=token.id, name=token.name, user=token.user, created=token.created)
