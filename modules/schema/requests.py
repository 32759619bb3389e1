"""What a person asks for: one frozen object, checked at birth, the same from page, API and command line.

`Txt2ImgRequest` is what was given; None means "as the checkpoint or the settings say". `ResolvedTxt2Img` is what
will be done: every choice made, so that running it again gives the same pictures.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from modules.schema.refusals import refusal

MAX_PROMPT_CHARACTERS = 32_768
MAX_SEED = 2**63 - 1
MIN_SIDE, MAX_SIDE, SIDE_STEP = 64, 4096, 8
MAX_STEPS, MAX_CFG_SCALE, MAX_BATCH_SIZE, MAX_BATCH_COUNT, MAX_CLIP_SKIP = 150, 100.0, 16, 100, 12
MAX_BATCH_PIXELS = 16_777_216
AUTOMATIC = "Automatic"
"""The schedule's name that means: the one the sampler is usually run with."""

Rng = Literal["NV", "CPU", "GPU"]


def _number(value: object) -> object:
    """Let numbers through as forms and command lines send them ("20", 20.0), and nothing that only looks like one."""
    if isinstance(value, bool):
        raise PydanticCustomError("not_a_number", "is not a number")
    if isinstance(value, str):
        try:
            value = int(value.strip())
        except ValueError:
            try:
                value = float(value)
            except ValueError:
                raise PydanticCustomError("not_a_number", "is not a number") from None
    if isinstance(value, float) and not math.isfinite(value):
        raise PydanticCustomError("not_a_number", "is not a number")
    return value


def _text(value: object) -> object:
    """Line ends as \\n; NUL and lone surrogates out, since no picture file can hold them."""
    if not isinstance(value, str):
        return value
    text = value.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
    return text.encode("utf-8", "replace").decode("utf-8")


Prompt = Annotated[str, BeforeValidator(_text), Field(max_length=MAX_PROMPT_CHARACTERS)]
Name = Annotated[str, BeforeValidator(_text), Field(min_length=1, max_length=200)]
Steps = Annotated[int, BeforeValidator(_number), Field(ge=1, le=MAX_STEPS)]
Side = Annotated[int, BeforeValidator(_number), Field(ge=MIN_SIDE, le=MAX_SIDE, multiple_of=SIDE_STEP)]
CfgScale = Annotated[float, BeforeValidator(_number), Field(ge=0, le=MAX_CFG_SCALE, allow_inf_nan=False)]
Seed = Annotated[int, BeforeValidator(_number), Field(ge=-1, le=MAX_SEED)]
ResolvedSeed = Annotated[int, BeforeValidator(_number), Field(ge=0, le=MAX_SEED)]
BatchCount = Annotated[int, BeforeValidator(_number), Field(ge=1, le=MAX_BATCH_COUNT)]
BatchSize = Annotated[int, BeforeValidator(_number), Field(ge=1, le=MAX_BATCH_SIZE)]
ClipSkip = Annotated[int, BeforeValidator(_number), Field(ge=1, le=MAX_CLIP_SKIP)]


class Txt2ImgRequest(BaseModel):
    """A prompt and how to paint it; fields left at None are decided when the job is accepted.

    `batch_count` batches of `batch_size` pictures are made; picture k of them all has the seed `seed + k`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: Prompt = ""
    negative_prompt: Prompt = ""
    steps: Steps | None = None
    sampler_name: Name | None = None
    scheduler: Name | None = None
    cfg_scale: CfgScale | None = None
    seed: Seed = -1
    width: Side | None = None
    height: Side | None = None
    batch_count: BatchCount = 1
    batch_size: BatchSize = 1
    clip_skip: ClipSkip = 1
    rng: Rng | None = None
    model: Name | None = None

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Txt2ImgRequest:
        """Build one from untrusted values. Raises InvalidRequest for the first that cannot be used."""
        try:
            return cls(**fields)
        except ValidationError as error:
            raise refusal(error) from error


class ResolvedTxt2Img(BaseModel):
    """A Txt2ImgRequest with nothing left to decide; stored with the job and run as it stands."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: Prompt
    negative_prompt: Prompt
    steps: Steps
    sampler_name: Name
    scheduler: Name
    cfg_scale: CfgScale
    seed: ResolvedSeed
    width: Side
    height: Side
    batch_count: BatchCount
    batch_size: BatchSize
    clip_skip: ClipSkip
    rng: Rng
    model: Name

    @model_validator(mode="after")
    def _fits(self) -> ResolvedTxt2Img:
        if self.width * self.height * self.batch_size > MAX_BATCH_PIXELS:
            raise PydanticCustomError(
                "too_many_pixels",
                "{width} x {height} x batch size {batch_size} is more than {limit} pixels at once",
                {"width": self.width, "height": self.height, "batch_size": self.batch_size, "limit": MAX_BATCH_PIXELS},
            )
        return self

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> ResolvedTxt2Img:
        """Build one from untrusted values. Raises InvalidRequest for the first that cannot be used."""
        try:
            return cls(**fields)
        except ValidationError as error:
            raise refusal(error) from error

    @property
    def picture_count(self) -> int:
        return self.batch_count * self.batch_size

    def seed_of(self, index: int) -> int:
        """The seed of picture `index` (0-based, over all batches)."""
        return (self.seed + index) % (MAX_SEED + 1)
