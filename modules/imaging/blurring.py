"""Gaussian blurs of a plane (height, width), without a library of computer vision."""

from __future__ import annotations

import numpy as np
from PIL import Image

_ROWS_AT_ONCE = 512
_SIGMA_OF_REDUCED = 4


def gaussian(plane: np.ndarray, sigma_x: float, sigma_y: float) -> np.ndarray:
    """A float64 plane, blurred along x and y with kernels that reach 2.5 sigma; the border is mirrored.

    The border pixel itself is not repeated, as in OpenCV's default (reflect 101).
    """
    blurred = _along_rows(plane.astype(np.float64), sigma_x)
    return np.ascontiguousarray(_along_rows(np.ascontiguousarray(blurred.T), sigma_y).T)


def wide_gaussian(plane: np.ndarray, sigma: float) -> np.ndarray:
    """A float32 plane, blurred with a sigma that may be hundreds of pixels: computed on a reduced picture."""
    factor = max(1, int(sigma) // _SIGMA_OF_REDUCED)
    if factor == 1:
        return gaussian(plane, sigma, sigma).astype(np.float32)
    height, width = plane.shape
    small = np.asarray(Image.fromarray(plane.astype(np.float32)).reduce(factor))
    blurred = Image.fromarray(gaussian(small, sigma / factor, sigma / factor).astype(np.float32))
    # The last block of a reduced picture may stand for fewer pixels than the others.
    box = (0.0, 0.0, width / factor, height / factor)
    return np.array(blurred.resize((width, height), Image.Resampling.BILINEAR, box=box))


def _along_rows(plane: np.ndarray, sigma: float) -> np.ndarray:
    """Convolved along each row, by Fourier transforms: the time does not grow with sigma."""
    reach = int(2.5 * sigma + 0.5)
    if not reach:
        return plane
    weights = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * sigma**2))
    blurred = np.empty_like(plane)
    for start in range(0, len(plane), _ROWS_AT_ONCE):
        rows = np.pad(plane[start : start + _ROWS_AT_ONCE], ((0, 0), (reach, reach)), mode="reflect")
        length = rows.shape[1]
        spectrum = np.fft.rfft(rows) * np.fft.rfft(weights / weights.sum(), length)
        blurred[start : start + _ROWS_AT_ONCE] = np.fft.irfft(spectrum, length)[:, 2 * reach :]
    return blurred
