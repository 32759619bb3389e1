"""The words of the fields of a second pass at a higher resolution, which only pictures from words have."""

from __future__ import annotations

from modules.config.field_words import FieldWords

HIRES_WORDS: dict[str, FieldWords] = {
    "enable_hr": FieldWords(
        "Hires. fix", "paint the picture a second time at a higher resolution", "hires", "--enable-hr", kind="switch"
    ),
    "hr_upscaler": FieldWords(
        "Hires upscaler",
        "what enlarges the first pass: Latent, another of the latent modes, or an image upscaler",
        "hires",
        "--hr-upscaler",
        "NAME",
    ),
    "hr_scale": FieldWords(
        "Hires upscale", "how many times as wide and high the second pass is", "hires", "--hr-scale", "FACTOR"
    ),
    "hr_resize_x": FieldWords(
        "Hires resize width",
        "width of the second pass, in place of the factor; 0: so that the shape stays",
        "hires",
        "--hr-resize-x",
        "PIXELS",
    ),
    "hr_resize_y": FieldWords(
        "Hires resize height",
        "height of the second pass, in place of the factor; 0: so that the shape stays",
        "hires",
        "--hr-resize-y",
        "PIXELS",
    ),
    "hr_second_pass_steps": FieldWords(
        "Hires steps",
        "sampling steps of the second pass; 0: as many as in the first",
        "hires",
        "--hr-second-pass-steps",
    ),
    "hr_checkpoint_name": FieldWords(
        "Hires checkpoint",
        "the checkpoint of the second pass; default: that of the first",
        "hires",
        "--hr-checkpoint-name",
        "NAME",
    ),
    "hr_sampler_name": FieldWords(
        "Hires sampler",
        "the sampling method of the second pass; default: that of the first",
        "hires",
        "--hr-sampler-name",
        "NAME",
    ),
    "hr_scheduler": FieldWords(
        "Hires schedule type",
        "the schedule of the second pass; default: that of the first",
        "hires",
        "--hr-scheduler",
        "NAME",
    ),
    "hr_cfg_scale": FieldWords(
        "Hires CFG scale",
        "how closely the second pass follows its prompt; default: like the first",
        "hires",
        "--hr-cfg-scale",
        "SCALE",
    ),
    "hr_prompt": FieldWords(
        "Hires prompt", "the prompt of the second pass; empty: that of the first", "hires", "--hr-prompt", "TEXT"
    ),
    "hr_negative_prompt": FieldWords(
        "Hires negative prompt",
        "the negative prompt of the second pass; empty: that of the first",
        "hires",
        "--hr-negative-prompt",
        "TEXT",
    ),
    "firstpass_image": FieldWords(
        "First pass image",
        "a finished picture that takes the place of the first pass",
        "hires",
        "--firstpass-image",
        "FILE",
        "picture",
    ),
    "hires_fix_refiner_pass": FieldWords(
        "Hires refiner",
        "where the refiner paints when there is a second pass: first pass, second pass or both passes",
        "refiner",
        "--hires-fix-refiner-pass",
        "PASS",
    ),
}
