"""The kinds of values that a request's fields hold: limits, and what is let through from forms and command lines."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError, PydanticKnownError

MAX_PROMPT_CHARACTERS = 32_768
MAX_SEED = 2**63 - 1
MIN_SIDE, MAX_SIDE, SIDE_STEP = 64, 4096, 8
MAX_STEPS, MAX_CFG_SCALE, MAX_BATCH_SIZE, MAX_BATCH_COUNT, MAX_CLIP_SKIP = 150, 100.0, 16, 100, 12
MAX_BATCH_PIXELS = 16_777_216
MAX_STYLES = 100
MAX_SEED_DELTA = 2**32
MAX_SIGMA, LEAST_SIGMA = 1e6, 1e-6
STANDSTILL = 1e-6
"""A step shorter than this share of its sigma is none."""
MAX_ORDER = 4
"""Of samplers that look back; from 5 on SA-Solver loses its hold."""


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


def _switch(value: object) -> object:
    """True and False, also as infotexts and forms write them, and nothing else that pydantic takes for one."""
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    if not isinstance(value, bool):
        raise PydanticCustomError("not_a_switch", "is neither True nor False")
    return value


def _off_or_at_least(least: float) -> AfterValidator:
    """0, which means "the usual", or a number from `least` on."""

    def check(value: float) -> float:
        if 0 < value < least:
            raise PydanticKnownError("greater_than_equal", {"ge": least})
        return value

    return AfterValidator(check)


def _unset_side(value: object) -> object:
    """A1111's clients say -1 for a side that is not given."""
    number = _number(value)
    return 0 if number == -1 else number


def listed_sigmas(value: object) -> object:
    """A list that came as text: numbers with commas, semicolons, spaces or line ends between them."""
    return value.replace(",", " ").replace(";", " ").split() if isinstance(value, str) else value


def _descending(sigmas: tuple[float, ...]) -> tuple[float, ...]:
    if len(sigmas) == 1:
        raise PydanticCustomError("one_sigma", "is one number only")
    if any(after >= before * (1 - STANDSTILL) for before, after in zip(sigmas, sigmas[1:], strict=False)):
        raise PydanticCustomError("not_descending", "does not descend")
    return sigmas


_Number = BeforeValidator(_number)

Rng = Literal["NV", "CPU", "GPU"]
Emphasis = Literal["Original", "No norm", "Ignore", "None"]
UniPcVariant = Literal["bh1", "bh2", "vary_coeff"]
Prompt = Annotated[str, Field(max_length=MAX_PROMPT_CHARACTERS), BeforeValidator(_text)]
Name = Annotated[str, Field(min_length=1, max_length=200), BeforeValidator(_text)]
Names = Annotated[tuple[Name, ...], Field(max_length=MAX_STYLES)]
Switch = Annotated[bool, BeforeValidator(_switch)]
Steps = Annotated[int, Field(ge=1, le=MAX_STEPS), _Number]
StepCount = Annotated[int, Field(ge=0, le=MAX_STEPS), _Number]
Side = Annotated[int, Field(ge=MIN_SIDE, le=MAX_SIDE, multiple_of=SIDE_STEP), _Number]
UnsetSide = Annotated[int, Field(ge=0, le=MAX_SIDE, multiple_of=SIDE_STEP), BeforeValidator(_unset_side)]
CfgScale = Annotated[float, Field(ge=0, le=MAX_CFG_SCALE, allow_inf_nan=False), _Number]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False), _Number]
SignedShare = Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False), _Number]
Amount = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False), _Number]
Order = Annotated[int, Field(ge=0, le=MAX_ORDER), _Number]
Sigma = Annotated[float, Field(ge=0, le=MAX_SIGMA, allow_inf_nan=False), _Number]
ScheduleSigma = Annotated[Sigma, _off_or_at_least(LEAST_SIGMA)]
Rho = Annotated[Amount, _off_or_at_least(0.1)]
BetaParameter = Annotated[float, Field(ge=0.01, le=10, allow_inf_nan=False), _Number]
Sigmas = Annotated[
    tuple[ScheduleSigma, ...],
    Field(max_length=MAX_STEPS + 1),
    BeforeValidator(listed_sigmas),
    AfterValidator(_descending),
]
Seed = Annotated[int, Field(ge=-1, le=MAX_SEED), _Number]
ResolvedSeed = Annotated[int, Field(ge=0, le=MAX_SEED), _Number]
SeedDelta = Annotated[int, Field(ge=-MAX_SEED_DELTA, le=MAX_SEED_DELTA), _Number]
BatchCount = Annotated[int, Field(ge=1, le=MAX_BATCH_COUNT), _Number]
BatchSize = Annotated[int, Field(ge=1, le=MAX_BATCH_SIZE), _Number]
ClipSkip = Annotated[int, Field(ge=1, le=MAX_CLIP_SKIP), _Number]
CommaBacktrack = Annotated[int, Field(ge=0, le=74), _Number]
