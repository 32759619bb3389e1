"""The LoRAs and embeddings that prompts name, in memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import Generic, TypeVar

from modules.adapters.adapter import Adapter, read_adapter
from modules.adapters.textual_inversion import Embedding, read_embedding
from modules.checkpoints.model_files import ModelFile
from modules.services.network_files import NetworkFileService

Content = TypeVar("Content")
_MOST_ADAPTERS, _MOST_EMBEDDINGS = 8, 256


class NetworkShelf:
    """Reads networks by the names in prompts, and keeps those that were used last."""

    def __init__(self, files: NetworkFileService) -> None:
        self._files = files
        self._adapters: _Shelf[Adapter] = _Shelf(read_adapter, _MOST_ADAPTERS)
        self._embeddings: _Shelf[Embedding] = _Shelf(read_embedding, _MOST_EMBEDDINGS)

    def adapter(self, name: str) -> Adapter:
        """A LoRA by the name in its tag. Raises ModelNotFound, UnsupportedModel, BrokenModel."""
        return self._adapters.get(self._files.lora(name))

    def embeddings(self, text: str) -> Mapping[str, Embedding]:
        """The embeddings whose names stand somewhere in a text, by those names."""
        return {name: self._embeddings.get(file) for name, file in self._files.embeddings(text).items()}


class _Shelf(Generic[Content]):
    """What was read of the files that were used last; a changed file is read again."""

    def __init__(self, read: Callable[[Path], Content], most: int) -> None:
        self._read = read
        self._most = most
        self._contents: OrderedDict[Hashable, Content] = OrderedDict()

    def get(self, file: ModelFile) -> Content:
        """Raises what reading raises."""
        if file.state not in self._contents:
            self._contents[file.state] = self._read(file.path)
        self._contents.move_to_end(file.state)
        while len(self._contents) > self._most:
            self._contents.popitem(last=False)
        return self._contents[file.state]
