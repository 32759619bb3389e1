"""A finished picture as everybody may know it; its bytes lie in the gallery's folder, or in one that was adopted."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

MOST_STARS = 5


class Picture(BaseModel):
    """One saved picture: `path` is relative to its folder, with forward slashes."""

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
    folder: int | None = None
    """The adopted folder that it lies in; None: that of outputs."""
    favourite: bool = False
    rating: int = 0
    """Stars, 1 to MOST_STARS; 0 where nobody gave any."""
    binned: float | None = None
    """When it was put into the bin, in seconds since 1970; None for one that is not there."""
    origin: str = ""
    """The program that made it; "" for this one, "unknown" where the file does not tell."""
    problem: str = ""
    """Why its file cannot be read; "" where it can."""
