"""Colour correction: a result is given the colours of the picture that it was made from.

The histograms of L, a and b are matched (Gonzalez and Woods, "Digital Image Processing", histogram specification), and
then the result's own luminosity is put back, so that its light and shadow stay.
"""

from __future__ import annotations

import numpy as np

_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]],
    dtype=np.float32,
)
"""Linear sRGB to CIE XYZ under D65 (IEC 61966-2-1)."""
_WHITE = _TO_XYZ.sum(axis=1)
_FROM_XYZ = np.linalg.inv(_TO_XYZ.astype(np.float64)).astype(np.float32)
_EPSILON, _KAPPA = 216 / 24389, 24389 / 27
_BINS = 2048
_LAB_RANGES = ((0.0, 100.0), (-128.0, 128.0), (-128.0, 128.0))
_LUMINOSITY = np.array([0.3, 0.59, 0.11], dtype=np.float32)


def colour_corrected(pixels: np.ndarray, original: np.ndarray) -> np.ndarray:
    """Pixels with the colours of the original (whose size may be another), and their own luminosity."""
    lab, wanted = srgb_to_lab(pixels), srgb_to_lab(original)
    matched = [_matched(lab[..., channel], wanted[..., channel], *_LAB_RANGES[channel]) for channel in range(3)]
    coloured = _with_luminosity(lab_to_srgb(np.stack(matched, axis=2)), pixels.astype(np.float32))
    levels: np.ndarray = np.rint(coloured).clip(0, 255)
    return levels.astype(np.uint8)


def srgb_to_lab(pixels: np.ndarray) -> np.ndarray:
    """CIE L*a*b* under D65 of uint8 pixels, float32: L from 0 to 100."""
    steps = np.arange(256, dtype=np.float32) / 255
    linear = np.where(steps <= 0.04045, steps / 12.92, ((steps + 0.055) / 1.055) ** 2.4).astype(np.float32)
    xyz = linear[pixels] @ _TO_XYZ.T / _WHITE
    roots = np.where(xyz > _EPSILON, np.cbrt(xyz), (_KAPPA * xyz + 16) / 116)
    x, y, z = roots[..., 0], roots[..., 1], roots[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1).astype(np.float32)


def lab_to_srgb(lab: np.ndarray) -> np.ndarray:
    """Levels of sRGB from 0 to 255, float32, cut off where the colour lies outside of what sRGB can show."""
    y = (lab[..., 0] + 16) / 116
    roots = np.stack([y + lab[..., 1] / 500, y, y - lab[..., 2] / 200], axis=-1)
    xyz = np.where(roots**3 > _EPSILON, roots**3, (116 * roots - 16) / _KAPPA) * _WHITE
    linear = (xyz @ _FROM_XYZ.T).clip(0, 1)
    levels: np.ndarray = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return (levels * 255).astype(np.float32)


def _matched(values: np.ndarray, wanted: np.ndarray, low: float, high: float) -> np.ndarray:
    """Values changed by the one rising function that gives them the histogram of the wanted ones."""
    width = (high - low) / _BINS
    places = ((values - low) / width).astype(np.intp).clip(0, _BINS - 1)
    counts = np.bincount(places.ravel(), minlength=_BINS)
    wanted_places = ((wanted - low) / width).astype(np.intp).clip(0, _BINS - 1)
    wanted_counts = np.bincount(wanted_places.ravel(), minlength=_BINS)
    # Empty bins are left out: on the flat stretches of a cumulative sum the inverse is not defined.
    filled = np.flatnonzero(wanted_counts)
    ranks = np.cumsum(counts) / values.size
    wanted_ranks = np.cumsum(wanted_counts)[filled] / wanted.size
    moved = np.interp(ranks, wanted_ranks, filled) - np.arange(_BINS)
    matched: np.ndarray = values + moved[places] * width
    return matched.astype(np.float32)


def _with_luminosity(colours: np.ndarray, lights: np.ndarray) -> np.ndarray:
    """The blend mode "luminosity": W3C, "Compositing and Blending Level 1", section 9.2 (SetLum, ClipColor)."""
    light = (lights @ _LUMINOSITY)[..., np.newaxis]
    shifted = colours + (light - (colours @ _LUMINOSITY)[..., np.newaxis])
    low, high = shifted.min(axis=-1, keepdims=True), shifted.max(axis=-1, keepdims=True)
    # Colours that left the range are drawn towards the grey of their luminosity.
    below = np.where(low < 0, light / np.maximum(light - low, 1e-6), 1)
    above = np.where(high > 255, (255 - light) / np.maximum(high - light, 1e-6), 1)
    blended: np.ndarray = light + (shifted - light) * np.minimum(below, above)
    return blended
