"""The fields of the tasks that begin with a picture: img2img, inpainting, outpainting, tiled upscaling."""

from __future__ import annotations

from pydantic import BaseModel

from modules.schema.field_types import (
    Amount,
    Bit,
    Colour,
    FactorOrOff,
    Feather,
    Margin,
    MaskBlur,
    MaskedContent,
    Name,
    Padding,
    PictureId,
    PictureIds,
    ResizeMode,
    Scale,
    Share,
    Switch,
    TileOverlap,
)


class ImageFields(BaseModel):
    """What is done with the input pictures, in this order: extended, brought to width x height, masked, painted."""

    init_images: PictureIds = ()
    """Each is painted from `batch_count` x `batch_size` times."""
    resize_mode: ResizeMode = "Just resize"
    scale_by: FactorOrOff = 0.0
    """Size of the result as a multiple of the input's; 0: `width` and `height`, or the input's own."""
    denoising_strength: Share = 0.75
    """0: the picture as it comes out of the VAE; 1: nothing of it is left."""
    img2img_fix_steps: Switch = False
    """Whether `steps` are run whatever the strength, instead of their share."""
    initial_noise_multiplier: Amount = 1.0
    img2img_color_correction: Switch = False
    img2img_background_color: Colour = "#ffffff"
    """What shows through the transparent parts of an input."""
    image_cfg_scale: Amount = 1.5
    """How closely an InstructPix2Pix model keeps to the input."""

    mask: PictureId | None = None
    """White is painted anew."""
    mask_from_alpha: Switch = False
    """Whether the input's transparent parts are painted anew."""
    inpainting_mask_invert: Bit = False
    mask_blur_x: MaskBlur = 4
    mask_blur_y: MaskBlur = 4
    inpainting_fill: MaskedContent = "original"
    inpaint_full_res: Bit = False
    """Whether the masked part alone is painted, at width x height."""
    inpaint_full_res_padding: Padding = 32
    mask_round: Switch = True
    """Whether each latent is painted either wholly or not at all."""
    inpainting_mask_weight: Share = 1.0
    """How far inpainting models are kept from seeing what is under the mask."""
    soft_inpainting: Switch = False
    soft_inpainting_schedule_bias: Amount = 1.0
    soft_inpainting_preservation_strength: Amount = 0.5
    soft_inpainting_transition_contrast_boost: Amount = 4.0
    soft_inpainting_mask_influence: Share = 0.0
    soft_inpainting_difference_threshold: Amount = 0.5
    soft_inpainting_difference_contrast: Amount = 2.0

    outpaint_left: Margin = 0
    """Pixels that are added to the input at this side, before it is brought to width x height."""
    outpaint_right: Margin = 0
    outpaint_top: Margin = 0
    outpaint_bottom: Margin = 0
    outpaint_feather: Feather = 32
    """Pixels of the input over which the seam is spread."""

    sd_upscale_upscaler: Name | None = None
    """Tiled diffusion upscale: enlarged by this, then painted in tiles of width x height; None: off."""
    sd_upscale_by: Scale = 2.0
    sd_upscale_overlap: TileOverlap = 64

    @property
    def outpaints(self) -> bool:
        return any((self.outpaint_left, self.outpaint_right, self.outpaint_top, self.outpaint_bottom))

    @property
    def inpaints(self) -> bool:
        """Whether only a part of the picture is painted anew."""
        return self.mask is not None or self.mask_from_alpha or self.outpaints
