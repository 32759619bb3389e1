"""What a person asks for: one frozen object, checked at birth, the same from page, API and command line.

    Request                          Resolved
    |- Txt2ImgRequest                |- ResolvedTxt2Img
    `- Img2ImgRequest                `- ResolvedImg2Img

A Request is what was given; None means "as the checkpoint or the settings say". A Resolved is what will be done:
every choice made, so that running it again gives the same pictures.

The fields are flat and bear A1111's API names where it has them: a client's JSON, a form and a command line are lists
of names and values, and so need no second shape.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal, TypeVar

from pydantic import Field, ValidationError, model_validator

from modules.schema.field_types import (
    MAX_BATCH_COUNT,
    MAX_BATCH_PIXELS,
    MAX_BATCH_SIZE,
    MAX_CFG_SCALE,
    MAX_CLIP_SKIP,
    MAX_PICTURES,
    MAX_PROMPT_CHARACTERS,
    MAX_SEED,
    MAX_SIDE,
    MAX_STEPS,
    MIN_SIDE,
    SIDE_STEP,
    BatchCount,
    BatchSize,
    CfgScale,
    Name,
    Prompt,
    ResolvedSeed,
    Rng,
    Seed,
    Side,
    Steps,
    listed_sigmas,
)
from modules.schema.hires_fields import HiresFields, second_pass_sides
from modules.schema.image_fields import ImageFields
from modules.schema.options import Options
from modules.schema.refusals import disagreement, refusal

__all__ = [
    "AUTOMATIC",
    "CUSTOM",
    "MAX_BATCH_COUNT",
    "MAX_BATCH_PIXELS",
    "MAX_BATCH_SIZE",
    "MAX_CFG_SCALE",
    "MAX_CLIP_SKIP",
    "MAX_PROMPT_CHARACTERS",
    "MAX_SEED",
    "MAX_SIDE",
    "MAX_STEPS",
    "MIN_SIDE",
    "NO_VAE",
    "REQUESTS",
    "RESOLVED",
    "SIDE_STEP",
    "Img2ImgRequest",
    "Options",
    "Request",
    "Resolved",
    "ResolvedImg2Img",
    "ResolvedTxt2Img",
    "Rng",
    "Task",
    "Txt2ImgRequest",
]

Task = Literal["txt2img", "img2img"]
AUTOMATIC = "Automatic"
"""The schedule's name that means: the one the sampler is usually run with."""
NO_VAE = "None"
"""The VAE's name that means: the one inside of the checkpoint."""
CUSTOM = "Custom"
"""The schedule's name that means: the request's own `sigmas`."""
MAX_PROMPTS_CHARACTERS = 4_194_304
"""All prompts of a job together, where wildcards give every picture its own."""

AnyRequest = TypeVar("AnyRequest", bound="Request")
AnyResolved = TypeVar("AnyResolved", bound="Resolved")


class Request(Options):
    """A prompt and how to paint it; fields left at None are decided when the job is accepted.

    `batch_count` batches of `batch_size` pictures are made. Picture k of them all has the seed `seed + k`; with a
    variation strength they share the seed, and picture k has the variation seed `subseed + k`. Sigmas without a
    schedule, or with Automatic, are those of Custom, and Custom has as many steps as its sigmas say.
    """

    task: ClassVar[Task]

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
    rng: Rng | None = None
    model: Name | None = None
    sd_vae: Name | None = None
    """A VAE's file name, "Automatic" for the one that belongs to the checkpoint, "None" for the one inside of it."""

    @model_validator(mode="before")
    @classmethod
    def _with_custom_steps(cls, fields: Any) -> Any:
        if not isinstance(fields, dict):
            return fields
        sigmas = listed_sigmas(fields.get("sigmas"))
        scheduler = fields.get("scheduler") or AUTOMATIC
        runs_them = _is_named(scheduler, AUTOMATIC) or _is_named(scheduler, CUSTOM)
        if isinstance(sigmas, (list, tuple)) and len(sigmas) > 1 and runs_them:
            return {**fields, "scheduler": CUSTOM, "steps": len(sigmas) - 1}
        return fields

    @classmethod
    def of(cls: type[AnyRequest], fields: Mapping[str, Any]) -> AnyRequest:
        """Build one from untrusted values; None is a field that was not given.

        Raises InvalidRequest for the first that cannot be used.
        """
        try:
            return cls(**{name: value for name, value in fields.items() if value is not None})
        except ValidationError as error:
            raise refusal(error, cls.model_fields) from error

    def with_seeds(self: AnyRequest, draw: Callable[[], int]) -> AnyRequest:
        """The same with numbers in the place of random seeds; `draw` gives one from 0 to MAX_SEED."""
        drawn = {name: draw() for name in ("seed", "subseed") if getattr(self, name) == -1}
        return self.model_copy(update=drawn)


class Resolved(Options):
    """A Request with nothing left to decide; stored with the job and run as it stands.

    Its prompts are what is painted: `styles`, `wildcards`, `wildcard_seed` and `novelai_emphasis` have been carried
    out, and `template` and `negative_template` keep what was typed where that differs. A job that an earlier version
    stored lacks the fields of Options and has their defaults.
    """

    task: ClassVar[Task]

    prompt: Prompt
    negative_prompt: Prompt
    prompts: tuple[Prompt, ...] = Field(default=(), max_length=MAX_PICTURES)
    """One for each picture, where wildcards make them differ; otherwise empty."""
    negative_prompts: tuple[Prompt, ...] = Field(default=(), max_length=MAX_PICTURES)
    template: Prompt | None = None
    negative_template: Prompt | None = None
    steps: Steps
    sampler_name: Name
    scheduler: Name
    cfg_scale: CfgScale
    seed: ResolvedSeed
    width: Side
    height: Side
    batch_count: BatchCount
    batch_size: BatchSize
    rng: Rng
    model: Name
    sd_vae: Name = NO_VAE
    """Of the model and of every other checkpoint that paints."""

    @model_validator(mode="after")
    def _fits(self) -> Resolved:
        self._check_size("Width x height", self.width, self.height)
        if _is_named(self.scheduler, CUSTOM) and len(self.sigmas) != self.steps + 1:
            remedy = "Give the largest first, one more than there are steps."
            raise disagreement("Custom sigmas", list(self.sigmas), f"are not those of {self.steps} steps", remedy)
        if self.subseed_strength and self.subseed == -1:
            raise disagreement("Variation seed", self.subseed, "is not decided", "Choose a number from 0 on.")
        self._check_prompts()
        return self

    def _check_size(self, field: str, width: int, height: int) -> None:
        if width * height * self.batch_size > MAX_BATCH_PIXELS:
            size = f"{width} x {height} x batch size {self.batch_size}"
            problem = f"is more than {MAX_BATCH_PIXELS:,} pixels at once"
            raise disagreement(field, size, problem, "Make the picture or the batch smaller.")

    def _check_prompts(self) -> None:
        rows = self._prompts_of_pictures()
        if wrong := next((row for row in rows if row and len(row) != self.picture_count), None):
            raise disagreement("Prompts", len(wrong), "are not as many as the pictures", "Give one for each.")
        if (length := sum(len(text) for row in rows for text in row)) > MAX_PROMPTS_CHARACTERS:
            problem = f"have {length:,} characters; the most is {MAX_PROMPTS_CHARACTERS:,}"
            raise disagreement("Prompts", sum(map(len, rows)), problem, "Shorten them, or make fewer pictures.")

    def _prompts_of_pictures(self) -> tuple[tuple[str, ...], ...]:
        """The rows of texts that have one for each picture, or none."""
        return self.prompts, self.negative_prompts

    @classmethod
    def of(cls: type[AnyResolved], fields: Mapping[str, Any]) -> AnyResolved:
        """Build one from untrusted values. Raises InvalidRequest for the first that cannot be used."""
        try:
            return cls(**fields)
        except ValidationError as error:
            raise refusal(error, cls.model_fields) from error

    @property
    def picture_count(self) -> int:
        return self.batch_count * self.batch_size

    def seed_of(self, index: int) -> int:
        """The seed of picture `index` (0-based, over all batches)."""
        return self.seed if self.subseed_strength else (self.seed + self._count_of(index)) % (MAX_SEED + 1)

    def subseed_of(self, index: int) -> int:
        """The variation seed of picture `index`; it counts only where there is a variation strength."""
        return (max(self.subseed, 0) + self._count_of(index)) % (MAX_SEED + 1)

    def _count_of(self, index: int) -> int:
        """What seeds count for picture `index`."""
        return index

    def wildcard_seed_of(self, index: int) -> int:
        """What the wildcards of picture `index` are drawn with."""
        return self.seed_of(index) if self.wildcard_seed == -1 else self.wildcard_seed

    def prompt_of(self, index: int) -> str:
        """The prompt of picture `index`."""
        return self.prompts[index] if self.prompts else self.prompt

    def negative_prompt_of(self, index: int) -> str:
        """The negative prompt of picture `index`."""
        return self.negative_prompts[index] if self.negative_prompts else self.negative_prompt


class Txt2ImgRequest(HiresFields, Request):
    """Words to pictures, with or without a second pass."""

    task: ClassVar[Task] = "txt2img"


class ResolvedTxt2Img(HiresFields, Resolved):
    """A Txt2ImgRequest with nothing left to decide."""

    task: ClassVar[Task] = "txt2img"

    hr_prompts: tuple[Prompt, ...] = Field(default=(), max_length=MAX_PICTURES)
    """The second pass's, one for each picture, where wildcards make them differ; otherwise empty."""
    hr_negative_prompts: tuple[Prompt, ...] = Field(default=(), max_length=MAX_PICTURES)
    hr_template: Prompt | None = None
    hr_negative_template: Prompt | None = None

    def _prompts_of_pictures(self) -> tuple[tuple[str, ...], ...]:
        return *super()._prompts_of_pictures(), self.hr_prompts, self.hr_negative_prompts

    def hr_prompt_of(self, index: int) -> str:
        """The second pass's prompt of picture `index`; "" for the first one's."""
        return self.hr_prompts[index] if self.hr_prompts else self.hr_prompt

    def hr_negative_prompt_of(self, index: int) -> str:
        """The second pass's negative prompt of picture `index`; "" for the first one's."""
        return self.hr_negative_prompts[index] if self.hr_negative_prompts else self.hr_negative_prompt

    @model_validator(mode="after")
    def _second_pass_fits(self) -> ResolvedTxt2Img:
        if self.enable_hr:
            width, height = second_pass_sides(self, self.width, self.height)
            if min(width, height) < MIN_SIDE or max(width, height) > MAX_SIDE:
                problem = f"is not between {MIN_SIDE} and {MAX_SIDE} pixels a side"
                raise disagreement("Hires resize", f"{width} x {height}", problem, "Choose another size or factor.")
            self._check_size("Hires resize", width, height)
        return self


class Img2ImgRequest(ImageFields, Request):
    """Pictures to pictures: img2img, inpainting, outpainting, tiled upscaling."""

    task: ClassVar[Task] = "img2img"


class ResolvedImg2Img(ImageFields, Resolved):
    """An Img2ImgRequest with nothing left to decide; its `width` and `height` are what is painted at once."""

    task: ClassVar[Task] = "img2img"

    @model_validator(mode="after")
    def _has_pictures(self) -> ResolvedImg2Img:
        if not self.init_images:
            raise disagreement("Input picture", "", "is missing", "Choose the picture to begin with.")
        if self.picture_count > MAX_PICTURES:
            problem = f"are more than {MAX_PICTURES} pictures"
            raise disagreement("Batch count", self.picture_count, problem, "Give fewer input pictures or batches.")
        if self.sd_upscale_upscaler and self.inpaints:
            remedy = "Leave the mask out, or switch SD upscale off."
            raise disagreement("SD upscale", self.sd_upscale_upscaler, "has no mask", remedy)
        return self

    @property
    def picture_count(self) -> int:
        return self._of_each * len(self.init_images)

    def input_of(self, index: int) -> str:
        """The id of the input that picture `index` begins with."""
        return self.init_images[index // self._of_each]

    @property
    def _of_each(self) -> int:
        return self.batch_count * self.batch_size

    def _count_of(self, index: int) -> int:
        """Seeds are the same for every input, so that a series of pictures changes alike."""
        return index % self._of_each


REQUESTS: dict[Task, type[Txt2ImgRequest | Img2ImgRequest]] = {"txt2img": Txt2ImgRequest, "img2img": Img2ImgRequest}
RESOLVED: dict[Task, type[ResolvedTxt2Img | ResolvedImg2Img]] = {
    "txt2img": ResolvedTxt2Img,
    "img2img": ResolvedImg2Img,
}
"""By the kind of their jobs."""


def _is_named(scheduler: object, name: str) -> bool:
    return isinstance(scheduler, str) and scheduler.strip().lower() == name.lower()
