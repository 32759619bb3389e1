"""Colour modes: whatever a picture file holds becomes 8-bit sRGB."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageCms

MAX_PROFILE_BYTES = 4 * 2**20
_DEEP_MODES = ("I", "F")
_ROWS_AT_ONCE = 256


def eight_bit(image: Image.Image) -> Image.Image:
    """RGB, or RGBA where anything is transparent, without metadata.

    Levels of more than 8 bits are scaled, not cut off; an embedded ICC profile is carried out where it can be used.
    """
    if image.mode in _DEEP_MODES or image.mode.startswith("I;16"):
        picture, alpha = Image.fromarray(_levels(image)), None
    elif image.has_transparency_data:
        whole = image.convert("LA") if image.mode == "La" else image
        alpha = whole.convert("RGBA").getchannel("A")
        picture = whole.getchannel("L") if whole.mode == "LA" else whole.convert("RGBA").convert("RGB")
    else:
        picture, alpha = image, None
    picture = _in_srgb(picture, image.info.get("icc_profile"))
    if alpha is not None and np.asarray(alpha).min() < 255:
        picture.putalpha(alpha)
    picture.info = {}
    return picture


def _levels(image: Image.Image) -> np.ndarray:
    """Grey levels of 16 bits, whole numbers or floats as uint8."""
    values = np.asarray(image)
    start, end = _range(values, image.mode)
    levels = np.empty(values.shape, dtype=np.uint8)
    # In stripes, since a large picture takes eight times its room as float64.
    for top in range(0, len(values), _ROWS_AT_ONCE):
        rows = values[top : top + _ROWS_AT_ONCE].astype(np.float64)
        rows = np.nan_to_num(rows, nan=start, posinf=end, neginf=start)
        levels[top : top + _ROWS_AT_ONCE] = np.rint((rows - start) / max(end - start, 1e-300) * 255).clip(0, 255)
    return levels


def _range(values: np.ndarray, mode: str) -> tuple[float, float]:
    """The levels that mean black and white.

    Those of 16 bits end at 65535. Others do not say where they end: at 1 (floats), 255 or 65535 if all fit below it,
    otherwise at their own darkest and lightest value.
    """
    limits = {"I": (255.0, 65535.0), "F": (1.0, 255.0, 65535.0)}.get(mode)
    if limits is None:
        return 0.0, 65535.0
    finite = np.isfinite(values)
    if not finite.any():
        return 0.0, 1.0
    low, high = float(values[finite].min()), float(values[finite].max())
    return next(((0.0, limit) for limit in limits if low >= 0 and high <= limit), (low, high))


def _in_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """RGB, by the profile where there is one that fits the picture."""
    if picture.mode == "LAB":
        return _transformed(picture, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")))
    if picture.mode in ("RGB", "CMYK", "L") and profile and len(profile) <= MAX_PROFILE_BYTES:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            # To carry out a profile that says sRGB would only add rounding.
            if not ImageCms.getProfileDescription(source).startswith("sRGB"):
                return _transformed(picture, source)
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            pass
    # A copy even where the mode is right: the caller changes it.
    return picture.convert("RGB") if picture.mode != "RGB" else picture.copy()


def _transformed(picture: Image.Image, source: ImageCms.ImageCmsProfile) -> Image.Image:
    transformed = ImageCms.profileToProfile(
        picture,
        source,
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    assert transformed is not None, "None is returned only when the picture is changed in place"
    return transformed
