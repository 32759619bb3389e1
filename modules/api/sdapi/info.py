"""What `info` of an answer says: one JSON object, as a string."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import PurePosixPath

from modules.config.paths import Paths
from modules.schema.infotext import VERSION, parse_infotext
from modules.schema.jobs import Job
from modules.schema.pictures import Picture
from modules.schema.requests import NO_VAE, RESOLVED, ResolvedImg2Img, ResolvedTxt2Img

_SAID_ELSEWHERE = frozenset(
    {
        *("Steps", "Sampler", "CFG scale", "Seed", "Size-1", "Size-2", "Model", "Model hash", "VAE", "VAE hash"),
        *("Variation seed", "Variation seed strength", "Seed resize from-1", "Seed resize from-2", "Clip skip"),
        *("Denoising strength", "Version", "Infotext version"),
    }
)
"""Parameters of an infotext that `info` has fields for."""
_GRIDS_FOLDER = "grids"


def grids_first(pictures: Sequence[Picture], paths: Paths) -> tuple[list[Picture], int]:
    """The pictures of a job with those that were put together of others before the rest, and how many these are."""
    grids = [one for one in pictures if (paths.outputs / one.path).is_relative_to(paths.grids)]
    return [*grids, *(one for one in pictures if one not in grids)], len(grids)


def info_of(job: Job, pictures: Sequence[Picture], first: int, not_honoured: Sequence[str]) -> str:
    """The `info` of a job whose pictures are `pictures`, of which those before `first` are grids."""
    request = resolved_of(job)
    assert request is not None, "only txt2img and img2img have an info"
    texts = [parse_infotext(picture.infotext) for picture in pictures]
    parameters = dict(texts[first].parameters) if len(texts) > first else {}
    prompts = [text.prompt for text in texts] or [request.prompt]
    negatives = [text.negative_prompt for text in texts] or [request.negative_prompt]
    seeds = [request.seed if picture.seed is None else picture.seed for picture in pictures] or [request.seed]
    subseeds = [request.subseed_of(picture.index or 0) for picture in pictures] or [request.subseed_of(0)]
    place = min(first, len(prompts) - 1)
    return json.dumps(
        {
            "prompt": prompts[place],
            "all_prompts": prompts,
            "negative_prompt": negatives[place],
            "all_negative_prompts": negatives,
            "seed": seeds[place],
            "all_seeds": seeds,
            "subseed": subseeds[place],
            "all_subseeds": subseeds,
            "subseed_strength": request.subseed_strength,
            "width": request.width,
            "height": request.height,
            "sampler_name": request.sampler_name,
            "cfg_scale": request.cfg_scale,
            "steps": request.steps,
            "batch_size": request.batch_size,
            "restore_faces": False,
            "face_restoration_model": None,
            "sd_model_name": PurePosixPath(request.model).name,
            "sd_model_hash": parameters.get("Model hash"),
            "sd_vae_name": None if request.sd_vae == NO_VAE else request.sd_vae,
            "sd_vae_hash": parameters.get("VAE hash"),
            "seed_resize_from_w": request.seed_resize_from_w or -1,
            "seed_resize_from_h": request.seed_resize_from_h or -1,
            "denoising_strength": _strength(request),
            "extra_generation_params": {
                name: value for name, value in parameters.items() if name not in _SAID_ELSEWHERE
            },
            "index_of_first_image": first,
            "infotexts": [picture.infotext for picture in pictures],
            "styles": _styles(job),
            "job_timestamp": datetime.fromtimestamp(job.started or job.created).strftime("%Y%m%d%H%M%S"),
            "clip_skip": request.clip_skip,
            "is_using_inpainting_conditioning": False,
            "version": VERSION,
            "job_id": job.id,
            "not_honoured": list(not_honoured),
        },
        ensure_ascii=False,
    )


def resolved_of(job: Job) -> ResolvedTxt2Img | ResolvedImg2Img | None:
    """What a job paints; None for a batch and for Extras."""
    if job.kind == "txt2img" or job.kind == "img2img":
        return RESOLVED[job.kind].model_validate_json(job.request)
    return None


def _strength(request: ResolvedTxt2Img | ResolvedImg2Img) -> float | None:
    if isinstance(request, ResolvedTxt2Img) and not request.enable_hr:
        return None
    return request.denoising_strength


def _styles(job: Job) -> list[str]:
    asked = json.loads(job.asked) if job.asked else {}
    return [str(name) for name in asked.get("styles") or []]
