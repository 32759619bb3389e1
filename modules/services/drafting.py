"""What scripts and sections may ask while they check a request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from modules.hooks import Available
from modules.schema.requests import AnyResolved


class ChangeRequest(Protocol):
    """RequestResolver.changed."""

    def __call__(self, request: AnyResolved, fields: Mapping[str, Any]) -> AnyResolved:
        """The request with other values in some fields."""


@dataclass(frozen=True)
class Draft:
    """What a script may ask while it is checked (hooks.Drafting)."""

    available: Available
    change: ChangeRequest
    size: Callable[[str], tuple[int, int]]

    def input_size(self, picture_id: str) -> tuple[int, int]:
        """See hooks.Drafting."""
        return self.size(picture_id)

    def changed(self, request: AnyResolved, fields: Mapping[str, Any]) -> AnyResolved:
        """See hooks.Drafting."""
        return self.change(request, fields)
