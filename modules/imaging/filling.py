"""Filling: the masked area painted over with the colours around it."""

from __future__ import annotations

import numpy as np

from modules.imaging.blurring import wide_gaussian
from modules.imaging.masks import painted_box

_LAYERS = ((256, 1), (64, 1), (16, 2), (4, 4), (2, 2))
"""Sigma in pixels and how often it is laid on: from far and faint to near and strong."""
_FAINTEST = 1e-6


def filled(pixels: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Blurs of the unmasked area, laid over one another from the widest to the narrowest, then that area itself.

    Where nothing else reaches it is the average colour of what is not masked, or of the picture if all is masked.
    """
    box = painted_box(mask)
    if box is None:
        return pixels.copy()
    known = 1 - mask[..., np.newaxis].astype(np.float32) / 255
    layer = np.concatenate([pixels * known, known], axis=2)
    picture = np.broadcast_to(_FAINTEST * _average(pixels, layer), layer.shape).copy()
    for sigma, times in _LAYERS:
        # Beyond the reach of the narrower blurs the picture is known and covers them anyway.
        near = box.padded(3 * sigma, pixels.shape[1], pixels.shape[0]).slices
        blurred = np.stack([wide_gaussian(layer[(*near, channel)], sigma) for channel in range(4)], axis=2)
        for _ in range(times):
            picture[near] = _over(blurred, picture[near])
    picture = _over(layer, picture)
    return np.rint(picture[..., :3] / picture[..., 3:]).clip(0, 255).astype(np.uint8)


def _average(pixels: np.ndarray, layer: np.ndarray) -> np.ndarray:
    """The average colour of the layer with an opacity of 1, float32 (4,)."""
    total = layer.sum(axis=(0, 1), dtype=np.float64)
    colour = total[:3] / total[3] if total[3] else pixels.mean(axis=(0, 1))
    return np.append(colour, 1).astype(np.float32)


def _over(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Porter and Duff's "over" on colours that are multiplied with their opacity."""
    covered: np.ndarray = above + below * (1 - above[..., 3:])
    return covered
