"""Memory that runs out at any place of a job ends that job in words, and costs the next one nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch

from modules.checkpoints.loaded import LoadedModel
from modules.config.paths import resolve_paths
from modules.imaging.reading import load_picture
from modules.pipeline import conditioning
from modules.schema.requests import Img2ImgRequest, Txt2ImgRequest
from modules.services import job_pictures
from modules.services.build import Services, running_services
from modules.services.options import EngineOptions
from tests.services.jobs_to_end import drawing, ended, img2img, made, txt2img

log = logging.getLogger(__name__)

COUNT = 50
"""Faults at each place."""
STEPS = 4
KINDS = ("txt2img", "hires", "img2img")
MOST_GROWTH = 1.05
"""Of the memory of the process, from before the first fault to after the last one."""


def device_lacks() -> Exception:
    return torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


PLACES: dict[str, tuple[Any, str, Callable[[], Exception]]] = {
    "text": (conditioning, "encode_texts", device_lacks),
    "step": (LoadedModel, "predict", device_lacks),
    "decode": (LoadedModel, "decode", device_lacks),
    "save": (job_pictures, "encode_png", MemoryError),  # no device is asked there
}


def request(services: Services, number: int) -> Txt2ImgRequest | Img2ImgRequest:
    """No two numbers have a prompt in common, so that a text which could not be encoded is in no memory."""
    fields = {"steps": STEPS, "prompt": f"a red house {number}", "seed": number, "negative_prompt": f"night {number}"}
    match KINDS[number % len(KINDS)]:
        case "txt2img":
            return txt2img(**fields)
        case "hires":
            return txt2img(**fields, enable_hr=True, hr_scale=2, denoising_strength=0.99)
        case _:
            return img2img(**fields, init_images=[services.inputs.add(drawing(seed=number))])


def calls_of_the_network(number: int) -> int:
    return 2 * STEPS if KINDS[number % len(KINDS)] == "hires" else STEPS


@contextmanager
def lacking(place: str, call: int) -> Iterator[list[int]]:
    """From that call of a place on memory runs out, each time when the result of the call is in it too.

    Gives the calls that failed.
    """
    owner, name, error = PLACES[place]
    real: Callable[..., Any] = getattr(owner, name)
    calls, failed = 0, []

    def lacks(*values: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        result = real(*values, **named)
        if calls < call:
            return result
        failed.append(calls)
        raise error()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, lacks)
        yield failed


def pixels(services: Services, number: int) -> np.ndarray:
    (picture,) = made(services, request(services, number))
    return np.asarray(load_picture(services.paths.outputs / picture.path))


@contextmanager
def fresh_services(folder: Path) -> Iterator[Services]:
    with running_services(resolve_paths(data_dir=folder), EngineOptions(use_cpu=True, precision="full")) as services:
        yield services


def resident() -> float:
    """Of this process, in MiB."""
    return float(psutil.Process().memory_info().rss) / 2**20


def test_jobs_after_memory_ran_out_are_as_if_it_never_had(tmp_path: Path) -> None:
    """200 of 200: 50 faults in texts, steps, decoding and saving each, every one followed by the job itself."""
    faults = [(place, number) for number in range(COUNT) for place in PLACES]
    with fresh_services(tmp_path / "before") as services:
        wanted = [pixels(services, number) for number in range(len(faults))]
    with fresh_services(tmp_path / "after") as services:
        for number in range(len(KINDS)):
            pixels(services, len(faults) + number)  # each kind has its libraries and its model from now on
        base, figures = resident(), []
        for number, (place, turn) in enumerate(faults):
            with lacking(place, 1 + turn % calls_of_the_network(number) if place == "step" else 1) as failed:
                job = ended(services, services.generate.submit(request(services, number)))
            assert failed, f"{place} was never asked"
            assert job.state == "failed" and "smaller" in (job.error or ""), (place, job.error)
            assert services.pictures.of_job(job.id) == []
            assert np.array_equal(pixels(services, number), wanted[number]), (place, turn)
            figures.append(resident())
        log.info("MiB before %.0f, at most %.0f, after %d faults %.0f", base, max(figures), len(faults), figures[-1])
        assert figures[-1] <= MOST_GROWTH * base
        assert not any((services.paths.cache / "parts").glob("*"))
