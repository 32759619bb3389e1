"""What the words of a filename pattern stand for, of one picture of a job."""

from __future__ import annotations

import hashlib
import re
import zoneinfo
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from modules.gallery.name_patterns import Fact
from modules.schema.infotext import parse_infotext
from modules.schema.requests import NO_VAE, Resolved, ResolvedImg2Img, ResolvedTxt2Img
from modules.services.finished_picture import FinishedPicture

_DATE, _DATE_AND_TIME = "%Y-%m-%d", "%Y%m%d%H%M%S"
_HASH_DIGITS = 8
_BETWEEN_WORDS = re.compile(r"[\s'\",.!?:;()\[\]{}<>|/\\]+")


@dataclass(frozen=True)
class NamedPicture:
    """A picture that is to get a name."""

    picture: FinishedPicture
    request: Resolved | None
    """What it was made by; None for what Extras makes."""
    created: datetime
    job_started: datetime
    user: str = ""
    prompt_words: int = 8
    """How many of its prompt go into [prompt_words]."""


def facts_of(named: NamedPicture) -> Mapping[str, Fact]:
    """The words by name."""
    height, width = named.picture.pixels.shape[:2]
    seed = named.picture.seed
    return {
        "none": lambda given: "",
        "seed": _plain(None if seed is None else str(seed)),
        "width": _plain(str(width)),
        "height": _plain(str(height)),
        "user": _plain(named.user or None),
        "date": _plain(named.created.strftime(_DATE)),
        "datetime": lambda given: _time_words(named.created, given),
        "job_timestamp": _plain(named.job_started.strftime(_DATE_AND_TIME)),
        "image_hash": lambda given: _digest(named.picture.pixels.tobytes(), given),
        **(_of_request(named, named.request) if named.request is not None else dict.fromkeys(_OF_REQUESTS, _nothing)),
    }


def _of_request(named: NamedPicture, request: Resolved) -> dict[str, Fact]:
    index, count = named.picture.index, request.picture_count
    sampler, scheduler = request.sampler_name, request.scheduler
    denoises = isinstance(request, ResolvedImg2Img) or (isinstance(request, ResolvedTxt2Img) and request.enable_hr)
    return {
        **_of_words(named, request, index),
        "seed_first": _plain(str(request.seed_of(0))),
        "seed_last": _plain(str(request.seed_of(count - 1))),
        "steps": _plain(str(request.steps)),
        "cfg": _plain(f"{request.cfg_scale:g}"),
        "clip_skip": _plain(str(request.clip_skip)),
        "denoising": _plain(f"{request.denoising_strength:g}" if denoises else None),  # type: ignore[attr-defined]
        "sampler": _plain(sampler),
        "scheduler": _plain(scheduler),
        "sampler_scheduler": _plain(f"{sampler} {scheduler}"),
        "styles": _plain(", ".join(request.styles) or "None"),
        "model_name": _plain(request.model.rpartition("/")[2]),
        "model_hash": lambda given: parse_infotext(named.picture.infotext).parameters.get("Model hash"),
        "vae_filename": _plain(None if request.sd_vae == NO_VAE else request.sd_vae.rpartition("/")[2]),
        "batch_size": _plain(str(request.batch_size)),
        "batch_number": _plain(str(index % request.batch_size + 1) if request.batch_size > 1 else None),
        "generation_number": _plain(str(index + 1) if count > 1 else None),
    }


def _of_words(named: NamedPicture, request: Resolved, index: int) -> dict[str, Fact]:
    prompt, negative = request.prompt_of(index), request.negative_prompt_of(index)
    words = [word for word in _BETWEEN_WORDS.split(prompt) if word]
    return {
        "prompt": _plain(prompt.replace(" ", "_")),
        "prompt_no_styles": _plain((prompt if request.template is None else request.template).replace(" ", "_")),
        "prompt_spaces": _plain(prompt),
        "prompt_words": _plain(" ".join(words[: named.prompt_words]) or "empty"),
        "prompt_hash": lambda given: _digest(prompt.encode(), given),
        "negative_prompt_hash": lambda given: _digest(negative.encode(), given),
        "full_prompt_hash": lambda given: _digest(f"{prompt} {negative}".encode(), given),
        "hasprompt": lambda given: _first_of_prompt(prompt, given),
    }


def _plain(value: str | None) -> Fact:
    return lambda given: value


def _nothing(given: Sequence[str]) -> str | None:
    return None


def _time_words(moment: datetime, given: Sequence[str]) -> str:
    """A format as strftime has it, and the name of a time zone; what cannot be used counts as not given."""
    form = given[0] if given and given[0] else _DATE_AND_TIME
    if len(given) > 1:
        try:
            moment = moment.astimezone(zoneinfo.ZoneInfo(given[1]))
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            pass
    try:
        return moment.strftime(form) or moment.strftime(_DATE_AND_TIME)
    except ValueError:
        return moment.strftime(_DATE_AND_TIME)


def _digest(content: bytes, given: Sequence[str]) -> str:
    """The first digits of a sha256, as many as are asked for."""
    wanted = given[0] if given else ""
    digits = int(wanted) if wanted.isascii() and wanted.isdecimal() and len(wanted) < 4 else _HASH_DIGITS
    return hashlib.sha256(content).hexdigest()[: max(1, digits)]


def _first_of_prompt(prompt: str, given: Sequence[str]) -> str:
    """Of each "word|instead" the word where the prompt has it, else what stands instead."""
    found = ((word, instead) for word, _, instead in (one.partition("|") for one in given))
    return "".join(word if word and word.lower() in prompt.lower() else instead for word, instead in found)


_OF_REQUESTS = (
    *("seed_first", "seed_last", "steps", "cfg", "clip_skip", "denoising", "sampler", "scheduler"),
    *("sampler_scheduler", "styles", "model_name", "model_hash", "vae_filename", "batch_size", "batch_number"),
    *("generation_number", "prompt", "prompt_no_styles", "prompt_spaces", "prompt_words", "prompt_hash"),
    *("negative_prompt_hash", "full_prompt_hash", "hasprompt"),
)
