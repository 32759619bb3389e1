"""A finished picture as everybody may know it; its bytes lie in the gallery's folder."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Picture(BaseModel):
    """One saved picture: `path` is relative to the outputs folder, with forward slashes."""

    model_config = ConfigDict(frozen=True)

    id: int
    path: str
    width: int
    height: int
    seed: int | None
    infotext: str
    created: float
    """Seconds since 1970."""
    job_id: str | None
    index: int | None
    """0-based place among the pictures of its job; None, like `job_id`, for a file that came from elsewhere."""
    user: str = ""
    """Whose job made it; empty where nobody logs in, and for a file that came from elsewhere."""
