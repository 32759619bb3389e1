"""The kinds of values that a request's fields hold: limits, and what is let through from forms and command lines."""

from __future__ import annotations

import math
from typing import Annotated, Literal, get_args

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
_LONGEST_STEM = 100
_DEVICES = {"CON", "PRN", "AUX", "NUL", *(f"{kind}{number}" for kind in ("COM", "LPT") for number in range(10))}
"""Names that Windows keeps for itself."""
MAX_PICTURES = 1600
"""Of a job, and also the most inputs of one."""
MAX_SCALE = 8.0
MAX_MARGIN, MAX_FEATHER, MAX_MASK_BLUR, MAX_PADDING = 2048, 512, 64, 1024
MAX_ARGUMENTS, MAX_ARGUMENT_CHARACTERS, MAX_ARGUMENT_ENTRIES = 100, 65_536, 1000
MAX_SECTIONS = 50
MAX_UPSCALED_SIDE = 16_384
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


def _choice_of(values: tuple[str, ...], **spellings: str) -> BeforeValidator:
    """One of some words; also by its number, as A1111's clients send it."""

    def read(value: object) -> object:
        if isinstance(value, bool):
            value = str(value)
        if isinstance(value, str) and value.strip() in map(str, range(len(values))):
            value = int(value)
        if isinstance(value, int) and 0 <= value < len(values):
            return values[value]
        by_case = {word.lower(): word for word in values} | spellings
        return by_case.get(value.strip().lower(), value) if isinstance(value, str) else value

    return BeforeValidator(read)


def _switch_or_bit(value: object) -> object:
    """A1111's clients send 0 and 1 for this one."""
    return bool(value) if value in (0, 1) else _switch(value)


def _name_or_none(value: object) -> object:
    """A1111's clients say "None" for a name that is not given."""
    return None if isinstance(value, str) and value.strip().lower() == "none" else value


def _once_each(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _plain_name(name: str) -> str:
    """A name that no system takes for a path, a hidden file or a device."""
    allowed = "".join(letter if letter.isalnum() or letter in " -_.()[]+,=" else "_" for letter in name)
    plain = allowed.strip(" .")[:_LONGEST_STEM].strip(" .")
    return f"_{plain}" if not plain or plain.split(".")[0].upper() in _DEVICES else plain


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

ResizeModeName = Literal["Just resize", "Crop and resize", "Resize and fill", "Just resize (latent upscale)"]
MaskedContentName = Literal["fill", "original", "latent noise", "latent nothing"]
TilingAxes = Literal["None", "Both", "X", "Y"]
RefinerPass = Literal["first pass", "second pass", "both passes"]
UpscaleModeName = Literal["Scale by", "Scale to"]
CropObjectiveName = Literal["Maximize area", "Minimize error"]
FlipName = Literal["horizontal", "vertical", "both"]
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
PictureId = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
"""A stored input picture: the first half of the sha256 of its pixels."""
PictureIds = Annotated[tuple[PictureId, ...], Field(max_length=MAX_PICTURES)]
Colour = Annotated[str, Field(pattern="^#[0-9a-fA-F]{6}$")]
ResizeMode = Annotated[ResizeModeName, _choice_of(get_args(ResizeModeName))]
MaskedContent = Annotated[MaskedContentName, _choice_of(get_args(MaskedContentName))]
Tiling = Annotated[TilingAxes, _choice_of(get_args(TilingAxes), true="Both", false="None")]
Scale = Annotated[float, Field(ge=1, le=MAX_SCALE, allow_inf_nan=False), _Number]
FactorOrOff = Annotated[float, Field(ge=0, le=MAX_SCALE, allow_inf_nan=False), _Number, _off_or_at_least(0.05)]
Bit = Annotated[bool, BeforeValidator(_switch_or_bit)]
MaskBlur = Annotated[int, Field(ge=0, le=MAX_MASK_BLUR), _Number]
Padding = Annotated[int, Field(ge=0, le=MAX_PADDING), _Number]
Margin = Annotated[int, Field(ge=0, le=MAX_MARGIN), _Number]
Feather = Annotated[int, Field(ge=0, le=MAX_FEATHER), _Number]
TileOverlap = Annotated[int, Field(ge=0, le=256, multiple_of=SIDE_STEP), _Number]
UpscaledSide = Annotated[int, Field(ge=0, le=MAX_UPSCALED_SIDE), BeforeValidator(_unset_side)]
CutSide = Annotated[int, Field(ge=MIN_SIDE, le=MAX_SIDE), _Number]
CutArea = Annotated[int, Field(ge=MIN_SIDE**2, le=MAX_SIDE**2), _Number]
Overlap = Annotated[float, Field(ge=0, le=0.9, allow_inf_nan=False), _Number]
UpscaleMode = Annotated[UpscaleModeName, _choice_of(get_args(UpscaleModeName))]
UpscalerName = Annotated[Name | None, BeforeValidator(_name_or_none)]
CropObjective = Annotated[CropObjectiveName, _choice_of(get_args(CropObjectiveName))]
Flips = Annotated[tuple[Annotated[FlipName, _choice_of(get_args(FlipName))], ...], AfterValidator(_once_each)]
_ArgumentText = Annotated[str, Field(max_length=MAX_ARGUMENT_CHARACTERS), BeforeValidator(_text)]
Argument = (
    bool
    | int
    | Annotated[float, Field(allow_inf_nan=False)]
    | _ArgumentText
    | Annotated[tuple[_ArgumentText, ...], Field(max_length=MAX_ARGUMENT_ENTRIES)]
)
Arguments = Annotated[dict[Annotated[str, Field(max_length=100)], Argument], Field(max_length=MAX_ARGUMENTS)]
"""What a script was given, by the names that the script declares."""
Sections = Annotated[dict[Annotated[str, Field(max_length=100)], Arguments], Field(max_length=MAX_SECTIONS)]
"""What each section was given that is on, by the names of the sections."""
FileStem = Annotated[str, AfterValidator(_plain_name)]
"""A file's name without folder and suffix."""
FolderName = FileStem
