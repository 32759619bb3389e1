"""What A1111's extensions do with pictures that are saved: callbacks before and after, and parameters of theirs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import numpy as np
from PIL import Image

from modules.compat.not_here import PartOfA1111
from modules.compat.processing import Processing
from modules.hooks import Resolved, SavedContext, SavingChange, SavingContext
from modules.imaging.reading import load_picture
from modules.schema.infotext import Infotext, parse_infotext

_TEXT = "parameters"
"""Under which name A1111 keeps an infotext."""


class ImageSaveParams(PartOfA1111):
    """What a callback is told of a picture that is about to be saved. Its file has no name yet."""

    a1111_name = "ImageSaveParams"
    image: Any

    def __init__(self, image: Image.Image, p: Processing | None, pnginfo: dict[str, Any]) -> None:
        self.image = image
        self.p = p
        self.pnginfo = pnginfo


class SavedParams(PartOfA1111):
    """What a callback is told of a picture that is on the disk."""

    a1111_name = "ImageSaveParams"

    def __init__(self, context: SavedContext) -> None:
        self._path = context.path
        self.filename = str(context.path)
        self.p = _processing(context)
        self.pnginfo = {_TEXT: context.infotext}

    @cached_property
    def image(self) -> Image.Image:
        """The picture, read when somebody asks for it."""
        return load_picture(self._path)


def before_saving(
    context: SavingContext, callbacks: tuple[Callable[[ImageSaveParams], object], ...], further: Mapping[str, str]
) -> SavingChange | None:
    """What the callbacks make of a picture; `further` are parameters that its infotext gets besides.

    Raises NotImplementedError for a change that is not here, and whatever a callback raises.
    """
    parameters = dict(further)
    pixels = None
    if callbacks:
        image = Image.fromarray(context.pixels)
        params = ImageSaveParams(image, _processing(context), {_TEXT: context.infotext})
        for callback in callbacks:
            callback(params)
        if "filename" in vars(params):
            raise NotImplementedError("naming the file in on_before_image_saved is not here")
        parameters |= _added(context.infotext, params.pnginfo)
        mode = "RGBA" if params.image.mode == "RGBA" else "RGB"
        made = np.array(params.image.convert(mode))
        pixels = None if np.array_equal(made, context.pixels) else made
    return SavingChange(pixels=pixels, parameters=parameters) if parameters or pixels is not None else None


def after_saving(context: SavedContext, callbacks: tuple[Callable[[SavedParams], object], ...]) -> None:
    """Tell the callbacks of a picture that is there. Raises whatever one raises."""
    if callbacks:
        params = SavedParams(context)
        for callback in callbacks:
            callback(params)


def index_of(request: Resolved, context: SavingContext | SavedContext) -> int:
    """The place in its request of a picture that is saved, which its seeds tell; the first where they do not."""
    told = parse_infotext(context.infotext).parameters
    places = range(request.picture_count)
    of_seed = [one for one in places if str(request.seed_of(one)) == told.get("Seed")]
    of_both = [one for one in of_seed if str(request.subseed_of(one)) == told.get("Variation seed")]
    return next(iter(of_both or of_seed), 0)


def _processing(context: SavingContext | SavedContext) -> Processing | None:
    return None if context.request is None else Processing(context.request)


def _added(before: str, pnginfo: Mapping[str, Any]) -> dict[str, str]:
    """The parameters that callbacks added to an infotext. Raises NotImplementedError for any other change."""
    if others := sorted(pnginfo.keys() - {_TEXT}):
        raise NotImplementedError(f"another text in the picture's file (pnginfo[{others[0]!r}]) is not here")
    after = str(pnginfo.get(_TEXT, ""))
    if after == before:
        return {}
    old, new = parse_infotext(before), parse_infotext(after)
    if _without(new, new.parameters.keys() - old.parameters.keys()) != _without(old, set()):
        raise NotImplementedError(
            "changing an infotext in on_before_image_saved is not here: parameters may be added at its end"
        )
    return {key: value for key, value in new.parameters.items() if key not in old.parameters}


def _without(infotext: Infotext, keys: set[str]) -> tuple[str, str, dict[str, str]]:
    kept = {key: value for key, value in infotext.parameters.items() if key not in keys}
    return infotext.prompt, infotext.negative_prompt, kept
