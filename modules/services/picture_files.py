"""How pictures of a job become files: format, name and folder, as the settings say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from PIL import Image

from modules.config.files import write_atomically
from modules.config.settings_table import Settings
from modules.gallery.name_patterns import filled_folders, filled_stem
from modules.gallery.places import text_beside
from modules.imaging.encoding import comment_holds, encode_png, encode_with_comment
from modules.schema.requests import Resolved
from modules.services.finished_picture import FinishedPicture
from modules.services.picture_naming import NamedPicture, facts_of

_DATE = "[date]"
_NO_FOLDER = "."
_LONGEST_SIDES = {"jpg": 65_535, "webp": 16_383}
"""Larger pictures are PNG whatever is wanted."""


@dataclass(frozen=True)
class PictureFile:
    """What a picture is written as; `stem`, `name` and `subfolder` are what `PictureStore.save` takes."""

    content: bytes
    suffix: str
    stem: str | None
    name: str | None
    subfolder: str


class PictureFiles:
    """The files of one job, by the settings that held when it began."""

    def __init__(self, settings: Settings, *, user: str = "", job_started: float | None = None) -> None:
        self._settings = settings
        self._user = user
        self._job_started = datetime.now() if job_started is None else datetime.fromtimestamp(job_started)

    def of(
        self,
        picture: FinishedPicture,
        request: Resolved | None,
        texts: Mapping[str, str] | None,
        *,
        is_grid: bool = False,
    ) -> PictureFile:
        """The file of a picture that `request` made, or of a grid of such."""
        settings = self._settings
        named = NamedPicture(
            picture,
            request,
            datetime.now(),
            self._job_started,
            user=self._user,
            prompt_words=settings.directories_max_prompt_words,
        )
        facts = facts_of(named)
        stem = None if is_grid or request is None else filled_stem(settings.samples_filename_pattern, facts) or None
        in_folders = settings.grid_save_to_dirs if is_grid else settings.save_to_dirs
        pattern = settings.directories_filename_pattern or _DATE
        subfolder = (filled_folders(pattern, facts) if in_folders else "") or _NO_FOLDER
        content, suffix = self._encoded(picture, texts, settings.grid_format if is_grid else settings.samples_format)
        is_named = stem is not None and not settings.save_images_add_number
        return PictureFile(content, suffix, stem, stem if is_named else None, subfolder)

    def write_text(self, infotext: str, path: Path) -> None:
        """The parameters of a saved picture in a file beside it, where that is wanted. Raises StorageFull."""
        if self._settings.save_txt and infotext:
            write_atomically(text_beside(path), f"{infotext}\n".encode("utf-8", "replace"))

    def _encoded(self, picture: FinishedPicture, texts: Mapping[str, str] | None, wanted: str) -> tuple[bytes, str]:
        """As it is wanted; as PNG what the other formats cannot hold: transparency, long sides and long texts."""
        settings = self._settings
        infotext = picture.infotext if settings.enable_pnginfo else ""
        height, width, channels = picture.pixels.shape
        fits = channels == 3 and max(height, width) <= _LONGEST_SIDES.get(wanted, 0) and comment_holds(infotext)
        if not fits:
            return encode_png(picture.pixels, infotext, texts if settings.enable_pnginfo else None), ".png"
        image = Image.fromarray(picture.pixels)
        if wanted == "jpg":
            return encode_with_comment(image, "JPEG", infotext, quality=settings.jpeg_quality), ".jpg"
        how = {"quality": settings.jpeg_quality, "lossless": settings.webp_lossless}
        return encode_with_comment(image, "WEBP", infotext, **how), ".webp"
