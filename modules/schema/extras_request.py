"""What a person asks for of finished pictures: enlarged, faces restored, cut up, mirrored; no checkpoint is needed.

The fields are flat and bear A1111's API names where it has them. Every default but the factor's is off.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from modules.schema.field_types import (
    CropObjective,
    CutArea,
    CutSide,
    FileStem,
    Flips,
    FolderName,
    Overlap,
    PictureIds,
    Scale,
    Sections,
    Share,
    Switch,
    UpscaledSide,
    UpscaleMode,
    UpscalerName,
)
from modules.schema.refusals import disagreement, refusal

AnyExtras = TypeVar("AnyExtras", bound="ExtrasRequest")


class ExtrasRequest(BaseModel):
    """Frozen; nothing is left to decide. What is done with each picture, in the order of the fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    task: ClassVar[Literal["extras"]] = "extras"

    images: PictureIds = ()

    upscaler_1: UpscalerName = None
    """None: the picture keeps its size, whatever the fields up to `max_side_length` say."""
    upscaler_2: UpscalerName = None
    extras_upscaler_2_visibility: Share = 0.0
    resize_mode: UpscaleMode = "Scale by"
    upscaling_resize: Scale = 2.0
    """How many times as wide and high."""
    upscaling_resize_w: UpscaledSide = 0
    """In pixels, for "Scale to". 0, where the other is given: so that the shape stays."""
    upscaling_resize_h: UpscaledSide = 0
    upscaling_crop: Switch = True
    """Whether what sticks out of width x height is cut off."""
    max_side_length: UpscaledSide = 0
    """In pixels: where a factor would lead further, it is made smaller. 0: no limit."""
    gfpgan_visibility: Share = 0.0
    codeformer_visibility: Share = 0.0
    codeformer_weight: Share = 0.5
    """0: the better face; 1: the more faithful one."""
    upscale_first: Switch = True
    """False: faces are restored before the picture is enlarged."""
    accept_noncommercial: Switch = False
    """Whether models may be used whose licence forbids commercial use."""

    split_oversized: Switch = False
    """Whether a long picture is cut into several of `crop_width` x `crop_height`."""
    split_threshold: Share = 0.5
    """Only pictures of which one part would show no more than this share are split."""
    overlap_ratio: Overlap = 0.2
    """Share of a part that the next one shows too, at least."""
    focal_crop: Switch = False
    """Whether the picture is cut to `crop_width` x `crop_height` where most is to be seen."""
    crop_width: CutSide = 512
    crop_height: CutSide = 512
    auto_sized_crop: Switch = False
    """Whether the picture is cut in its middle to the best size within the limits that follow."""
    min_side: CutSide = 384
    max_side: CutSide = 768
    min_area: CutArea = 64 * 64
    """In pixels."""
    max_area: CutArea = 640 * 640
    crop_objective: CropObjective = "Maximize area"
    crop_threshold: Share = 0.1
    """By how much the aspect ratio may change."""
    flipped_copies: Flips = ()
    """The mirrored copies that are made besides each picture."""
    postprocessing: Sections = {}
    """The steps of extensions that are on, each with values for its arguments; they have their own places between."""

    @model_validator(mode="after")
    def _agree(self) -> ExtrasRequest:
        if not self.images:
            raise disagreement("Input picture", "", "is missing", "Choose the picture to begin with.")
        if self.resize_mode == "Scale to" and not (self.upscaling_resize_w or self.upscaling_resize_h):
            raise disagreement("Upscale to", "0x0", "names no side", "Give a width, a height, or both.")
        if self.min_side > self.max_side:
            sides = f"{self.min_side} to {self.max_side}"
            raise disagreement("Sides of an auto-sized crop", sides, "leave no room", "Swap the two.")
        if self.min_area > self.max_area:
            areas = f"{self.min_area} to {self.max_area}"
            raise disagreement("Area of an auto-sized crop", areas, "leaves no room", "Swap the two.")
        return self

    @classmethod
    def of(cls: type[AnyExtras], fields: Mapping[str, Any]) -> AnyExtras:
        """Build one from untrusted values; None is a field that was not given.

        Raises InvalidRequest for the first that cannot be used.
        """
        try:
            return cls(**{name: value for name, value in fields.items() if value is not None})
        except ValidationError as error:
            raise refusal(error, cls.model_fields) from error

    def wanted_sides(self, width: int, height: int) -> tuple[int, int]:
        """Width and height that "Scale to" means for a picture of `width` x `height` pixels, before any crop."""
        wanted_width, wanted_height = self.upscaling_resize_w, self.upscaling_resize_h
        return (
            wanted_width or max(1, round(wanted_height * width / height)),
            wanted_height or max(1, round(wanted_width * height / width)),
        )


class ResolvedExtras(ExtrasRequest):
    """An ExtrasRequest as it is stored with its job."""

    names: tuple[FileStem, ...] = ()
    """What the results of each input are called, in the order of `images`; empty: by number."""
    folder: FolderName | None = None
    """Where the results go, below the folder of Extras; None: into that of the day."""
