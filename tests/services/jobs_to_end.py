"""Jobs of every kind, followed to their end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

from modules.schema.jobs import Job
from modules.schema.pictures import Picture
from modules.schema.requests import Img2ImgRequest, Txt2ImgRequest
from modules.services.batches import Batch
from modules.services.build import Services
from tests.services.test_generate import until

QUICK: dict[str, Any] = {"steps": 2, "width": 64, "height": 64, "seed": 5, "sampler_name": "Euler a"}


def ended(services: Services, job: Job) -> Job:
    until(lambda: services.generate.job(job.id).is_over, seconds=120)
    return services.generate.job(job.id)


def made(services: Services, asked: Txt2ImgRequest | Img2ImgRequest | Batch) -> list[Picture]:
    """The pictures of a job that has to succeed."""
    generate = services.generate
    job = ended(services, generate.submit_batch(asked) if isinstance(asked, Batch) else generate.submit(asked))
    assert (job.state, job.error) == ("done", None)
    return services.pictures.of_job(job.id)


def txt2img(**fields: Any) -> Txt2ImgRequest:
    return Txt2ImgRequest.of({**QUICK, "prompt": "a red house", **fields})


def img2img(**fields: Any) -> Img2ImgRequest:
    return Img2ImgRequest.of({**QUICK, "prompt": "a red house", "denoising_strength": 1.0, **fields})


def drawing(width: int = 64, height: int = 64, *, mode: str = "RGB", seed: int = 0) -> Image.Image:
    """Smooth colours that no two seeds share."""
    colours = np.random.default_rng(seed).integers(0, 256, (3, 3, len(mode)), np.uint8)
    return Image.fromarray(colours, mode if mode == "RGBA" else None).resize((width, height), Image.Resampling.BICUBIC)


def drawn_file(path: Path, *, texts: dict[str, str] | None = None, **how: Any) -> Path:
    """A drawing in a file, with texts if it is a PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    info = PngImagePlugin.PngInfo()
    for key, text in (texts or {}).items():
        info.add_itxt(key, text)
    drawing(**how).save(path, pnginfo=info)  # other kinds of files take no notice of it
    return path
