"""A safetensors file that is written tensor by tensor, so that it never has to be in memory as a whole."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import BinaryIO

import torch

TYPE_NAMES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.float8_e4m3fn: "F8_E4M3",
    torch.float8_e5m2: "F8_E5M2",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
"""What can be written, and how the format calls it."""


@dataclass(frozen=True)
class TensorOutline:
    """A tensor that is to be written, without its numbers."""

    dtype: torch.dtype
    shape: tuple[int, ...]

    @property
    def bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


def write_weights(
    file: BinaryIO,
    outlines: Mapping[str, TensorOutline],
    metadata: Mapping[str, str],
    pieces: Callable[[str], Iterable[torch.Tensor]],
) -> None:
    """Write a whole safetensors file; `pieces(name)` gives a tensor's numbers in their order, cut anywhere.

    Wide types come first, so that every tensor begins at a multiple of its numbers' size. Raises OSError.
    """
    file.write(_header(outlines, metadata))
    for name in _in_order(outlines):
        written = 0
        for piece in pieces(name):
            assert piece.dtype == outlines[name].dtype, name
            if piece.numel():
                written += file.write(piece.contiguous().view(-1).view(torch.uint8).numpy().data)
        assert written == outlines[name].bytes, name


def header_bytes(outlines: Mapping[str, TensorOutline], metadata: Mapping[str, str]) -> int:
    """How long the header of such a file is; readers take `weights_header.MOST_HEADER_BYTES` at most."""
    return len(_header(outlines, metadata))


def _in_order(outlines: Mapping[str, TensorOutline]) -> list[str]:
    return sorted(outlines, key=lambda name: (-outlines[name].dtype.itemsize, name))


def _header(outlines: Mapping[str, TensorOutline], metadata: Mapping[str, str]) -> bytes:
    content: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    end = 0
    for name in _in_order(outlines):
        begin, end = end, end + outlines[name].bytes
        shape = list(outlines[name].shape)
        content[name] = {"dtype": TYPE_NAMES[outlines[name].dtype], "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(content, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text
