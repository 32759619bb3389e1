"""What a job is, in few words: what a list of jobs shows of each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from pydantic import BaseModel, ConfigDict

from modules.schema.jobs import Job

MOST_CHARACTERS = 300
"""Of a prompt: more is not read in a list."""


class JobOutline(BaseModel):
    """The words, the size and the number of pictures that a job was asked for."""

    model_config = ConfigDict(frozen=True)

    prompt: str = ""
    """As it was typed, its beginning; of a batch that of the first part."""
    width: int | None = None
    """In pixels; None where the job itself finds that out."""
    height: int | None = None
    """In pixels."""
    steps: int | None = None
    sampler: str = ""
    script: str = ""
    """The script that decides what is made; empty without one."""
    wanted: int | None = None
    """How many pictures it makes; None where that is not known before."""
    inputs: int = 0
    """How many pictures it begins with."""


def outline_of(job: Job) -> JobOutline:
    """The outline of a job; an empty one where its request cannot be read."""
    if not isinstance(request := _read(job.request), Mapping):
        return JobOutline()
    with suppress(ValueError, TypeError, KeyError, IndexError):  # a database may be damaged, or newer than this
        if job.kind == "extras":
            return JobOutline(inputs=len(request["images"]))
        if job.kind == "batch":
            return _of_batch(request["parts"])
        asked = _read(job.asked)
        return _of_request(request, asked if isinstance(asked, Mapping) else {})
    return JobOutline()


def _of_batch(parts: list[Mapping[str, Any]]) -> JobOutline:
    first = _of_request(parts[0]["request"], {})
    wanted = [_of_request(part["request"], {}).wanted or 0 for part in parts]
    return first.model_copy(update={"inputs": len(parts), "wanted": sum(wanted)})


def _of_request(request: Mapping[str, Any], asked: Mapping[str, Any]) -> JobOutline:
    script, inputs = str(request.get("script_name") or ""), len(request.get("init_images") or ())
    typed = asked.get("prompt") or request.get("template") or request.get("prompt")
    return JobOutline(
        prompt=str(typed or "")[:MOST_CHARACTERS],
        width=request["width"],
        height=request["height"],
        steps=request["steps"],
        sampler=str(request.get("sampler_name") or ""),
        script=script,
        wanted=None if script else request["batch_count"] * request["batch_size"] * max(1, inputs),
        inputs=inputs,
    )


def _read(text: str) -> object:
    with suppress(ValueError, RecursionError):
        return json.loads(text)
    return None
