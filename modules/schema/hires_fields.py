"""The fields of a second pass at a higher resolution (hires fix), which txt2img has."""

from __future__ import annotations

from pydantic import BaseModel

from modules.schema.field_types import (
    SIDE_STEP,
    CfgScale,
    Name,
    PictureId,
    Prompt,
    RefinerPass,
    Scale,
    Share,
    StepCount,
    Switch,
    UnsetSide,
)


class HiresFields(BaseModel):
    """Where a name or a prompt is left open, the second pass has that of the first."""

    enable_hr: Switch = False
    denoising_strength: Share = 0.7
    hr_upscaler: Name = "Latent"
    """One of the latent upscale modes, or an image upscaler."""
    hr_scale: Scale = 2.0
    """How many times as wide and high; `hr_resize_x` and `hr_resize_y` go before it."""
    hr_resize_x: UnsetSide = 0
    """In pixels. 0, where the other is given: so that the shape stays."""
    hr_resize_y: UnsetSide = 0
    hr_second_pass_steps: StepCount = 0
    """0: as many as in the first pass."""
    hr_checkpoint_name: Name | None = None
    hr_sampler_name: Name | None = None
    hr_scheduler: Name | None = None
    hr_cfg_scale: CfgScale | None = None
    hr_prompt: Prompt = ""
    hr_negative_prompt: Prompt = ""
    hires_fix_refiner_pass: RefinerPass = "second pass"  # noqa: S105  no password
    firstpass_image: PictureId | None = None
    """A finished picture that takes the place of the first pass."""


def second_pass_sides(fields: HiresFields, width: int, height: int) -> tuple[int, int]:
    """Width and height of the second pass in pixels, whole latents, for a first one of `width` x `height`."""
    wanted_width, wanted_height = fields.hr_resize_x, fields.hr_resize_y
    if not (wanted_width or wanted_height):
        wanted_width, wanted_height = int(width * fields.hr_scale), int(height * fields.hr_scale)
    elif not wanted_height:
        wanted_height = wanted_width * height // width
    elif not wanted_width:
        wanted_width = wanted_height * width // height
    return wanted_width // SIDE_STEP * SIDE_STEP, wanted_height // SIDE_STEP * SIDE_STEP
