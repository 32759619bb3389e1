"""A batch of img2img: one request for each of many files, in one job that goes on where it was stopped."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from modules.schema.field_types import MAX_PICTURES, FileStem, FolderName
from modules.schema.requests import ResolvedImg2Img


class BatchPart(BaseModel):
    """What is painted from one file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: FileStem
    """What the results are called."""
    request: ResolvedImg2Img


class ResolvedBatch(BaseModel):
    """Parts in their order; stored with the job."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    parts: tuple[BatchPart, ...] = Field(min_length=1, max_length=MAX_PICTURES)
    folder: FolderName | None = None
    """Where the results go, below the folder of img2img; None: into that of the day."""
