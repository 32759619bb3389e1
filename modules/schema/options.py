"""The fields of every request that no checkpoint and no setting decides.

Every default has no effect, or is what A1111 does. Sigmas are in the model's own scale of noise.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, model_validator

from modules.schema.field_types import (
    STANDSTILL,
    Amount,
    Arguments,
    BetaParameter,
    CfgScale,
    ClipSkip,
    CommaBacktrack,
    Emphasis,
    Name,
    Names,
    Order,
    Rho,
    ScheduleSigma,
    Sections,
    Seed,
    SeedDelta,
    Share,
    Sigma,
    Sigmas,
    SignedShare,
    StepCount,
    Switch,
    Tiling,
    UniPcVariant,
    UnsetSide,
)
from modules.schema.refusals import disagreement


class Options(BaseModel):
    """Frozen; what is no field is refused."""

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

    refiner_checkpoint: Name | None = None
    """The checkpoint that paints on from the switch point; None: no refiner."""
    refiner_switch_at: Share = 0.8
    refiner_switch_by_sample_steps: Switch = False
    tiling: Tiling = "None"
    """The axes along which the picture goes on at its other side."""
    img2img_extra_noise: Share = 0.0
    """Noise that a picture or the latents of a first pass get besides that of their first step."""

    script_name: Name | None = None
    """The script that makes several requests of this one; None: it is run as it stands."""
    script_args: Arguments = {}
    sections: Sections = {}
    """The sections that are on, each with values for its arguments."""

    @model_validator(mode="after")
    def _agree(self) -> Options:
        width, height = self.seed_resize_from_w, self.seed_resize_from_h
        if (width == 0) != (height == 0):
            raise disagreement("Seed resize from", f"{width}x{height}", "names one side only", "Give both, or none.")
        if self.guidance_interval_start > self.guidance_interval_end:
            interval = f"{self.guidance_interval_start:g} to {self.guidance_interval_end:g}"
            raise disagreement("Guidance interval", interval, "ends before it starts", "Swap the two.")
        if 0 < self.sigma_max * (1 - STANDSTILL) <= self.sigma_min:
            sigmas = f"{self.sigma_min:.10g} to {self.sigma_max:.10g}"
            raise disagreement("Schedule sigmas", sigmas, "leave no room for steps", "Make the max sigma the larger.")
        return self
