"""What each field of a request is called: on the command line, on the page, in refusals.

That the rows are those of schema.requests.Txt2ImgRequest and Img2ImgRequest is held by a test; their order is that of
a page.
"""

from __future__ import annotations

from modules.config.field_words import FieldWords
from modules.config.hires_words import HIRES_WORDS
from modules.config.image_words import IMAGE_WORDS

SHARED_WORDS: dict[str, FieldWords] = {
    "prompt": FieldWords("Prompt", "what the picture shows; may be empty", "prompt", metavar="PROMPT"),
    "negative_prompt": FieldWords("Negative prompt", "what it should not show", "prompt", "--negative", "TEXT"),
    "styles": FieldWords(
        "Styles", "a style to put into the prompts; may be repeated", "prompt", "--style", "NAME", "list"
    ),
    "wildcards": FieldWords(
        "Wildcards", "draw words for __name__ and {a|b|c} in the prompts", "prompt", "--wildcards", kind="switch"
    ),
    "wildcard_seed": FieldWords(
        "Wildcard seed",
        "what the words are drawn with, for all pictures alike; -1: each picture's own seed",
        "prompt",
        "--wildcard-seed",
    ),
    "novelai_emphasis": FieldWords(
        "NovelAI emphasis", "read {x} and [x] as NovelAI does", "prompt", "--novelai-emphasis", kind="switch"
    ),
    "emphasis": FieldWords(
        "Emphasis",
        "how (x:1.3) is carried out: Original, No norm, Ignore (brackets go, weights have no effect) or None "
        "(brackets are text)",
        "prompt",
        "--emphasis",
        "MODE",
    ),
    "comma_padding_backtrack": FieldWords(
        "Comma padding backtrack",
        "how many tokens back a comma is looked for, to end a chunk of 75 there; 0: never",
        "prompt",
        "--comma-padding-backtrack",
        "TOKENS",
    ),
    "pad_cond_uncond": FieldWords(
        "Pad conds", "bring both prompts to the same length", "prompt", "--pad-cond-uncond", kind="switch"
    ),
    "old_prompt_timelines": FieldWords(
        "Old prompt editing timelines",
        "read the numbers of [a:b:N] as A1111 did before 1.6",
        "prompt",
        "--old-prompt-timelines",
        kind="switch",
    ),
    "clip_skip": FieldWords(
        "Clip skip", "which layer of the text encoder is used, counted from the last", "prompt", "--clip-skip"
    ),
    "model": FieldWords("Model", "a checkpoint's name; default: the current one", "picture", "--model", "NAME"),
    "sd_vae": FieldWords(
        "VAE",
        "a VAE's file name, Automatic for the one that belongs to the checkpoint, None for the one inside of it; "
        "default: as the settings say",
        "picture",
        "--vae",
        "NAME",
    ),
    "width": FieldWords("Width", "in pixels, a multiple of 8", "picture", "--width", "PIXELS"),
    "height": FieldWords("Height", "in pixels, a multiple of 8", "picture", "--height", "PIXELS"),
    "batch_count": FieldWords("Batch count", "how many batches", "picture", "--batch-count"),
    "batch_size": FieldWords("Batch size", "how many pictures are painted at once", "picture", "--batch-size"),
    "tiling": FieldWords(
        "Tiling", "let the picture go on at its other side: None, Both, X or Y", "picture", "--tiling", "AXES"
    ),
    "sampler_name": FieldWords("Sampler", "the sampling method", "sampling", "--sampler", "NAME"),
    "steps": FieldWords("Steps", "sampling steps", "sampling", "--steps"),
    "cfg_scale": FieldWords("CFG scale", "how closely the prompt is followed", "sampling", "--cfg", "SCALE"),
    "eta": FieldWords(
        "Eta", "share of fresh noise in each step; default: the sampler's own", "sampling", "--eta", "SHARE"
    ),
    "s_churn": FieldWords(
        "Sigma churn", "noise that Euler, Heun and DPM2 add on the way; 0: none", "sampling", "--s-churn"
    ),
    "s_tmin": FieldWords("Sigma tmin", "churn above this sigma only", "sampling", "--s-tmin", "SIGMA"),
    "s_tmax": FieldWords("Sigma tmax", "churn below this sigma only; 0: no limit", "sampling", "--s-tmax", "SIGMA"),
    "s_noise": FieldWords("Sigma noise", "strength of the noise that is added on the way", "sampling", "--s-noise"),
    "sampler_order": FieldWords(
        "Sampler order",
        "how many steps UniPC, LMS, DEIS, IPNDM and SA-Solver look back; 0: the sampler's own",
        "sampling",
        "--sampler-order",
    ),
    "uni_pc_variant": FieldWords(
        "UniPC variant",
        "weights of UniPC: its paper's first or second B(h), or coefficients that vary",
        "sampling",
        "--uni-pc-variant",
        "NAME",
    ),
    "ge_gamma": FieldWords(
        "GE gamma",
        "how far Gradient Estimation follows the change of direction; 1: not at all, as Euler",
        "sampling",
        "--ge-gamma",
    ),
    "seed": FieldWords("Seed", "-1: a random one", "noise", "--seed"),
    "subseed": FieldWords("Variation seed", "-1: a random one", "noise", "--subseed"),
    "subseed_strength": FieldWords(
        "Variation seed strength",
        "how far the noise turns towards the variation seed's; 0: not at all",
        "noise",
        "--subseed-strength",
        "SHARE",
    ),
    "seed_resize_from_w": FieldWords(
        "Seed resize from width",
        "keep the composition that the seed has at this width; 0: off",
        "noise",
        "--seed-resize-from-w",
        "PIXELS",
    ),
    "seed_resize_from_h": FieldWords(
        "Seed resize from height",
        "keep the composition that the seed has at this height; 0: off",
        "noise",
        "--seed-resize-from-h",
        "PIXELS",
    ),
    "rng": FieldWords("RNG", "where the noise comes from: NV, CPU or GPU", "noise", "--rng", "SOURCE"),
    "eta_noise_seed_delta": FieldWords(
        "ENSD", "added to the seed for all noise after the first", "noise", "--eta-noise-seed-delta"
    ),
    "sgm_noise_multiplier": FieldWords(
        "SGM noise multiplier",
        "start with the strength of noise that Stability's own code has",
        "noise",
        "--sgm-noise-multiplier",
        kind="switch",
    ),
    "img2img_extra_noise": FieldWords(
        "Extra noise",
        "noise that an input picture, or the first pass of hires fix, gets besides that of its first step",
        "noise",
        "--img2img-extra-noise",
        "SHARE",
    ),
    "scheduler": FieldWords("Schedule type", "which noise levels the steps visit", "schedule", "--scheduler", "NAME"),
    "sigma_min": FieldWords(
        "Schedule min sigma", "smallest noise level; 0: the model's", "schedule", "--sigma-min", "SIGMA"
    ),
    "sigma_max": FieldWords(
        "Schedule max sigma", "largest noise level; 0: the model's", "schedule", "--sigma-max", "SIGMA"
    ),
    "rho": FieldWords(
        "Schedule rho", "curvature of Karras and Polyexponential; 0: their own", "schedule", "--rho", "RHO"
    ),
    "beta_dist_alpha": FieldWords(
        "Beta schedule alpha", "first parameter of the schedule Beta", "schedule", "--beta-dist-alpha", "ALPHA"
    ),
    "beta_dist_beta": FieldWords(
        "Beta schedule beta", "second parameter of the schedule Beta", "schedule", "--beta-dist-beta", "BETA"
    ),
    "discard_next_to_last_sigma": FieldWords(
        "Discard penultimate sigma",
        "leave out the noise level before the last",
        "schedule",
        "--discard-next-to-last-sigma",
        kind="switch",
    ),
    "zero_terminal_snr": FieldWords(
        "Zero terminal SNR",
        "rescale the model's noise levels so that the largest is noise alone",
        "schedule",
        "--zero-terminal-snr",
        kind="switch",
    ),
    "downcast_alphas_cumprod": FieldWords(
        "Downcast alphas_cumprod",
        "round the model's noise levels to half precision, as A1111 did before 1.8",
        "schedule",
        "--downcast-alphas-cumprod",
        kind="switch",
    ),
    "old_karras_sigmas": FieldWords(
        "Old Karras sigmas",
        "sigmas from 10 down to 0.1, as A1111 had them in 2022",
        "schedule",
        "--old-karras-sigmas",
        kind="switch",
    ),
    "sigmas": FieldWords(
        "Custom sigmas",
        'the noise levels themselves, largest first, like "14.6, 3.2, 0.8, 0"; used by the schedule Custom',
        "schedule",
        "--sigmas",
        "LIST",
    ),
    "cfg_rescale": FieldWords(
        "CFG rescale",
        "share of the guided picture that gets the positive's contrast",
        "guidance",
        "--cfg-rescale",
        "SHARE",
    ),
    "apg_eta": FieldWords(
        "APG eta",
        "adaptive projected guidance: weight of the share along the picture; 1: off",
        "guidance",
        "--apg-eta",
        "WEIGHT",
    ),
    "apg_norm_threshold": FieldWords(
        "APG norm threshold",
        "adaptive projected guidance: longest step of guidance; 0: no limit",
        "guidance",
        "--apg-norm-threshold",
    ),
    "apg_momentum": FieldWords(
        "APG momentum",
        "adaptive projected guidance: weight of the steps before, usually below 0; 0: off",
        "guidance",
        "--apg-momentum",
    ),
    "cfg_zero_star": FieldWords(
        "CFG-Zero star",
        "scale the negative to lie nearest to the positive",
        "guidance",
        "--cfg-zero-star",
        kind="switch",
    ),
    "cfg_zero_init_steps": FieldWords(
        "CFG-Zero init steps", "first steps in which CFG-Zero star stands still", "guidance", "--cfg-zero-init-steps"
    ),
    "dynamic_thresholding_mimic_scale": FieldWords(
        "Dynamic thresholding mimic scale",
        "keep the range that this CFG scale would give; 0: off",
        "guidance",
        "--dynamic-thresholding-mimic-scale",
        "SCALE",
    ),
    "dynamic_thresholding_percentile": FieldWords(
        "Dynamic thresholding percentile",
        "share of the numbers that is not cut, 0 to 1",
        "guidance",
        "--dynamic-thresholding-percentile",
        "SHARE",
    ),
    "guidance_interval_start": FieldWords(
        "Guidance start",
        "share of the steps after which guidance begins",
        "guidance",
        "--guidance-interval-start",
        "SHARE",
    ),
    "guidance_interval_end": FieldWords(
        "Guidance end", "share of the steps after which guidance ends", "guidance", "--guidance-interval-end", "SHARE"
    ),
    "s_min_uncond": FieldWords(
        "NGMS",
        "leave the negative out in every second step below this sigma; 0: never",
        "guidance",
        "--s-min-uncond",
        "SIGMA",
    ),
    "s_min_uncond_all": FieldWords(
        "NGMS all steps",
        "leave it out in all steps below that sigma",
        "guidance",
        "--s-min-uncond-all",
        kind="switch",
    ),
    "skip_early_cond": FieldWords(
        "Skip Early CFG", "share of the first steps without the negative", "guidance", "--skip-early-cond", "SHARE"
    ),
    "refiner_checkpoint": FieldWords(
        "Refiner",
        "a checkpoint that paints on from the switch point; default: none",
        "refiner",
        "--refiner-checkpoint",
        "NAME",
    ),
    "refiner_switch_at": FieldWords(
        "Refiner switch at",
        "share of the way after which the refiner paints",
        "refiner",
        "--refiner-switch-at",
        "SHARE",
    ),
    "refiner_switch_by_sample_steps": FieldWords(
        "Refiner switch by sampling steps",
        "count that share in steps instead of noise levels",
        "refiner",
        "--refiner-switch-by-sample-steps",
        kind="switch",
    ),
    "script_name": FieldWords(
        "Script", "a script that makes several requests of this one; default: none", "script", "--script", "NAME"
    ),
    "script_args": FieldWords(
        "Script arguments",
        "a value for the script; may be repeated, also for the same name where it takes several",
        "script",
        "--script-arg",
        "NAME=VALUE",
        "pairs",
    ),
    "sections": FieldWords(
        "Sections",
        "a section of the form to switch on, or a value for it; may be repeated",
        "section",
        "--section",
        "NAME[:ARGUMENT=VALUE]",
        "sections",
    ),
}
REQUEST_WORDS: dict[str, FieldWords] = {**SHARED_WORDS, **IMAGE_WORDS, **HIRES_WORDS}
"""Those of every task."""
OF_TXT2IMG_ALONE = HIRES_WORDS.keys()
OF_IMG2IMG_ALONE = IMAGE_WORDS.keys() - {"denoising_strength"}
"""The fields that only one task has."""
