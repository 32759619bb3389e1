"""What a person asks for: one frozen object, checked at birth, the same from page, API and command line.

`Txt2ImgRequest` is what was given; None means "as the checkpoint or the settings say". `ResolvedTxt2Img` is what
will be done: every choice made, so that running it again gives the same pictures.

The fields are flat and bear A1111's API names where it has them: a client's JSON, a form and a command line are lists
of names and values, and so need no second shape. Every default of `Options` has no effect, or is what A1111 does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from modules.schema.field_types import (
    MAX_BATCH_COUNT,
    MAX_BATCH_PIXELS,
    MAX_BATCH_SIZE,
    MAX_CFG_SCALE,
    MAX_CLIP_SKIP,
    MAX_PROMPT_CHARACTERS,
    MAX_SEED,
    MAX_SIDE,
    MAX_STEPS,
    MIN_SIDE,
    SIDE_STEP,
    STANDSTILL,
    Amount,
    BatchCount,
    BatchSize,
    BetaParameter,
    CfgScale,
    ClipSkip,
    CommaBacktrack,
    Emphasis,
    Name,
    Names,
    Order,
    Prompt,
    ResolvedSeed,
    Rho,
    Rng,
    ScheduleSigma,
    Seed,
    SeedDelta,
    Share,
    Side,
    Sigma,
    Sigmas,
    SignedShare,
    StepCount,
    Steps,
    Switch,
    UniPcVariant,
    UnsetSide,
    listed_sigmas,
)
from modules.schema.refusals import refusal

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
    "SIDE_STEP",
    "Options",
    "ResolvedTxt2Img",
    "Rng",
    "Txt2ImgRequest",
]

AUTOMATIC = "Automatic"
"""The schedule's name that means: the one the sampler is usually run with."""
CUSTOM = "Custom"
"""The schedule's name that means: the request's own `sigmas`."""
MAX_PROMPTS_CHARACTERS = 4_194_304
"""All prompts of a job together, where wildcards give every picture its own."""


class Options(BaseModel):
    """The fields that no checkpoint and no setting decides. Sigmas are in the model's own scale of noise."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    styles: Names = ()
    """Styles in the order in which they are put into the prompts."""
    wildcards: Switch = False
    """Whether words are drawn for __name__ and {a|b|c}."""
    wildcard_seed: Seed = -1
    """What they are drawn with: -1 for each picture's own seed, else this one, so that all pictures are alike."""
    novelai_emphasis: Switch = False
    """Whether {x} and [x] are read as NovelAI reads them."""
    emphasis: Emphasis = "Original"
    comma_padding_backtrack: CommaBacktrack = 20
    pad_cond_uncond: Switch = False
    old_prompt_timelines: Switch = False
    clip_skip: ClipSkip = 1

    eta: Share | None = None
    """None: the sampler's own (0 for DDIM, 1 for the ancestral ones)."""
    s_churn: Amount = 0.0
    s_tmin: Sigma = 0.0
    s_tmax: Sigma = 0.0
    """0: no limit."""
    s_noise: Amount = 1.0
    sampler_order: Order = 0
    """0: the sampler's own."""
    uni_pc_variant: UniPcVariant = "bh1"
    ge_gamma: Amount = 2.0
    """How far Gradient Estimation trusts the change of direction."""

    subseed: Seed = -1
    subseed_strength: Share = 0.0
    seed_resize_from_w: UnsetSide = 0
    seed_resize_from_h: UnsetSide = 0
    eta_noise_seed_delta: SeedDelta = 0
    sgm_noise_multiplier: Switch = False

    sigma_min: ScheduleSigma = 0.0
    """0, like those of `sigma_max` and `rho`: the model's or the schedule's own."""
    sigma_max: ScheduleSigma = 0.0
    rho: Rho = 0.0
    beta_dist_alpha: BetaParameter = 0.6
    beta_dist_beta: BetaParameter = 0.6
    discard_next_to_last_sigma: Switch = False
    zero_terminal_snr: Switch = False
    downcast_alphas_cumprod: Switch = False
    old_karras_sigmas: Switch = False
    sigmas: Sigmas = ()
    """Those of the schedule Custom, largest first; with another schedule they have no effect."""

    cfg_rescale: Share = 0.0
    apg_eta: SignedShare = 1.0
    """Eta 1, threshold 0 and momentum 0 are plain guidance: then there is no APG."""
    apg_norm_threshold: Amount = 0.0
    apg_momentum: SignedShare = 0.0
    cfg_zero_star: Switch = False
    cfg_zero_init_steps: StepCount = 0
    dynamic_thresholding_mimic_scale: CfgScale = 0.0
    dynamic_thresholding_percentile: Share = 1.0
    guidance_interval_start: Share = 0.0
    guidance_interval_end: Share = 1.0
    s_min_uncond: Sigma = 0.0
    s_min_uncond_all: Switch = False
    skip_early_cond: Share = 0.0

    @model_validator(mode="after")
    def _agree(self) -> Options:
        width, height = self.seed_resize_from_w, self.seed_resize_from_h
        if (width == 0) != (height == 0):
            raise _disagreement("Seed resize from", f"{width}x{height}", "names one side only", "Give both, or none.")
        if self.guidance_interval_start > self.guidance_interval_end:
            interval = f"{self.guidance_interval_start:g} to {self.guidance_interval_end:g}"
            raise _disagreement("Guidance interval", interval, "ends before it starts", "Swap the two.")
        if 0 < self.sigma_max * (1 - STANDSTILL) <= self.sigma_min:
            sigmas = f"{self.sigma_min:.10g} to {self.sigma_max:.10g}"
            raise _disagreement("Schedule sigmas", sigmas, "leave no room for steps", "Make the max sigma the larger.")
        return self


class Txt2ImgRequest(Options):
    """A prompt and how to paint it; fields left at None are decided when the job is accepted.

    `batch_count` batches of `batch_size` pictures are made. Picture k of them all has the seed `seed + k`; with a
    variation strength they share the seed, and picture k has the variation seed `subseed + k`. Sigmas without a
    schedule, or with Automatic, are those of Custom, and Custom has as many steps as its sigmas say.
    """

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
    def of(cls, fields: Mapping[str, Any]) -> Txt2ImgRequest:
        """Build one from untrusted values; None is a field that was not given.

        Raises InvalidRequest for the first that cannot be used.
        """
        try:
            return cls(**{name: value for name, value in fields.items() if value is not None})
        except ValidationError as error:
            raise refusal(error) from error

    def with_seeds(self, draw: Callable[[], int]) -> Txt2ImgRequest:
        """The same with numbers in the place of random seeds; `draw` gives one from 0 to MAX_SEED."""
        drawn = {name: draw() for name in ("seed", "subseed") if getattr(self, name) == -1}
        return self.model_copy(update=drawn)


class ResolvedTxt2Img(Options):
    """A Txt2ImgRequest with nothing left to decide; stored with the job and run as it stands.

    Its prompts are what is painted: `styles`, `wildcards`, `wildcard_seed` and `novelai_emphasis` have been carried
    out, and `template` and `negative_template` keep what was typed where that differs. A job that an earlier version
    stored lacks the fields of Options and has their defaults.
    """

    prompt: Prompt
    negative_prompt: Prompt
    prompts: tuple[Prompt, ...] = Field(default=(), max_length=MAX_BATCH_COUNT * MAX_BATCH_SIZE)
    """One for each picture, where wildcards make them differ; otherwise empty."""
    negative_prompts: tuple[Prompt, ...] = Field(default=(), max_length=MAX_BATCH_COUNT * MAX_BATCH_SIZE)
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

    @model_validator(mode="after")
    def _fits(self) -> ResolvedTxt2Img:
        if self.width * self.height * self.batch_size > MAX_BATCH_PIXELS:
            raise _disagreement(
                "Width x height",
                f"{self.width} x {self.height} x batch size {self.batch_size}",
                f"is more than {MAX_BATCH_PIXELS:,} pixels at once",
                "Make the picture or the batch smaller.",
            )
        if _is_named(self.scheduler, CUSTOM) and len(self.sigmas) != self.steps + 1:
            remedy = "Give the largest first, one more than there are steps."
            raise _disagreement("Custom sigmas", list(self.sigmas), f"are not those of {self.steps} steps", remedy)
        if self.subseed_strength and self.subseed == -1:
            raise _disagreement("Variation seed", self.subseed, "is not decided", "Choose a number from 0 on.")
        self._check_prompts()
        return self

    def _check_prompts(self) -> None:
        every = (*self.prompts, *self.negative_prompts)
        if any(row and len(row) != self.picture_count for row in (self.prompts, self.negative_prompts)):
            raise _disagreement("Prompts", len(self.prompts), "are not as many as the pictures", "Give one for each.")
        if (length := sum(map(len, every))) > MAX_PROMPTS_CHARACTERS:
            problem = f"have {length:,} characters; the most is {MAX_PROMPTS_CHARACTERS:,}"
            raise _disagreement("Prompts", len(every), problem, "Shorten them, or make fewer pictures.")

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
        return self.seed if self.subseed_strength else (self.seed + index) % (MAX_SEED + 1)

    def subseed_of(self, index: int) -> int:
        """The variation seed of picture `index`; it counts only where there is a variation strength."""
        return (max(self.subseed, 0) + index) % (MAX_SEED + 1)

    def wildcard_seed_of(self, index: int) -> int:
        """What the wildcards of picture `index` are drawn with."""
        return self.seed_of(index) if self.wildcard_seed == -1 else self.wildcard_seed

    def prompt_of(self, index: int) -> str:
        """The prompt of picture `index`."""
        return self.prompts[index] if self.prompts else self.prompt

    def negative_prompt_of(self, index: int) -> str:
        """The negative prompt of picture `index`."""
        return self.negative_prompts[index] if self.negative_prompts else self.negative_prompt


def _is_named(scheduler: object, name: str) -> bool:
    return isinstance(scheduler, str) and scheduler.strip().lower() == name.lower()


def _disagreement(field: str, value: object, problem: str, remedy: str) -> PydanticCustomError:
    """Fields that are good one by one and cannot be carried out together."""
    words = {"field": field, "value": value, "problem": problem, "remedy": remedy}
    return PydanticCustomError("disagreement", "{field} {value} {problem}. {remedy}", words)
