"""Seamless textures: networks whose convolutions go on at the opposite side, along x, y or both."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from diffusers.models.downsampling import Downsample2D
from torch.nn import functional

_FORWARD = "_conv_forward"
"""What Conv2d.forward calls with its weights; on an instance it goes before the class's."""


@contextmanager
def seamless(*networks: torch.nn.Module, x: bool = True, y: bool = True) -> Iterator[None]:
    """Within it, what the networks make of a picture that is rolled along those axes is rolled likewise.

    Every Conv2d pads with what lies at the opposite side. Afterwards the modules are what they were. A roll has to be
    a multiple of the networks' own step: all their downsampling, in cells or pixels.
    """
    changed: list[torch.nn.Conv2d] = []
    before: list[Any] = []
    try:
        if x or y:
            for convolution, ends_padded in _convolutions(networks):
                before.append(convolution.__dict__.get(_FORWARD))
                changed.append(convolution)
                object.__setattr__(convolution, _FORWARD, _WrappingForward(convolution, x, y, ends_padded))
        yield
    finally:
        for convolution, own in zip(changed, before, strict=True):
            if own is None:
                object.__delattr__(convolution, _FORWARD)
            else:
                object.__setattr__(convolution, _FORWARD, own)


def seamless_axes(network: torch.nn.Module) -> tuple[bool, bool]:
    """Whether a network is seamless along x and along y just now."""
    for convolution, _ in _convolutions([network]):
        own = convolution.__dict__.get(_FORWARD)
        return (own.x, own.y) if isinstance(own, _WrappingForward) else (False, False)
    return False, False


class _WrappingForward:
    """A convolution's forward with circular padding along x, y or both, and zeros along the other."""

    def __init__(self, convolution: torch.nn.Conv2d, x: bool, y: bool, ends_padded: bool) -> None:
        self.x, self.y = x, y
        left, right, top, bottom = convolution._reversed_padding_repeated_twice
        self._across, self._down = (left, right, 0, 0), (0, 0, top, bottom)
        self._convolution = convolution
        self._ends_padded = ends_padded

    def __call__(self, picture: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        own = self._convolution
        if self._ends_padded:
            picture = self._ends_wrapped(picture)
        picture = functional.pad(picture, self._across, mode="circular" if self.x else "constant")
        picture = functional.pad(picture, self._down, mode="circular" if self.y else "constant")
        return functional.conv2d(picture, weight, bias, own.stride, 0, own.dilation, own.groups)

    def _ends_wrapped(self, picture: torch.Tensor) -> torch.Tensor:
        """The column and the row of zeros that a VAE's downsampling has put at the end, made the first ones."""
        picture = picture.clone()
        if self.x:
            picture[..., -1] = picture[..., 0]
        if self.y:
            picture[..., -1, :] = picture[..., 0, :]
        return picture


def _convolutions(networks: Any) -> Iterator[tuple[torch.nn.Conv2d, bool]]:
    """Every Conv2d, and whether its input comes padded at its ends: diffusers' encoders pad outside of them."""
    for network in networks:
        padded = {
            id(module.conv)
            for module in network.modules()
            if isinstance(module, Downsample2D) and module.use_conv and module.padding == 0
        }
        for module in network.modules():
            if isinstance(module, torch.nn.Conv2d):
                yield module, id(module) in padded
