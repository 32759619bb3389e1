"""Routes of extensions: what answers below `/extensions/EXTENSION/`, and for whom."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Audience = Literal["owner", "user", "public"]
"""Owners of the server; everybody who is logged in; everybody who reaches the server. Where nobody logs in, whoever
sits before the page is the owner."""
METHODS: tuple[Method, ...] = ("GET", "POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True, kw_only=True)
class RouteRequest:
    """What was asked for."""

    parameters: Mapping[str, str]
    """What stands for the `{name}`s of the path."""
    query: Mapping[str, str]
    """Behind the question mark; of several values of one name the last."""
    body: bytes
    """What was sent, as it came."""
    content_type: str
    """What the sender says that it is; may be empty."""
    user: str
    """Who asks; "" where nobody logs in, and on public routes."""
    is_owner: bool
    """Whether an owner of the server asks; not told on public routes."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What the extension's own settings are, by their names."""


@dataclass(frozen=True, kw_only=True)
class RouteAnswer:
    """An answer that is no JSON, or has another status than 200."""

    content: bytes
    """What is sent."""
    media_type: str = "application/octet-stream"
    """What it is."""
    status: int = 200
    """The status of HTTP."""


@dataclass(frozen=True, kw_only=True)
class Route:
    """A route. `path` is that below the extension's own, like `tides/{port}`.

    `answer` is called by a thread of its own and has 20 seconds. What it returns is sent as JSON, unless it is a
    RouteAnswer. A UserError that it raises is told as a refusal (422); anything else names the extension (500).
    """

    method: Method
    """GET answers HEAD too."""
    path: str
    """Parts between slashes; one in braces stands for anything, and is among the request's `parameters`."""
    answer: Callable[[RouteRequest], object]
    """What is called for each request."""
    audience: Audience = "owner"
    """For whom it is."""
