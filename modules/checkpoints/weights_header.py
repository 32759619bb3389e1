"""What a safetensors file says of itself: names, types, shapes and places of its tensors, without their numbers.

8 bytes little endian: length of the header; the header, JSON; the numbers of all tensors, one behind the other
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

from modules.errors import BrokenModel, UnsupportedModel

MOST_HEADER_BYTES = 16 << 20
"""Real files stay below 1 MB; the library would read 95 MB for six seconds."""

BITS = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 64),
    **dict.fromkeys(("F32", "I32", "U32"), 32),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 16),
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    "F4": 4,
}
"""Of one number, by the format's names of types."""
MOST_SIDES = 8
"""Of a tensor; real ones have up to five."""

PICKLES = (".ckpt", ".pt", ".pth", ".bin", ".pkl")
_LENGTH_BYTES = 8
_METADATA = "__metadata__"
_AGAIN = "Download it again."


class TensorInfo(NamedTuple):
    """A tensor's type by its name in the format, its shape, and the bytes of the file in which its numbers lie."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True)
class WeightsHeader:
    """The tensors of a file by name, in the file's order, and its metadata."""

    tensors: Mapping[str, TensorInfo]
    metadata: Mapping[str, str]

    def shape(self, name: str) -> tuple[int, ...] | None:
        """Of a tensor; None where there is none of that name."""
        info = self.tensors.get(name)
        return None if info is None else info.shape


def read_header(path: Path) -> WeightsHeader:
    """The checked header of a safetensors file: every tensor lies inside of the file, and no two share a byte.

    Raises BrokenModel with the reason, UnsupportedModel for a pickle, OSError where the file cannot be read.
    """
    if path.suffix.lower() in PICKLES:
        raise UnsupportedModel(
            f"{path.name} is a pickle, a format that can run programs when it is loaded. "
            f'Convert it to safetensors with: python launch.py convert "{path}"'
        )
    size = path.stat().st_size
    with path.open("rb") as file:
        first = file.read(_LENGTH_BYTES)
        length = int.from_bytes(first, "little")
        _check_beginning(path, first + file.read(256), size)
        if length > MOST_HEADER_BYTES:
            raise _broken(path, f"its header would be {length:,} bytes long, so it is no safetensors file", _AGAIN)
        if _LENGTH_BYTES + length > size:
            raise _broken(path, f"it ends inside of its header, after {size:,} bytes", _AGAIN)
        file.seek(_LENGTH_BYTES)
        text = file.read(length)
    tensors, metadata = _parsed(path, text, _LENGTH_BYTES + length)
    _check_places(path, tensors, _LENGTH_BYTES + length, size)
    return WeightsHeader(tensors, metadata)


def _check_beginning(path: Path, first: bytes, size: int) -> None:
    """Raises BrokenModel for what people often have in the place of a model."""
    if size == 0:
        raise _broken(path, "it is empty", _AGAIN)
    start = first.lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        raise _broken(
            path,
            "it is a web page, which a site sends in the place of a file that needs a login or is gone",
            "Download it again from the browser.",
        )
    if start.startswith(b"version https://git-lfs"):
        raise _broken(path, "it is a Git LFS pointer that only names the model", "Run git lfs pull, or download it.")
    if first.startswith((b"PK\x03\x04", b"\x80\x02")):
        raise UnsupportedModel(
            f"{path.name} is a pickle that was given another suffix. "
            "Rename it to .ckpt, and convert it with: python launch.py convert FILE"
        )
    if first.startswith(b"GGUF"):
        raise UnsupportedModel(f"{path.name} is a GGUF file, which is not supported yet. Choose a .safetensors file.")
    if size <= _LENGTH_BYTES:
        raise _broken(path, f"it has only {size} bytes", _AGAIN)


def _parsed(path: Path, text: bytes, begin: int) -> tuple[dict[str, TensorInfo], dict[str, str]]:
    if not text.startswith(b"{"):
        raise _broken(path, "its header is no JSON object, so it is no safetensors file or a damaged one", _AGAIN)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _broken(path, "its header is no JSON", _AGAIN) from error
    told = content.pop(_METADATA, None) or {}
    if not isinstance(told, dict):
        raise _broken(path, "its metadata are no JSON object", _AGAIN)
    metadata = {str(name): value for name, value in told.items() if isinstance(value, str)}
    return {name: _info(path, name, entry, begin) for name, entry in content.items()}, metadata


def _info(path: Path, name: str, entry: Any, begin: int) -> TensorInfo:
    """Real headers have thousands of tensors, and folders thousands of headers: this has to be quick."""
    try:
        dtype, shape, (start, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
        bits = BITS[dtype]
        if type(start) is not int or type(end) is not int or start < 0 or type(shape) is not list:
            raise ValueError
        if len(shape) > MOST_SIDES:
            raise ValueError
        place = (end - start) * 8
        for side in shape:
            if type(side) is not int or side < 0:
                raise ValueError
            if bits <= place or side == 0:  # what is too large already need not be known, unless it comes to nothing
                bits *= side
    except (TypeError, KeyError, ValueError) as error:
        raise _broken(path, f"its header does not describe the tensor {name[:80]!r} properly", _AGAIN) from error
    if bits != place:
        raise _broken(path, f"shape and place of its tensor {name[:80]!r} contradict each other", _AGAIN)
    return TensorInfo(dtype, tuple(shape), begin + start, begin + end)


def _check_places(path: Path, tensors: Mapping[str, TensorInfo], begin: int, size: int) -> None:
    """Every byte behind the header belongs to one tensor."""
    end = begin
    for info in sorted(tensors.values(), key=itemgetter(2, 3)):
        if info.begin != end:
            raise _broken(path, "its tensors overlap or leave holes", _AGAIN)
        end = info.end
    if end > size:
        raise _broken(path, f"it is incomplete: {size:,} of {end:,} bytes are here", _AGAIN)
    if end < size:
        raise _broken(path, f"{size - end:,} bytes follow behind its last tensor", _AGAIN)


def _broken(path: Path, reason: str, remedy: str) -> BrokenModel:
    return BrokenModel(f"{path.name} cannot be read: {reason}. {remedy}")
