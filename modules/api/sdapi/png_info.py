"""What a picture file says of how it was made."""

from __future__ import annotations

import tempfile
from pathlib import Path

from fastapi import APIRouter
from pydantic import BaseModel

from modules.api.sdapi.image_bodies import content_of
from modules.api.sdapi.routes import SdapiBody
from modules.imaging.encoding import PARAMETERS_KEY
from modules.imaging.reading import read_texts
from modules.schema.infotext import parse_infotext
from modules.services.build import Services

_WHERE_NOTHING_IS_SAID: dict[str, str | int | bool] = {
    "Clip skip": "1",
    "Hires resize-1": 0,
    "Hires resize-2": 0,
    "Hires sampler": "Use same sampler",
    "Hires schedule type": "Use same scheduler",
    "Hires checkpoint": "Use same checkpoint",
    "Hires prompt": "",
    "Hires negative prompt": "",
    "Mask mode": "Inpaint masked",
    "Masked content": "original",
    "Inpaint area": "Whole picture",
    "Masked area padding": 32,
    "RNG": "GPU",
    "Schedule type": "Automatic",
    "Schedule max sigma": 0,
    "Schedule min sigma": 0,
    "Schedule rho": 0,
    "VAE Encoder": "Full",
    "VAE Decoder": "Full",
    "FP8 weight": "Disable",
    "Refiner switch by sampling steps": False,
}
"""What a key means that an infotext leaves out, as A1111's clients expect it."""


_WITH_EXIF = (b"\xff\xd8", b"RIFF")
"""How JPEG and WebP files begin."""
_EXIF_COMMENT = "exif comment"


class PngInfoBody(SdapiBody):
    """A picture."""

    image: str
    """In base64, or a web address."""


class PngInfoAnswer(BaseModel):
    """What it says."""

    info: str
    """Its infotext; empty where it has none."""
    items: dict[str, str]
    """Its other texts; of a JPEG or WebP the infotext, too, as A1111 has it."""
    parameters: dict[str, str | int | bool]
    """The infotext taken apart."""


def png_info_routes(router: APIRouter, services: Services) -> None:
    """Add the route."""

    @router.post("/png-info")
    def png_info(body: PngInfoBody) -> PngInfoAnswer:
        """Read the texts of a picture."""
        content = content_of(services, body.image, "image")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "picture")
            path.write_bytes(content)
            texts = read_texts(path)
        infotext = texts.pop(PARAMETERS_KEY, "")
        if infotext and content.startswith(_WITH_EXIF):
            texts[_EXIF_COMMENT] = infotext
        parsed = parse_infotext(infotext)
        prompts = {"Prompt": parsed.prompt, "Negative prompt": parsed.negative_prompt}
        parameters = {**_WHERE_NOTHING_IS_SAID, **prompts, **parsed.parameters}
        return PngInfoAnswer(info=infotext, items=texts, parameters=parameters)
