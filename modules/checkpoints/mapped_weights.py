"""The tensors of a safetensors file, mapped into memory: numbers are read when they are used, and let go again."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType

import torch

from modules.checkpoints.weights_header import TensorInfo, WeightsHeader, read_header
from modules.errors import BrokenModel, UnsupportedModel

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

    A file that is cut short while it is mapped ends the process when a page behind its new end is touched, which
    nothing here can catch. So `check` is to be called before much is read; what is left is a file that is cut short
    between this look and the reading of one tensor.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        found = path.stat()
        self.state = found.st_size, found.st_mtime_ns
        """In bytes and nanoseconds, before anything was read."""
        self._place = found.st_dev, found.st_ino
        self.header: WeightsHeader = read_header(path)
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        self.check()

    def __enter__(self) -> MappedWeights:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """The memory itself goes when the last view does.

        Raises BrokenModel where the file was written into, unless something was raised already. Another file in its
        place, such as the result of merging it, takes nothing from what was read.
        """
        self._release()
        if kind is None and (found := self._found()) is not None and (found.st_dev, found.st_ino) == self._place:
            self.check()

    def __getitem__(self, name: str) -> torch.Tensor:
        """Raises KeyError, and UnsupportedModel for numbers of a type that torch does not have."""
        info = self.header.tensors[name]
        return self._view(name, info)

    def __iter__(self) -> Iterator[str]:
        return iter(self.header.tensors)

    def __len__(self) -> int:
        return len(self.header.tensors)

    def check(self) -> None:
        """Raises BrokenModel where the file is not the one any more that was mapped."""
        found = self._found()
        if found is None or (found.st_size, found.st_mtime_ns) != self.state:
            raise BrokenModel(f"{self.path.name} was changed while it was being read. Load it again.")

    def let_go(self) -> None:
        """Give the pages that were read back to the system; they are read again when they are used again.

        Pages that were written into stay as they are written no longer: write only into copies. Raises what `check`
        raises, since what was read may then be of two files.
        """
        self._release()
        self.check()

    def _found(self) -> os.stat_result | None:
        """What is in the file's place now."""
        try:
            return self.path.stat()
        except OSError:
            return None

    def _release(self) -> None:
        if hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED)

    def _view(self, name: str, info: TensorInfo) -> torch.Tensor:
        dtype = _TYPES.get(info.dtype)
        if dtype is None:
            raise UnsupportedModel(f"{self.path.name} holds numbers of the type {info.dtype}, which is not supported.")
        if info.begin == info.end:
            return torch.empty(info.shape, dtype=dtype)
        count = (info.end - info.begin) // dtype.itemsize
        # Not by way of bytes: of those a view must begin at a multiple of the numbers' size, and older files do not.
        return torch.frombuffer(self._map, dtype=dtype, offset=info.begin, count=count).view(info.shape)
