"""The file format of the pictures in answers: PNG, or what A1111's settings of that say."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from modules.errors import UnreadablePicture
from modules.imaging.encoding import encode_png, encode_with_comment
from modules.imaging.reading import load_picture
from modules.schema.pictures import Picture
from modules.schema.refusals import refusal
from modules.services.build import Services

_LONGEST_WEBP_SIDE = 16_383
_SUFFIXES = {"png": ".png", "jpg": ".jpg", "jpeg": ".jpg", "webp": ".webp"}


class AnswerFormat(BaseModel):
    """What those of the server's settings say that A1111 has, too."""

    model_config = ConfigDict(frozen=True)

    samples_format: Literal["png", "jpg", "jpeg", "webp"] = "png"
    jpeg_quality: int = Field(default=80, ge=1, le=100)
    """Of WebP too."""
    webp_lossless: bool = False

    @field_validator("samples_format", mode="before")
    @classmethod
    def _lower(cls, value: Any) -> Any:
        return value.strip().lower() if isinstance(value, str) else value

    @classmethod
    def of_server(cls, services: Services, settings: Mapping[str, Any] | None = None) -> AnswerFormat:
        """What the server's settings say, or others that are given instead. Raises InvalidRequest."""
        current = services.settings.current
        return cls.of({name: getattr(current, name) for name in cls.model_fields}, settings or {})

    @classmethod
    def of(cls, *settings: Mapping[str, Any]) -> AnswerFormat:
        """What some settings say, later ones before earlier; None was not given. Raises InvalidRequest."""
        given = {name: row[name] for row in settings for name in cls.model_fields if row.get(name) is not None}
        try:
            return cls(**given)
        except ValidationError as error:
            raise refusal(error, cls.model_fields) from error

    def encoded(self, services: Services, picture: Picture) -> str:
        """The file of a finished picture in base64, with its parameters in it."""
        path = services.pictures.file(picture)
        return base64.b64encode(self._copy(path, picture.infotext) or path.read_bytes()).decode("ascii")

    def _copy(self, path: Path, infotext: str) -> bytes | None:
        """In another format than the file's; None where it has the right one, or no other can hold the picture."""
        wanted = _SUFFIXES[self.samples_format]
        if path.suffix.lower() == wanted:
            return None
        try:
            image = load_picture(path)
        except UnreadablePicture:  # a PNG may be larger than what is read; it was painted, and can be sent
            return None
        if wanted == ".png":
            return encode_png(np.asarray(image), infotext)
        if wanted == ".jpg":
            return encode_with_comment(image, "JPEG", infotext, quality=self.jpeg_quality)
        if max(image.size) > _LONGEST_WEBP_SIDE:
            return None
        return encode_with_comment(image, "WEBP", infotext, quality=self.jpeg_quality, lossless=self.webp_lossless)
