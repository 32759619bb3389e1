"""What a person does with a finished picture in one click: the requests that follow from its own parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from PIL import Image

from modules.config.extras_words import USUAL_UPSCALER
from modules.errors import InvalidRequest
from modules.gallery.inputs import InputPictures
from modules.hooks.sampling_registry import SamplingRegistry
from modules.imaging.reading import LISTED_FORMATS, load_picture
from modules.schema.pictures import Picture
from modules.schema.requests import SIDE_STEP, Img2ImgRequest, Request, Task, Txt2ImgRequest
from modules.services.pictures import PictureService
from modules.services.sections import SectionService

Variation = Literal["subtle", "strong"]
Direction = Literal["left", "right", "up", "down"]

VARIATION_STRENGTHS: dict[Variation, float] = {"subtle": 0.15, "strong": 0.4}
"""Variation seed strengths."""
RESTART_STRENGTHS: dict[Variation, float] = {"subtle": 0.3, "strong": 0.55}
"""Denoising strengths, for what is a variation already."""
UPSCALE_STRENGTH = 0.4
"""The second pass changes a picture that somebody liked by no more."""
OUTPAINT_STRENGTH = 0.9
_MARGINS: dict[Direction, str] = {
    "left": "outpaint_left",
    "right": "outpaint_right",
    "up": "outpaint_top",
    "down": "outpaint_bottom",
}


class RemixService:
    """Turns a picture and a wish into a request; nothing is queued here."""

    def __init__(
        self, pictures: PictureService, inputs: InputPictures, sections: SectionService, sampling: SamplingRegistry
    ) -> None:
        self._pictures = pictures
        self._inputs = inputs
        self._sections = sections
        self._sampling = sampling

    def request(self, picture: Picture, wish: str) -> Txt2ImgRequest | Img2ImgRequest:
        """What a wish of WISHES asks for. Raises InvalidRequest."""
        if wish not in WISHES:
            raise InvalidRequest("Wish", wish, "is not known", f"Choose one of: {', '.join(WISHES)}.")
        return WISHES[wish](self, picture)

    def request_of(self, picture: Picture) -> Txt2ImgRequest | Img2ImgRequest:
        """The request that makes a picture again. Raises InvalidRequest for a picture without parameters."""
        if not picture.infotext:
            raise InvalidRequest("Picture", picture.path, "says nothing of how it was made", "Choose another one.")
        request = self._pictures.read_text(picture.infotext).request
        plain: dict[str, Any] = {"script_name": None, "script_args": {}}  # a grid is one picture here
        if request.eta is None and request.sampler_name is not None:
            sampler = self._sampling.names.find_sampler(request.sampler_name)
            plain["eta"] = sampler.usual_eta  # not that of the settings
        return request.model_copy(update=plain)

    def begin_with(self, picture: Picture, fields: Mapping[str, Any]) -> Img2ImgRequest:
        """A request of img2img with a picture's words and settings that begins with it, at its size.

        `fields` go before these. Raises InvalidRequest for what cannot be used, and for a picture without parameters.
        """
        request = self.request_of(picture)
        image = self._image(picture)
        width, height = _whole_latents(image.size)
        own = {"width": width, "height": height, "init_images": (self._inputs.add(image),)}
        return Img2ImgRequest.of({**self._shared(request, "img2img"), **own, **fields})

    def vary(self, picture: Picture, how: Variation) -> Txt2ImgRequest | Img2ImgRequest:
        """The same picture a little or a good deal different: its noise is turned towards a new seed's.

        A variation's noise lies between two seeds already, and a request can name no third: so that one is painted
        from itself with img2img and a new seed, at RESTART_STRENGTHS. Raises InvalidRequest for a picture without
        parameters.
        """
        request = self.request_of(picture)
        if not request.subseed_strength:
            return request.model_copy(update={"subseed": -1, "subseed_strength": VARIATION_STRENGTHS[how]})
        image = self._image(picture)
        width, height = _whole_latents(image.size)
        return Img2ImgRequest.of(
            {
                **self._shared(request, "img2img"),
                "seed": -1,
                "subseed": -1,
                "subseed_strength": 0,
                "width": width,
                "height": height,
                "init_images": (self._inputs.add(image),),
                "denoising_strength": RESTART_STRENGTHS[how],
            }
        )

    def upscale(self, picture: Picture, *, factor: float = 2.0, upscaler: str = USUAL_UPSCALER) -> Txt2ImgRequest:
        """A second pass on a finished picture; the first is not painted again.

        Raises InvalidRequest for a picture without parameters or one that is too large.
        """
        request = self.request_of(picture)
        image = self._image(picture)
        width, height = (side // SIDE_STEP * SIDE_STEP for side in image.size)
        return Txt2ImgRequest.of(
            {
                **self._shared(request, "txt2img"),
                "width": width,
                "height": height,
                "enable_hr": True,
                "hr_scale": factor,
                "hr_upscaler": upscaler,
                "denoising_strength": UPSCALE_STRENGTH,
                "firstpass_image": self._inputs.add(image),
            }
        )

    def zoom_out(self, picture: Picture, factor: float = 1.5) -> Img2ImgRequest:
        """The picture as the middle of a larger scene, at its own size. Raises InvalidRequest."""
        image = self._image(picture)
        across, down = (round(side * (factor - 1) / 2) for side in image.size)
        margins = {"outpaint_left": across, "outpaint_right": across, "outpaint_top": down, "outpaint_bottom": down}
        return self._outpainted(picture, image, margins, image.size)

    def pan(self, picture: Picture, direction: Direction, share: float = 0.5) -> Img2ImgRequest:
        """The picture with more of its scene on one side. Raises InvalidRequest."""
        image = self._image(picture)
        side = image.width if direction in ("left", "right") else image.height
        added = round(side * share / SIDE_STEP) * SIDE_STEP
        width = image.width + (added if direction in ("left", "right") else 0)
        height = image.height + (added if direction in ("up", "down") else 0)
        return self._outpainted(picture, image, {_MARGINS[direction]: added}, (width, height))

    def _outpainted(
        self, picture: Picture, image: Image.Image, margins: dict[str, int], size: tuple[int, int]
    ) -> Img2ImgRequest:
        request = self.request_of(picture)
        width, height = _whole_latents(size)
        return Img2ImgRequest.of(
            {
                **self._shared(request, "img2img"),
                **margins,
                "width": width,
                "height": height,
                "init_images": (self._inputs.add(image),),
                "denoising_strength": OUTPAINT_STRENGTH,
                "inpainting_fill": "fill",
                "outpaint_feather": max(SIDE_STEP, min(image.size) // 16),
            }
        )

    def _shared(self, request: Txt2ImgRequest | Img2ImgRequest, task: Task) -> dict[str, object]:
        """The fields that all tasks have, for a request of a task that begins with the finished picture."""
        sections = self._sections.unprocessed(request.sections, task)
        return {name: getattr(request, name) for name in Request.model_fields} | {"sections": sections}

    def _image(self, picture: Picture) -> Image.Image:
        return load_picture(self._pictures.file(picture), LISTED_FORMATS).convert("RGB")


WISHES: dict[str, Callable[[RemixService, Picture], Txt2ImgRequest | Img2ImgRequest]] = {
    "upscale": lambda remix, picture: remix.upscale(picture),
    "vary-subtle": lambda remix, picture: remix.vary(picture, "subtle"),
    "vary-strong": lambda remix, picture: remix.vary(picture, "strong"),
    "zoom-out-1-5": lambda remix, picture: remix.zoom_out(picture, 1.5),
    "zoom-out-2": lambda remix, picture: remix.zoom_out(picture, 2.0),
    "pan-left": lambda remix, picture: remix.pan(picture, "left"),
    "pan-right": lambda remix, picture: remix.pan(picture, "right"),
    "pan-up": lambda remix, picture: remix.pan(picture, "up"),
    "pan-down": lambda remix, picture: remix.pan(picture, "down"),
}
"""What can be asked for with one click, by the names that pages and programs use."""


def _whole_latents(size: tuple[int, int]) -> tuple[int, int]:
    """Width and height as near to a size as latents have them."""
    width, height = (max(SIDE_STEP, round(side / SIDE_STEP) * SIDE_STEP) for side in size)
    return width, height
