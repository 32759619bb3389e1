"""Masks: uint8 arrays (height, width), 255 where to repaint; where they come from and what is done to them."""

from __future__ import annotations

import numpy as np
from PIL import Image

from modules.imaging.blurring import gaussian
from modules.imaging.boxes import Box

_THRESHOLD = 128


def mask_from_picture(image: Image.Image, *, soft: bool = False) -> np.ndarray:
    """The mask that a picture shows: its alpha where anything of it is transparent, else its luminance.

    Values above 128 become 255 and others 0; `soft` keeps the greys (for soft inpainting).
    """
    alpha = _alpha(image)
    grey = alpha if alpha is not None and alpha.min() < 255 else np.array(image.convert("L"))
    return grey if soft else hardened(grey)


def mask_from_transparency(image: Image.Image, *, soft: bool = False) -> np.ndarray:
    """The mask of a picture that was erased where it is to be repainted: 255 where it is transparent."""
    alpha = _alpha(image)
    if alpha is None:
        return np.zeros((image.height, image.width), dtype=np.uint8)
    return inverted(alpha) if soft else hardened(inverted(alpha))


def mask_from_difference(painted: np.ndarray, original: np.ndarray) -> np.ndarray:
    """255 where two pictures of one size differ: where someone painted over the original."""
    differs: np.ndarray = (painted != original).any(axis=2)
    return differs.astype(np.uint8) * 255


def hardened(mask: np.ndarray) -> np.ndarray:
    """Values above 128 become 255, others 0."""
    return (mask > _THRESHOLD).astype(np.uint8) * 255


def inverted(mask: np.ndarray) -> np.ndarray:
    """What was to be kept is repainted, and the other way round."""
    opposite: np.ndarray = 255 - mask
    return opposite


def blurred(mask: np.ndarray, blur_x: float, blur_y: float) -> np.ndarray:
    """Gaussian blur with sigmas in pixels, kernels of 2 int(2.5 sigma + 0.5) + 1, rounded after each axis."""
    across = np.rint(gaussian(mask, blur_x, 0))
    both: np.ndarray = np.rint(gaussian(across, 0, blur_y))
    return both.clip(0, 255).astype(np.uint8)


def resized(mask: np.ndarray, width: int, height: int) -> np.ndarray:
    """A mask at the size of its picture; new edges are grey, areas stay 0 and 255."""
    if mask.shape == (height, width):
        return mask
    return np.array(Image.fromarray(mask).resize((width, height), Image.Resampling.BILINEAR))


def painted_box(mask: np.ndarray) -> Box | None:
    """The smallest box that holds all of the mask that is not 0; None for a blank mask."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    return Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def overlay_mask(mask: np.ndarray) -> np.ndarray:
    """Where the painted picture shows when the whole picture was painted: twice the blurred mask, at most 255."""
    return (mask.astype(np.uint16) * 2).clip(0, 255).astype(np.uint8)


def composite(painted: np.ndarray, original: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The painted picture through the mask, the original elsewhere.

    Bit for bit the original where the mask is 0 and the painted one where it is 255.
    """
    weight = mask[..., np.newaxis].astype(np.uint16)
    # 255 * 255 + 127 fits into 16 bits.
    mixed: np.ndarray = (painted * weight + original * (255 - weight) + 127) // 255
    return mixed.astype(np.uint8)


def latent_mask(mask: np.ndarray, width: int, height: int, *, soft: bool = False) -> np.ndarray:
    """The mask at the size of the latents: float32 (height, width), 1 where to repaint; 0 and 1 only unless soft."""
    small = np.asarray(Image.fromarray(mask).resize((width, height), Image.Resampling.BICUBIC), dtype=np.float32) / 255
    return small if soft else np.rint(small)


def _alpha(image: Image.Image) -> np.ndarray | None:
    return np.array(image.getchannel("A")) if "A" in image.getbands() else None
