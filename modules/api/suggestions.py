"""Route of what may be meant by what somebody begins to type into a prompt."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import Field

from modules.api.exchange import Asked, Report, Teller, readable, refusals
from modules.api.visitors import visitor
from modules.schema.field_types import Switch
from modules.services.build import Services
from modules.services.word_suggestions import MOST, SuggestionKind

_USUAL = 12


class Beginning(Asked):
    """What was typed, and what is looked for."""

    text: Annotated[str, Field(max_length=200)] = ""
    """The beginning of a word; `<` before it means a LoRA, `__` a wildcard."""
    kinds: Annotated[str, Field(max_length=100)] = ""
    """Those that are looked for, with commas between: lora, embedding, wildcard, style, tag, past; "": all."""
    limit: Annotated[int, Field(ge=1, le=MOST)] = _USUAL
    """How many, at most."""
    spaces: Switch = True
    """Whether tags are written with spaces for their underscores."""


class SuggestionReport(Report):
    """Something that may be meant."""

    kind: SuggestionKind
    """What it is."""
    label: str
    """How a list shows it."""
    insert: str
    """What a prompt needs for it."""
    detail: str
    """More about it; "" where there is nothing to say."""
    count: int
    """How common it is; 0 where that is not known."""


class SuggestionList(Report):
    """What may be meant."""

    typed: str
    """What it may be meant by: the text that was sent, or the end of it."""
    suggestions: list[SuggestionReport]
    """The likeliest first."""


def suggestion_routes(services: Services) -> APIRouter:
    """The route; every refusal is {"detail": a sentence}."""
    router = APIRouter(prefix="/api/v1", tags=["choices"], responses=refusals())
    told = Teller(services.paths).told

    @router.get("/suggestions")
    def suggestions(request: Request, beginning: Annotated[Beginning, Query()]) -> SuggestionList:
        """What may be meant by the beginning of a word in a prompt: networks, wildcards, styles, tags, past words."""
        kinds = [kind.strip() for kind in beginning.kinds.split(",") if kind.strip()]
        found = told(
            lambda: services.suggestions.find(
                beginning.text,
                kinds,
                user=visitor(request).name or None,
                limit=beginning.limit,
                spaces=beginning.spaces,
            )
        )
        rows = [SuggestionReport(**readable(asdict(one))) for one in found.suggestions]
        return SuggestionList(typed=found.typed, suggestions=rows)

    return router
