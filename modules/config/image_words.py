"""The words of the fields of tasks that begin with a picture; all but the denoising strength are theirs alone."""

from __future__ import annotations

from modules.config.field_words import FieldWords

IMAGE_WORDS: dict[str, FieldWords] = {
    "init_images": FieldWords(
        "Input picture", "a picture to begin with; may be repeated", "input", "--init-image", "FILE", "pictures"
    ),
    "denoising_strength": FieldWords(
        "Denoising strength",
        "how much is painted anew, 0 to 1; default: 0.75 for an input picture, 0.7 for the second pass of hires fix",
        "input",
        "--denoising-strength",
        "SHARE",
    ),
    "resize_mode": FieldWords(
        "Resize mode",
        "how the input gets its size: Just resize, Crop and resize, Resize and fill or Just resize (latent upscale)",
        "input",
        "--resize-mode",
        "MODE",
    ),
    "scale_by": FieldWords(
        "Resize by",
        "size of the result as a multiple of the input's; 0: width and height, or the input's own",
        "input",
        "--scale-by",
        "FACTOR",
    ),
    "img2img_fix_steps": FieldWords(
        "Exact steps",
        "run all steps whatever the strength, instead of their share",
        "input",
        "--img2img-fix-steps",
        kind="switch",
    ),
    "initial_noise_multiplier": FieldWords(
        "Noise multiplier",
        "strength of the noise that the input gets; 1: as the schedule says",
        "input",
        "--initial-noise-multiplier",
    ),
    "img2img_color_correction": FieldWords(
        "Color correction",
        "give the result the colours of the input",
        "input",
        "--img2img-color-correction",
        kind="switch",
    ),
    "img2img_background_color": FieldWords(
        "Background color",
        "what shows through the transparent parts of the input, like #ffffff",
        "input",
        "--img2img-background-color",
        "COLOUR",
    ),
    "image_cfg_scale": FieldWords(
        "Image CFG scale",
        "how closely an InstructPix2Pix model keeps to the input",
        "input",
        "--image-cfg-scale",
        "SCALE",
    ),
    "mask": FieldWords(
        "Mask", "a picture that is white where the input is painted anew", "mask", "--mask", "FILE", "picture"
    ),
    "mask_from_alpha": FieldWords(
        "Mask from alpha", "paint the input's transparent parts anew", "mask", "--mask-from-alpha", kind="switch"
    ),
    "inpainting_mask_invert": FieldWords(
        "Inpaint not masked", "paint what the mask leaves out", "mask", "--inpainting-mask-invert", kind="switch"
    ),
    "mask_blur_x": FieldWords(
        "Mask blur", "how far the mask's edge is blurred from side to side", "mask", "--mask-blur-x", "PIXELS"
    ),
    "mask_blur_y": FieldWords(
        "Mask blur y", "how far the mask's edge is blurred up and down", "mask", "--mask-blur-y", "PIXELS"
    ),
    "inpainting_fill": FieldWords(
        "Masked content",
        "what lies under the mask at first: fill, original, latent noise or latent nothing",
        "mask",
        "--inpainting-fill",
        "CONTENT",
    ),
    "inpaint_full_res": FieldWords(
        "Only masked",
        "paint the masked part alone, at full width and height",
        "mask",
        "--inpaint-full-res",
        kind="switch",
    ),
    "inpaint_full_res_padding": FieldWords(
        "Masked area padding",
        "how much around the mask is seen when only the masked part is painted",
        "mask",
        "--inpaint-full-res-padding",
        "PIXELS",
    ),
    "mask_round": FieldWords(
        "Mask rounding",
        "paint each latent either wholly or not at all; on unless switched off",
        "mask",
        "--mask-round",
        kind="switched on",
    ),
    "inpainting_mask_weight": FieldWords(
        "Conditional mask weight",
        "how far an inpainting model is kept from seeing what is under the mask",
        "mask",
        "--inpainting-mask-weight",
        "SHARE",
    ),
    "soft_inpainting": FieldWords(
        "Soft inpainting",
        "let the strength of the painting follow the mask's shades",
        "soft inpainting",
        "--soft-inpainting",
        kind="switch",
    ),
    "soft_inpainting_schedule_bias": FieldWords(
        "Schedule bias",
        "above 1: the input is kept more in early steps, below 1: more in late ones",
        "soft inpainting",
        "--soft-inpainting-schedule-bias",
    ),
    "soft_inpainting_preservation_strength": FieldWords(
        "Preservation strength",
        "how strongly the input is kept where the mask is grey",
        "soft inpainting",
        "--soft-inpainting-preservation-strength",
    ),
    "soft_inpainting_transition_contrast_boost": FieldWords(
        "Transition contrast boost",
        "how much contrast the mixture of input and painting gets back",
        "soft inpainting",
        "--soft-inpainting-transition-contrast-boost",
    ),
    "soft_inpainting_mask_influence": FieldWords(
        "Mask influence",
        "how far the mask decides what of the input is laid over the result",
        "soft inpainting",
        "--soft-inpainting-mask-influence",
        "SHARE",
    ),
    "soft_inpainting_difference_threshold": FieldWords(
        "Difference threshold",
        "how much a part must have changed for the input not to be laid over it",
        "soft inpainting",
        "--soft-inpainting-difference-threshold",
    ),
    "soft_inpainting_difference_contrast": FieldWords(
        "Difference contrast",
        "how sharply changed and unchanged parts are told apart",
        "soft inpainting",
        "--soft-inpainting-difference-contrast",
    ),
    "outpaint_left": FieldWords(
        "Outpaint left", "pixels that are added at the left", "outpainting", "--outpaint-left", "PIXELS"
    ),
    "outpaint_right": FieldWords(
        "Outpaint right", "pixels that are added at the right", "outpainting", "--outpaint-right", "PIXELS"
    ),
    "outpaint_top": FieldWords(
        "Outpaint top", "pixels that are added above", "outpainting", "--outpaint-top", "PIXELS"
    ),
    "outpaint_bottom": FieldWords(
        "Outpaint bottom", "pixels that are added below", "outpainting", "--outpaint-bottom", "PIXELS"
    ),
    "outpaint_feather": FieldWords(
        "Outpaint feather",
        "pixels of the input over which the seam is spread",
        "outpainting",
        "--outpaint-feather",
        "PIXELS",
    ),
    "sd_upscale_upscaler": FieldWords(
        "SD upscale upscaler",
        "enlarge the input with this upscaler, then paint it in tiles of width x height; default: off",
        "sd upscale",
        "--sd-upscale-upscaler",
        "NAME",
    ),
    "sd_upscale_by": FieldWords(
        "SD upscale factor", "how many times as wide and high the result is", "sd upscale", "--sd-upscale-by", "FACTOR"
    ),
    "sd_upscale_overlap": FieldWords(
        "SD upscale overlap", "pixels that neighbouring tiles share", "sd upscale", "--sd-upscale-overlap", "PIXELS"
    ),
}
