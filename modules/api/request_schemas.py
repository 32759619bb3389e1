"""Requests as the OpenAPI document shows them: with the words of the page and the command line, and an example each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from modules.config.extras_words import EXTRAS_WORDS
from modules.config.field_words import FieldWords
from modules.config.request_words import REQUEST_WORDS
from modules.schema.extras_request import ExtrasRequest

_INPUT = "0123456789abcdef0123456789abcdef"

EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "txt2img": {
        "prompt": "a red house at night",
        "negative_prompt": "people",
        "steps": 20,
        "sampler_name": "DPM++ 2M",
        "scheduler": "Karras",
        "cfg_scale": 7.0,
        "seed": 42,
        "width": 512,
        "height": 512,
    },
    "img2img": {
        "prompt": "a red house at night",
        "init_images": [_INPUT],
        "denoising_strength": 0.6,
        "steps": 20,
        "seed": 42,
    },
    "extras": {"images": [_INPUT], "upscaler_1": "Lanczos", "upscaling_resize": 2.0},
}
"""A body of each kind that is accepted where its input pictures are stored."""
BATCH_EXAMPLE: Mapping[str, Any] = {
    "fields": {"prompt": "a red house at night", "denoising_strength": 0.6},
    "parts": [{"name": "house", "fields": {"init_images": [_INPUT]}}],
    "folder": "houses",
}
_VALUES: Mapping[str, Any] = {
    **EXAMPLES["txt2img"],
    **EXAMPLES["img2img"],
    **EXAMPLES["extras"],
    "rng": "NV",
    "model": "atelier-demo",
    "sd_vae": "Automatic",
    "eta": 0.5,
    "styles": ["Watercolour"],
    "sigmas": [14.6, 3.2, 0.8, 0.0],
    "refiner_checkpoint": "atelier-demo",
    "script_name": "X/Y/Z plot",
    "script_args": {"x_type": "Steps", "x_values": "10, 20"},
    "sections": {"Border and watermark": {"border": 16}},
    "postprocessing": {"Border and watermark": {"border": 16}},
    "hr_checkpoint_name": "atelier-demo",
    "hr_sampler_name": "Euler a",
    "hr_scheduler": "Automatic",
    "hr_cfg_scale": 7.0,
    "hr_prompt": "a red house at night, stars",
    "hr_negative_prompt": "people",
    "firstpass_image": _INPUT,
    "mask": _INPUT,
    "sd_upscale_upscaler": "Lanczos",
    "upscaler_2": "Nearest",
    "flipped_copies": ["horizontal"],
}
"""Where a field's default would say too little."""


def described(route: Mapping[str, Any], kind: type[BaseModel]) -> dict[str, Any]:
    """The `openapi_extra` of a route whose body is a request, with words and an example for each field."""
    schema = route["requestBody"]["content"]["application/json"]["schema"]
    words = EXTRAS_WORDS if kind is ExtrasRequest else REQUEST_WORDS
    for name, field in schema["properties"].items():
        if name in words:
            field["description"] = _sentence(words[name])
            field["examples"] = [_VALUES.get(name, field.get("default"))]
    return dict(route)


def _sentence(words: FieldWords) -> str:
    return f"{words.label}: {words.help}."
