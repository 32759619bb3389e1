"""The keys of an infotext: which field each one is, and what is known of those that are no field.

A1111's keys are spelled as A1111 spells them. What it does not record though the picture depends on it has keys of
ours: Comma padding backtrack, Old Karras sigmas, Custom sigmas, Sampler order, GE gamma, those of the kinds of guidance
that it lacks, and of img2img nearly everything but its mask: the input's size and treatment, outpainting, exact steps.
"""

from __future__ import annotations

FIELD_OF_KEY = {
    "Steps": "steps",
    "Sampler": "sampler_name",
    "Schedule type": "scheduler",
    "CFG scale": "cfg_scale",
    "Seed": "seed",
    "Size-1": "width",
    "Size-2": "height",
    "Model": "model",
    "VAE": "sd_vae",
    "Variation seed": "subseed",
    "Variation seed strength": "subseed_strength",
    "Seed resize from-1": "seed_resize_from_w",
    "Seed resize from-2": "seed_resize_from_h",
    "Clip skip": "clip_skip",
    "ENSD": "eta_noise_seed_delta",
    "RNG": "rng",
    "Emphasis": "emphasis",
    "Comma padding backtrack": "comma_padding_backtrack",
    "Pad conds": "pad_cond_uncond",
    "Old prompt editing timelines": "old_prompt_timelines",
    "Schedule min sigma": "sigma_min",
    "Schedule max sigma": "sigma_max",
    "Schedule rho": "rho",
    "Beta schedule alpha": "beta_dist_alpha",
    "Beta schedule beta": "beta_dist_beta",
    "Discard penultimate sigma": "discard_next_to_last_sigma",
    "Custom sigmas": "sigmas",
    "Old Karras sigmas": "old_karras_sigmas",
    "Noise Schedule": "zero_terminal_snr",
    "Downcast alphas_cumprod": "downcast_alphas_cumprod",
    "Eta": "eta",
    "Sigma churn": "s_churn",
    "Sigma tmin": "s_tmin",
    "Sigma tmax": "s_tmax",
    "Sigma noise": "s_noise",
    "Sampler order": "sampler_order",
    "UniPC variant": "uni_pc_variant",
    "GE gamma": "ge_gamma",
    "SGM noise multiplier": "sgm_noise_multiplier",
    "NGMS": "s_min_uncond",
    "NGMS all steps": "s_min_uncond_all",
    "Skip Early CFG": "skip_early_cond",
    "CFG rescale": "cfg_rescale",
    "APG eta": "apg_eta",
    "APG norm threshold": "apg_norm_threshold",
    "APG momentum": "apg_momentum",
    "CFG-Zero star": "cfg_zero_star",
    "CFG-Zero init steps": "cfg_zero_init_steps",
    "Dynamic thresholding mimic scale": "dynamic_thresholding_mimic_scale",
    "Dynamic thresholding percentile": "dynamic_thresholding_percentile",
    "Guidance start": "guidance_interval_start",
    "Guidance end": "guidance_interval_end",
    "Denoising strength": "denoising_strength",
    "Extra noise": "img2img_extra_noise",
    "Tiling": "tiling",
    "Refiner": "refiner_checkpoint",
    "Refiner switch at": "refiner_switch_at",
    "Refiner switch by sampling steps": "refiner_switch_by_sample_steps",
    "Hires refiner": "hires_fix_refiner_pass",
    "Hires checkpoint": "hr_checkpoint_name",
    "Hires sampler": "hr_sampler_name",
    "Hires schedule type": "hr_scheduler",
    "Hires CFG scale": "hr_cfg_scale",
    "Hires prompt": "hr_prompt",
    "Hires negative prompt": "hr_negative_prompt",
    "Hires upscale": "hr_scale",
    "Hires resize-1": "hr_resize_x",
    "Hires resize-2": "hr_resize_y",
    "Hires steps": "hr_second_pass_steps",
    "Hires upscaler": "hr_upscaler",
    "First pass image hash": "firstpass_image",
    "Init image hash": "init_images",
    "Resize mode": "resize_mode",
    "Exact steps": "img2img_fix_steps",
    "Noise multiplier": "initial_noise_multiplier",
    "Color correction": "img2img_color_correction",
    "Background color": "img2img_background_color",
    "Image CFG scale": "image_cfg_scale",
    "Mask hash": "mask",
    "Mask from alpha": "mask_from_alpha",
    "Mask mode": "inpainting_mask_invert",
    "Mask blur": "mask_blur_x",
    "Mask blur y": "mask_blur_y",
    "Masked content": "inpainting_fill",
    "Inpaint area": "inpaint_full_res",
    "Masked area padding": "inpaint_full_res_padding",
    "Mask rounding": "mask_round",
    "Conditional mask weight": "inpainting_mask_weight",
    "Soft inpainting enabled": "soft_inpainting",
    "Soft inpainting schedule bias": "soft_inpainting_schedule_bias",
    "Soft inpainting preservation strength": "soft_inpainting_preservation_strength",
    "Soft inpainting transition contrast boost": "soft_inpainting_transition_contrast_boost",
    "Soft inpainting mask influence": "soft_inpainting_mask_influence",
    "Soft inpainting difference threshold": "soft_inpainting_difference_threshold",
    "Soft inpainting difference contrast": "soft_inpainting_difference_contrast",
    "Outpaint left": "outpaint_left",
    "Outpaint right": "outpaint_right",
    "Outpaint top": "outpaint_top",
    "Outpaint bottom": "outpaint_bottom",
    "Outpaint feather": "outpaint_feather",
    "SD upscale upscaler": "sd_upscale_upscaler",
    "SD upscale factor": "sd_upscale_by",
    "SD upscale overlap": "sd_upscale_overlap",
}
"""In the order in which they are written."""
VALUE_WORDS: dict[str, dict[object, str]] = {
    "Noise Schedule": {True: "Zero Terminal SNR", False: "Default"},
    "Mask mode": {True: "Inpaint not masked", False: "Inpaint masked"},
    "Inpaint area": {True: "Only masked", False: "Whole picture"},
    "Tiling": {"Both": "True", "None": "False"},
}
"""What a value is called where a text says it in other words than a request."""
PAIRED_SIDES = {
    "Seed resize from": ("Seed resize from-1", "Seed resize from-2"),
    "Hires resize": ("Hires resize-1", "Hires resize-2"),
}
"""Keys whose value is width and height, and the keys under which both are read."""
OF_A_SECOND_PASS = ("Hires upscale", "Hires resize-1", "Hires upscaler", "First pass image hash")
"""Keys of which one stands in every text of a picture with a second pass."""
OF_AN_INPUT = ("Denoising strength", "Init image hash")
"""Keys of which one stands in every text of a picture that was painted from another, and of no second pass."""
OTHER_SPELLINGS = {
    "Eta DDIM": "Eta",
    "UniPC order": "Sampler order",
    "Beta scheduler alpha": "Beta schedule alpha",
    "Beta scheduler beta": "Beta schedule beta",
    "Hires CFG Scale": "Hires CFG scale",
}
"""Keys of the same meaning."""
ETA_DDIM_SAMPLERS = frozenset({"DDIM", "DDIM CFG++", "PLMS", "UniPC"})
"""The samplers whose eta A1111 writes as "Eta DDIM"."""
SCHEDULES_OF_SAMPLERS = frozenset({"Timesteps", "Time uniform", "LCM"})
"""The schedules that only their own samplers run; A1111 does not know them by name and calls them Automatic."""

EXTENSIONS_KEY = "Extensions"
"""Names and versions of the extensions that changed something while the picture was painted."""

SAYS_NOTHING_OF_THE_PICTURE = frozenset(
    {
        EXTENSIONS_KEY,
        "Model hash",
        "VAE hash",
        "Hashes",
        "Lora hashes",
        "TI hashes",
        "Version",
        "User",
        "Batch size",
        "Batch pos",
        "Exact prompt",
        "Exact negative prompt",
        "Template",
        "Negative Template",
        "Styles",
        "Wildcards",
        "Wildcard seed",
        "NovelAI emphasis",
        "Precision",
        "Attention",
        "Script",
        "Hires Template",
        "Hires Negative Template",
    }
)
"""Keys that are a record only: the request is the same whatever they say."""
WITHOUT_EFFECT = {
    "FP8 weight": "Disable",
    "VAE Encoder": "Full",
    "VAE Decoder": "Full",
    "Face restoration": "None",
    "Pad conds v0": "False",
    "Token merging ratio": "0",
    "Token merging ratio hr": "0",
    "UniPC skip type": "time_uniform",
    "UniPC lower order final": "True",
    "Hires Module 1": "Use same choices",
}
"""Values that ask for nothing, of keys that cannot be honoured otherwise."""
LIKE_THE_FIRST = "Use same "
"""How the value of a key of the second pass begins that asks for nothing of its own."""
OF_A_MASK = ("Mask blur", "Inpaint area", "Masked content", "Mask mode")
"""Keys that stand in texts of pictures that were painted with a mask, which not every program names."""

INCOMPLETE_KEY = "Incomplete"
"""Tells of a picture that was stopped before its end how far it is."""

_REASONS = (
    (INCOMPLETE_KEY, "the picture was stopped there, and is painted to its end"),
    ("Hires ", "a second pass has nothing of that name"),
    ("First pass size", "the size of the first pass cannot be told from that of the picture"),
    ("VAE ", "pictures go through the whole VAE"),
    ("Hypernet", "there are no hypernetworks"),
    ("Face restoration", "faces are restored in Extras only"),
    ("Token merging", "tokens are not merged"),
    ("Mask", "masks have nothing of that name"),
    ("Inpaint", "inpainting has nothing of that name"),
    ("Soft inpainting", "soft inpainting has nothing of that name"),
    ("X ", "a grid's axes are not part of one picture"),
    ("Y ", "a grid's axes are not part of one picture"),
    ("Z ", "a grid's axes are not part of one picture"),
    ("Fixed ", "a grid's axes are not part of one picture"),
    ("Pad conds v0", "texts are brought to one length by whole chunks only"),
    ("FP8 weight", "weights are not kept in 8 bits"),
    ("UniPC ", "UniPC has no other schedule and no other end"),
    ("Cache FP16 weight", "weights are not kept in 8 bits"),
    ("ComfyUI nodes", "there are no nodes of these kinds"),
    ("ControlNet", "the picture that guided it is not in the text"),
    ("IP-Adapter", "the picture that guided it is not in the text"),
    ("T2I-Adapter", "the picture that guided it is not in the text"),
    ("Vibe transfer", "the picture that guided it is not in the text"),
    ("Further passes", "only the first pass is read"),
    ("Prompt syntax", "weights are written in another way here"),
    ("Fooocus styles", "what they added is in the prompt already"),
)


def reason_against(key: str) -> str:
    """Why a key that is no field cannot be honoured."""
    return next((reason for start, reason in _REASONS if key.startswith(start)), "the key is not known")
