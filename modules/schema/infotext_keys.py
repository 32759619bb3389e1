"""The keys of an infotext: which field each one is, and what is known of those that are no field.

A1111's keys are spelled as A1111 spells them. What it does not record though the picture depends on it has keys of
ours: Comma padding backtrack, Old Karras sigmas, Custom sigmas, Sampler order, GE gamma and those of the kinds of
guidance that it lacks.
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
}
"""In the order in which they are written."""
OTHER_SPELLINGS = {
    "Eta DDIM": "Eta",
    "UniPC order": "Sampler order",
    "Beta scheduler alpha": "Beta schedule alpha",
    "Beta scheduler beta": "Beta schedule beta",
}
"""Keys of the same meaning."""
ETA_DDIM_SAMPLERS = frozenset({"DDIM", "DDIM CFG++", "PLMS", "UniPC"})
"""The samplers whose eta A1111 writes as "Eta DDIM"."""
SCHEDULES_OF_SAMPLERS = frozenset({"Timesteps", "Time uniform", "LCM"})
"""The schedules that only their own samplers run; A1111 does not know them by name and calls them Automatic."""
ZERO_TERMINAL_SNR, USUAL_NOISE_SCHEDULE = "Zero Terminal SNR", "Default"
"""The values of "Noise Schedule"."""

SAYS_NOTHING_OF_THE_PICTURE = frozenset(
    {
        "Model hash",
        "VAE hash",
        "Hashes",
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
    }
)
"""Keys that are a record only: the picture is the same whatever they say."""
WITHOUT_EFFECT = {
    "FP8 weight": "Disable",
    "VAE Encoder": "Full",
    "VAE Decoder": "Full",
    "Tiling": "False",
    "Face restoration": "None",
    "Pad conds v0": "False",
    "Refiner switch by sampling steps": "False",
    "Token merging ratio": "0",
    "Token merging ratio hr": "0",
    "Mask mode": "Inpaint masked",
    "UniPC skip type": "time_uniform",
    "UniPC lower order final": "True",
}
"""Values that ask for nothing, of keys that cannot be honoured otherwise."""

_REASONS = (
    ("Hires ", "there is no second pass at a higher resolution yet"),
    ("First pass size", "there is no second pass at a higher resolution yet"),
    ("Denoising strength", "there is neither img2img nor a second pass yet"),
    ("Refiner", "there is no refiner yet"),
    ("VAE", "the checkpoint's own VAE is used"),
    ("Lora hashes", "there are no LoRAs yet"),
    ("TI hashes", "there are no embeddings yet"),
    ("Hypernet", "there are no hypernetworks"),
    ("Face restoration", "faces are not restored yet"),
    ("Tiling", "pictures that tile are not made yet"),
    ("Token merging", "tokens are not merged"),
    ("Image CFG scale", "there is no InstructPix2Pix yet"),
    ("Init image hash", "there is no img2img yet"),
    ("Noise multiplier", "there is no img2img yet"),
    ("Extra noise", "there is neither img2img nor a second pass yet"),
    ("Conditional mask weight", "there is no inpainting yet"),
    ("Mask", "there is no inpainting yet"),
    ("Inpaint", "there is no inpainting yet"),
    ("Soft inpainting", "there is no inpainting yet"),
    ("Script", "there are no scripts yet"),
    ("X ", "there are no grids yet"),
    ("Y ", "there are no grids yet"),
    ("Z ", "there are no grids yet"),
    ("Fixed ", "there are no grids yet"),
    ("SD upscale", "there are no upscalers yet"),
    ("Pad conds v0", "texts are brought to one length by whole chunks only"),
    ("FP8 weight", "weights are not kept in 8 bits"),
    ("UniPC ", "UniPC has no other schedule and no other end"),
    ("Cache FP16 weight", "weights are not kept in 8 bits"),
)


def reason_against(key: str) -> str:
    """Why a key that is no field cannot be honoured."""
    return next((reason for start, reason in _REASONS if key.startswith(start)), "the key is not known")
