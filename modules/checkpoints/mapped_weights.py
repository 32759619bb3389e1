"""The tensors of a safetensors file, mapped into memory: numbers are read when they are used, and let go again."""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType

import torch

from modules.checkpoints.weights_header import TensorInfo, WeightsHeader, read_header
from modules.errors import UnsupportedModel

_TYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


class MappedWeights(Mapping[str, torch.Tensor]):
    """A safetensors file as a mapping of views into it, on the processor, in the file's types.

    Views die with the mapping: copy what is to outlive it (`tensor.to(..., copy=True)` or `clone`). Writing into one
    changes neither the file nor other mappings of it. Use as a context manager. Raises what `read_header` raises.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.header: WeightsHeader = read_header(path)
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)

    def __enter__(self) -> MappedWeights:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """The memory itself goes when the last view does."""
        self.let_go()

    def __getitem__(self, name: str) -> torch.Tensor:
        """Raises KeyError, and UnsupportedModel for numbers of a type that torch does not have."""
        info = self.header.tensors[name]
        return self._view(name, info)

    def __iter__(self) -> Iterator[str]:
        return iter(self.header.tensors)

    def __len__(self) -> int:
        return len(self.header.tensors)

    def let_go(self) -> None:
        """Give the pages that were read back to the system; they are read again when they are used again.

        Pages that were written into stay as they are written no longer: write only into copies.
        """
        if hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED)

    def _view(self, name: str, info: TensorInfo) -> torch.Tensor:
        dtype = _TYPES.get(info.dtype)
        if dtype is None:
            raise UnsupportedModel(f"{self.path.name} holds numbers of the type {info.dtype}, which is not supported.")
        if info.begin == info.end:
            return torch.empty(info.shape, dtype=dtype)
        length = info.end - info.begin
        raw = torch.frombuffer(self._map, dtype=torch.uint8, offset=info.begin, count=length)
        if info.begin % dtype.itemsize:
            raw = raw.clone()  # numbers that do not begin at a multiple of their size cannot be viewed in place
        return raw.view(dtype).view(info.shape)
