"""A1111's `modules.images`: pictures put together, resized and saved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PIL import Image

from modules.compat.processing import Painting
from modules.compat.surroundings import A1111Module
from modules.hooks import grid, grid_columns
from modules.imaging.resizing import RESIZE_MODES


def images_module(painting: Callable[[], Painting]) -> A1111Module:
    """The module; pictures are saved by the `painting` of the moment."""

    def save_image(image: Image.Image, *args: Any, p: Any = None, **kwargs: Any) -> tuple[str, None]:
        """Keep a picture of this job. Its file is named as all are, so that the path is told by the gallery alone."""
        painting().keep_image(image, p)
        return "", None

    return A1111Module(
        "modules.images", {"image_grid": image_grid, "resize_image": resize_image, "save_image": save_image}
    )


def image_grid(imgs: Sequence[Image.Image], batch_size: int = 1, rows: int | None = None) -> Image.Image:
    """Pictures side by side; without `rows` nearly a square."""
    columns = -(-len(imgs) // rows) if rows else grid_columns(len(imgs))
    return Image.fromarray(grid([np.asarray(one.convert("RGB")) for one in imgs], columns))


def resize_image(
    resize_mode: int, im: Image.Image, width: int, height: int, upscaler_name: str | None = None
) -> Image.Image:
    """Stretched (0), cropped (1) or filled (2), with Lanczos."""
    if upscaler_name not in (None, "", "None", "Lanczos"):
        raise NotImplementedError(f"A1111's modules.images.resize_image with {upscaler_name!r} is not here")
    mode = list(RESIZE_MODES.values())[resize_mode]
    return Image.fromarray(mode(np.asarray(im.convert("RGB")), width, height))
