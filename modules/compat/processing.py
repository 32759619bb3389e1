"""A1111's `modules.processing`: a request as its scripts see it, and painting it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, get_args

import numpy as np
from PIL import Image

from modules.compat.not_here import PartOfA1111
from modules.compat.surroundings import A1111Module
from modules.hooks import PaintedResult, Resolved, ScriptContext, typed
from modules.schema.field_types import MaskedContentName, ResizeModeName

_RENAMED = {"batch_count": "n_iter"}
"""Ours -> A1111's, where they differ."""
_PICTURES = frozenset({"init_images", "mask", "firstpass_image"})
_PROMPTS = frozenset({"prompt", "negative_prompt", "hr_prompt", "hr_negative_prompt"})
_NOT_THEIRS = frozenset(
    {"template", "negative_template", "hr_template", "hr_negative_template", "prompts", "negative_prompts"}
    | {"hr_prompts", "hr_negative_prompts", "script_name", "script_args"}
)
_NUMBERED: dict[str, tuple[str, ...]] = {
    "inpainting_fill": get_args(MaskedContentName),
    "resize_mode": get_args(ResizeModeName),
}
"""Fields that A1111 gives as the place in a list; requests read that too."""


class Processing(PartOfA1111):
    """What A1111 calls `p`: the request's fields under A1111's names, which a script reads and changes."""

    a1111_name = "p"
    iteration = 0
    """The number of the batch."""
    prompt: str
    negative_prompt: str
    seed: int
    width: int
    height: int
    all_prompts: list[str]
    all_negative_prompts: list[str]
    all_seeds: list[int]
    all_subseeds: list[int]
    prompts: list[str]
    negative_prompts: list[str]
    seeds: list[int]
    subseeds: list[int]

    def __init__(self, request: Resolved, pixels: Callable[[str], np.ndarray] | None = None) -> None:
        """Without `pixels` it has no pictures, and none can be put in."""
        for name, value in request.model_dump().items():
            if name not in _NOT_THEIRS | _PICTURES:
                setattr(self, _RENAMED.get(name, name), _theirs(name, value))
        for name in _PROMPTS & type(request).model_fields.keys():
            setattr(self, name, typed(request, name))
        self.styles = list(request.styles)
        self.extra_generation_params: dict[str, Any] = {}
        self.override_settings: dict[str, Any] = {}
        self.do_not_save_samples = False
        self.do_not_save_grid = False
        self.mask_blur = getattr(request, "mask_blur_x", 0)
        inputs = _inputs(request) if pixels else ()
        mask = getattr(request, "mask", None) if pixels else None
        self.init_images = [Image.fromarray(pixels(one)) for one in inputs] if pixels else []
        self.image_mask = Image.fromarray(pixels(mask)).convert("L") if pixels and mask else None
        self.request = request
        self._before = self._fields()
        self._blur = self.mask_blur
        self._inputs = inputs
        self._pictures = {id(one): name for one, name in zip(self.init_images, inputs, strict=True)}
        self._mask = self.image_mask

    def changes(self, keep: Callable[[np.ndarray], str]) -> dict[str, Any]:
        """What a script changed, in our fields; pictures that it put in are stored by `keep`."""
        now = self._fields()
        changed = {name: value for name, value in now.items() if value != self._before[name]}
        if self.mask_blur != self._blur:
            changed |= {"mask_blur_x": self.mask_blur, "mask_blur_y": self.mask_blur}
        inputs = tuple(self._pictures.get(id(one)) or keep(_pixels_of(one)) for one in self.init_images)
        if inputs != self._inputs:
            changed["init_images"] = inputs
        if self.image_mask is not self._mask:
            changed["mask"] = keep(_pixels_of(self.image_mask)) if self.image_mask is not None else None
        return changed

    def _fields(self) -> dict[str, Any]:
        names = type(self.request).model_fields.keys() - _NOT_THEIRS - _PICTURES
        values = {name: getattr(self, _RENAMED.get(name, name)) for name in names}
        return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


@dataclass
class Processed:
    """What A1111's scripts return: pictures and what they are of."""

    p: Processing
    images_list: list[Any] = field(default_factory=list)
    seed: int = -1
    info: str = ""
    infotexts: list[str] = field(default_factory=list)
    all_prompts: list[str] = field(default_factory=list)
    all_seeds: list[int] = field(default_factory=list)
    index_of_first_image: int = 0
    comments: str = ""

    def __post_init__(self) -> None:
        self.images = self.images_list
        self.prompt = getattr(self.p, "prompt", "")
        self.negative_prompt = getattr(self.p, "negative_prompt", "")
        self.width, self.height = self.p.width, self.p.height
        self.infotexts = self.infotexts or [self.info] * len(self.images)


class Painting:
    """One run of a script: what `process_images` paints with, and which pictures came of it."""

    def __init__(self, base: Resolved, context: ScriptContext) -> None:
        self.context = context
        self.processing = Processing(base, context.input_pixels)
        self._painted: set[int] = set()
        self._alive: list[Any] = []  # an id is of one object only as long as that lives
        self._asked: tuple[Resolved, Processing] | None = None

    def parameters_of(self, request: Resolved | None) -> dict[str, Any]:
        """What the script adds to the infotexts of a request that is being painted for it."""
        if self._asked is None or request is None or self._asked[0] != request:
            return {}
        return self._asked[1].extra_generation_params

    def process(self, p: Processing) -> Processed:
        """Paint what `p` says. Raises whatever painting raises."""
        request = self.context.changed(p.request, p.changes(self.context.keep))
        self._asked = request, p
        results = self.context.paint(request, shown=not p.do_not_save_samples)
        self._asked = None
        images = [self._image(one, not p.do_not_save_samples) for one in results]
        return Processed(
            p,
            images,
            seed=request.seed,
            info=results[0].infotext if results else "",
            infotexts=[one.infotext for one in results],
            all_prompts=[request.prompt_of(one.index) for one in results],
            all_seeds=[request.seed_of(one.index) for one in results],
        )

    def save(self, returned: object) -> None:
        """Keep the pictures that a script put together itself."""
        if not isinstance(returned, Processed):
            return
        for image in returned.images:
            if image is not None:
                self.keep_image(image, returned.p)

    def keep_image(self, image: Any, p: Processing | None = None) -> None:
        """Store a picture among the results, unless it is one already."""
        if id(image) in self._painted:
            return
        self._painted.add(id(image))
        self._alive.append(image)
        extra = (p or self.processing).extra_generation_params
        self.context.save_grid(_pixels_of(image), {str(name): str(value) for name, value in extra.items()})

    def _image(self, result: PaintedResult, is_saved: bool) -> Image.Image:
        image = Image.fromarray(result.pixels)
        self._alive.append(image)
        if is_saved:
            self._painted.add(id(image))
        return image


def processing_module(process: Callable[[Processing], Processed]) -> A1111Module:
    """The module; `process` is what `process_images` does."""
    return A1111Module(
        "modules.processing",
        {
            "Processed": Processed,
            "StableDiffusionProcessing": Processing,
            "StableDiffusionProcessingTxt2Img": Processing,
            "StableDiffusionProcessingImg2Img": Processing,
            "process_images": process,
            "fix_seed": lambda p: None,  # a job's seeds are drawn when it is accepted
        },
    )


def _inputs(request: Resolved) -> tuple[str, ...]:
    return tuple(getattr(request, "init_images", ()))


def _theirs(name: str, value: Any) -> Any:
    return _NUMBERED[name].index(value) if name in _NUMBERED and value in _NUMBERED[name] else value


def _pixels_of(image: Any) -> np.ndarray:
    picture = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    return np.asarray(picture.convert("RGB"))
