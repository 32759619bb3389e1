"""Border and watermark: a frame around every finished picture, and a text or a picture upon it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from modules.hooks import (
    Arguments,
    Choice,
    Colour,
    Drafting,
    ImageContext,
    InvalidRequest,
    NewPicture,
    Number,
    Picture,
    PostprocessingContext,
    PostprocessingStep,
    Resolved,
    ResultAction,
    ResultAnswer,
    ResultContext,
    Section,
    Text,
    hookimpl,
    infotext_parameters,
    sides_of,
)

PIXELS, PERCENT = "Pixels", "Percent of the shorter side"
MOST_PERCENT, MOST_SIDE = 50, 16_384
POSITIONS = {
    f"{down} {across}".strip().capitalize(): (x, y)
    for y, down in ((0.0, "top"), (0.5, "middle"), (1.0, "bottom"))
    for x, across in ((0.0, "left"), (0.5, "centre"), (1.0, "right"))
}
"""Where a watermark lies, as shares of the room that it leaves."""
_SMALLEST_FONT = 6


BORDER = Number(
    name="border",
    label="Border width",
    help="0: none",
    key="Border width",
    default=0,
    minimum=0,
    maximum=1000,
    step=1,
)
ARGUMENTS = (
    BORDER,
    Choice(name="unit", label="Border width is in", key="Border unit", choices=(PIXELS, PERCENT), default=PIXELS),
    Colour(name="border_colour", label="Border colour", key="Border colour", default="#ffffff"),
    Text(name="text", label="Watermark text", key="Watermark text"),
    Picture(
        name="picture",
        label="Watermark picture",
        help="what is transparent in it stays so",
        key="Watermark picture",
    ),
    Choice(
        name="position",
        label="Watermark position",
        key="Watermark position",
        choices=tuple(POSITIONS),
        default="Bottom right",
    ),
    Number(
        name="size",
        label="Watermark size (%)",
        help="height of the text, longer side of the picture, as a share of the shorter side",
        key="Watermark size",
        default=6,
        minimum=1,
        maximum=100,
        step=0.5,
    ),
    Number(
        name="opacity",
        label="Watermark opacity (%)",
        key="Watermark opacity",
        default=70,
        minimum=0,
        maximum=100,
    ),
    Number(
        name="margin",
        label="Watermark margin (%)",
        help="distance from the edge, as a share of the shorter side",
        key="Watermark margin",
        default=2,
        minimum=0,
        maximum=25,
        step=0.5,
    ),
    Colour(name="text_colour", label="Text colour", key="Watermark colour", default="#ffffff"),
)


class BorderAndWatermark(Section):
    """Finishes pictures for being shown elsewhere; what was painted is not changed."""

    name = "Border and watermark"
    help = "puts a border around every finished picture, and a text or a picture upon it"
    arguments = ARGUMENTS

    def check(self, request: Resolved, arguments: Arguments, context: Drafting) -> None:
        check_border(arguments)
        check_size(arguments, *sides_of(request, context.input_size))

    def process_image(self, context: ImageContext) -> np.ndarray:
        return finished(context.pixels, context.arguments, context.picture)


class BorderAndWatermarkStep(PostprocessingStep):
    """The same for pictures in Extras."""

    name = BorderAndWatermark.name
    help = "puts a border around every result, and a text or a picture upon it"
    arguments = ARGUMENTS

    def check(self, arguments: Arguments) -> None:
        check_border(arguments)

    def process(self, context: PostprocessingContext) -> np.ndarray:
        return finished(context.pixels, context.arguments, context.picture)


class BorderAndWatermarkButton(ResultAction):
    """The same for one finished picture, which stays as it is."""

    name = "border-and-watermark"
    label = "Border and watermark"
    help = "saves a copy with a border around it, and a text or a picture upon it"
    audience = "user"
    arguments = (replace(BORDER, default=16), *ARGUMENTS[1:])

    def act(self, context: ResultContext) -> ResultAnswer:
        arguments = context.arguments
        check_border(arguments)
        check_size(arguments, context.width, context.height)
        pixels = finished(context.pixels(), arguments, context.picture)
        return ResultAnswer(pictures=[NewPicture(pixels=pixels, parameters=infotext_parameters(ARGUMENTS, arguments))])


def check_border(arguments: Arguments) -> None:
    """Raise InvalidRequest for a border that is wider than any picture should have."""
    if arguments["unit"] == PERCENT and arguments["border"] > MOST_PERCENT:
        remedy = f"The most is {MOST_PERCENT} percent."
        raise InvalidRequest(BORDER.label, arguments["border"], "is too large", remedy)


def check_size(arguments: Arguments, width: int, height: int) -> None:
    """Raise InvalidRequest for a border that makes a picture larger than pictures may be."""
    if max(width, height) + 2 * border_pixels(arguments, width, height) > MOST_SIDE:
        problem = f"makes a picture of {width} x {height} larger than {MOST_SIDE} pixels a side"
        raise InvalidRequest(BORDER.label, arguments["border"], problem, "Choose a narrower one.")


def finished(pixels: np.ndarray, arguments: Arguments, picture: Callable[[str], np.ndarray]) -> np.ndarray:
    """A picture, (height, width, 3 or 4) uint8, with what the arguments say; `picture` gives a stored one by its id."""
    if arguments["text"].strip():
        pixels = with_mark(pixels, text_mark(arguments, *_room(pixels, arguments)), arguments)
    if arguments["picture"]:
        pixels = with_mark(pixels, picture_mark(picture(arguments["picture"]), *_room(pixels, arguments)), arguments)
    return with_border(pixels, border_pixels(arguments, pixels.shape[1], pixels.shape[0]), arguments["border_colour"])


def border_pixels(arguments: Arguments, width: int, height: int) -> int:
    """How wide the border of a picture is."""
    border: float = arguments["border"]
    return round(border if arguments["unit"] == PIXELS else min(width, height) * border / 100)


def with_border(pixels: np.ndarray, border: int, colour: str) -> np.ndarray:
    """A picture, (height, width, 3 or 4) uint8, in a larger one of that colour."""
    height, width, channels = pixels.shape
    framed = np.empty((height + 2 * border, width + 2 * border, channels), np.uint8)
    framed[:] = _channels(colour, channels)
    framed[border : border + height, border : border + width] = pixels
    return framed


def text_mark(arguments: Arguments, room: tuple[int, int], size: int) -> np.ndarray:
    """The text, (height, width, 4) uint8: smaller than `size` pixels high where it would not fit into the room."""
    text = " ".join(arguments["text"].split())
    font = ImageFont.load_default(max(size, _SMALLEST_FONT))
    needed = font.getlength(text)
    if needed > room[0]:
        font = ImageFont.load_default(max(size * room[0] / needed, _SMALLEST_FONT))
    left, top, right, bottom = font.getbbox(text)
    mask = Image.new("L", (max(1, round(right - left)), max(1, round(bottom - top))))
    ImageDraw.Draw(mask).text((-left, -top), text, fill=255, font=font)
    mark = np.empty((mask.height, mask.width, 4), np.uint8)
    mark[:] = _channels(arguments["text_colour"], 4)
    mark[..., 3] = np.array(mask)
    return mark[: room[1], : room[0]]


def picture_mark(pixels: np.ndarray, room: tuple[int, int], size: int) -> np.ndarray:
    """The watermark picture, (height, width, 4) uint8, its longer side `size` pixels or what the room allows."""
    picture = Image.fromarray(pixels, "RGBA")
    factor = min(size / max(picture.size), room[0] / picture.width, room[1] / picture.height)
    sides = max(1, round(picture.width * factor)), max(1, round(picture.height * factor))
    return np.array(picture.resize(sides, Image.Resampling.LANCZOS))


def with_mark(pixels: np.ndarray, mark: np.ndarray, arguments: Arguments) -> np.ndarray:
    """A picture, (height, width, 3 or 4) uint8, with a mark, (height, width, 4) uint8, upon it."""
    margin = _margin(pixels, arguments)
    share_x, share_y = POSITIONS[arguments["position"]]
    x = margin + round((pixels.shape[1] - 2 * margin - mark.shape[1]) * share_x)
    y = margin + round((pixels.shape[0] - 2 * margin - mark.shape[0]) * share_y)
    marked = pixels.copy()
    part = marked[y : y + mark.shape[0], x : x + mark.shape[1]]
    weight = mark[..., 3:] / 255 * (arguments["opacity"] / 100)
    part[..., :3] = np.rint(part[..., :3] * (1 - weight) + mark[..., :3] * weight)
    if part.shape[2] == 4:
        part[..., 3:] = np.rint(part[..., 3:] + (255 - part[..., 3:]) * weight)
    return marked


def _room(pixels: np.ndarray, arguments: Arguments) -> tuple[tuple[int, int], int]:
    """Width and height between the margins, and how large a mark is wanted, in pixels."""
    margin, (height, width) = _margin(pixels, arguments), pixels.shape[:2]
    size = max(1, round(min(width, height) * arguments["size"] / 100))
    return (max(1, width - 2 * margin), max(1, height - 2 * margin)), size


def _margin(pixels: np.ndarray, arguments: Arguments) -> int:
    margin: int = round(min(pixels.shape[:2]) * arguments["margin"] / 100)
    return margin


def _channels(colour: str, channels: int) -> list[int]:
    """#rrggbb as numbers, with full opacity where there is alpha."""
    return [*bytes.fromhex(colour[1:]), 255][:channels]


@hookimpl
def register_sections() -> list[Section]:
    """The section."""
    return [BorderAndWatermark()]


@hookimpl
def register_postprocessing() -> list[PostprocessingStep]:
    """The step."""
    return [BorderAndWatermarkStep()]


@hookimpl
def register_result_actions() -> list[ResultAction]:
    """The button."""
    return [BorderAndWatermarkButton()]
