"""Face restoration: each face brought upright into a square of 512 pixels, restored there, and put back.

The networks (GFPGAN, Wang et al. 2021; CodeFormer, Zhou et al. 2022; RestoreFormer, Wang et al. 2022) learnt on faces
that lie as those of FFHQ do. Where the faces of a picture are is for the caller to say: `face_detection` finds them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from spandrel import ImageModelDescriptor

from modules.errors import InvalidRequest, NumbersOverflowed, UnsupportedModel
from modules.upscaling.face_alignment import SIDE, TEMPLATE, inverse, moved, similarity, warped
from modules.upscaling.face_models import CODEFORMER, GFPGAN
from modules.upscaling.listener import SILENT, Listener

_FEATHER = 48
"""Pixels of the square over which a restored face fades into the picture."""


class FaceRestorer:
    """A network that restores faces, ready to be used."""

    def __init__(self, name: str, network: ImageModelDescriptor[Any]) -> None:
        """Raises UnsupportedModel for a network that is not for faces."""
        if network.purpose != "FaceSR":
            raise UnsupportedModel(f"{name!r} does not restore faces; it is a {network.architecture.name} network.")
        self.name = name
        self._network = network

    def restore(
        self,
        pixels: np.ndarray,
        faces: Sequence[np.ndarray],
        *,
        visibility: float = 1.0,
        fidelity: float = 0.5,
        listener: Listener = SILENT,
    ) -> np.ndarray:
        """The picture (height, width, 3 or 4) with its faces restored; alpha stays as it is.

        A face is five points (5, 2) in the order of TEMPLATE, in pixels from the picture's top left corner.
        `visibility` is how much is seen of the restored ones, `fidelity` CodeFormer's weight: 0 invents most, 1 stays
        closest. Raises InvalidRequest, NumbersOverflowed and what the listener raises.
        """
        for field, value in (("Face restoration visibility", visibility), ("CodeFormer weight", fidelity)):
            if not 0 <= value <= 1:
                raise InvalidRequest(field, value, "is not 0 to 1", "Choose 0 to 1.")
        result = pixels.copy()
        for index, face in enumerate(faces):
            listener.check()
            listener.progress(index / len(faces))
            to_square = similarity(face, TEMPLATE)
            square = warped(result[..., :3], inverse(to_square), SIDE, SIDE)
            _put_back(result[..., :3], self._restored(square, fidelity), to_square, visibility)
        listener.progress(1)
        return result

    @torch.inference_mode()
    def _restored(self, square: np.ndarray, fidelity: float) -> np.ndarray:
        """These networks take and give -1 to 1, unlike those that spandrel's own call is made for."""
        network = self._network
        values = torch.from_numpy(square.copy()).to(network.device, torch.float32) / 127.5 - 1
        options: dict[str, object] = {}
        if network.architecture.id == CODEFORMER:
            options = {"weight": fidelity}
        elif network.architecture.id == GFPGAN:
            # The noise that its file holds, not fresh noise: the same picture gives the same faces.
            options = {"randomize_noise": False, "return_rgb": False}
        answer = network.model(values.permute(2, 0, 1)[None].to(network.dtype), **options)
        made = (answer[0] if isinstance(answer, tuple) else answer)[0].float()
        if not torch.isfinite(made).all():
            raise NumbersOverflowed(f"{self.name}: its numbers overflowed. Start with --precision full and try again.")
        levels: np.ndarray = ((made.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()
        return levels


def _put_back(picture: np.ndarray, square: np.ndarray, to_square: np.ndarray, visibility: float) -> None:
    """Blend a restored square into the picture, in place, within the box that it covers there."""
    places = moved(np.array([[0, 0], [SIDE, 0], [0, SIDE], [SIDE, SIDE]]), inverse(to_square))
    height, width = picture.shape[:2]
    left, top = np.clip(np.floor(places.min(0)), 0, [width, height]).astype(int)
    right, bottom = np.clip(np.ceil(places.max(0)), 0, [width, height]).astype(int)
    if right <= left or bottom <= top:
        return
    back = to_square.copy()
    back[:, 2] += to_square[:, :2] @ [left, top]
    made = warped(square, back, right - left, bottom - top).astype(np.float32)
    ramp = np.minimum(1, np.minimum(np.arange(SIDE), np.arange(SIDE)[::-1]) / _FEATHER)
    mask = (np.minimum(ramp[:, None], ramp[None]) * 255).astype(np.uint8)
    share = warped(mask, back, right - left, bottom - top).astype(np.float32)[..., None] / 255 * visibility
    region = picture[top:bottom, left:right]
    region[:] = np.clip(region * (1 - share) + made * share + 0.5, 0, 255)
