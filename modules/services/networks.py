"""The LoRAs and embeddings that prompts name, in memory."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

from modules.adapters.adapter import Adapter, read_adapter
from modules.adapters.textual_inversion import Embedding, read_embedding
from modules.checkpoints.model_files import ModelFile
from modules.errors import UserError
from modules.hooks.adapter_registry import AdapterRegistry
from modules.services.network_files import NetworkFileService

log = logging.getLogger(__name__)

Content = TypeVar("Content")
_MOST_BYTES = 2 << 30


class NetworkShelf:
    """Reads networks by the names in prompts, and keeps those that were used last; for several threads."""

    def __init__(self, files: NetworkFileService, brought: AdapterRegistry | None = None) -> None:
        """`brought` knows the kinds of adapters of extensions."""
        self._files = files
        self._adapters: _Shelf[Adapter] = _Shelf(partial(read_adapter, brought=brought))
        self._embeddings: _Shelf[Embedding | None] = _Shelf(_embedding_or_none)

    def adapter(self, name: str) -> Adapter:
        """A LoRA by the name in its tag. Raises ModelNotFound, UnsupportedModel, BrokenModel."""
        return self._adapters.get(self._files.lora(name))

    def clear(self) -> None:
        """Forget what was read."""
        self._adapters.clear()
        self._embeddings.clear()

    def embeddings(self, text: str) -> Mapping[str, Embedding]:
        """The embeddings whose names stand in a text, by those names; broken ones are words like any others."""
        read = {name: self._embeddings.get(file) for name, file in self._files.embeddings(text).items()}
        return {name: embedding for name, embedding in read.items() if embedding is not None}


def _embedding_or_none(path: Path) -> Embedding | None:
    try:
        return read_embedding(path)
    except (UserError, OSError) as error:
        log.warning("%s is left out: %s", path.name, error)
        return None


class _Shelf(Generic[Content]):
    """What was read of the files that were used last, up to a number of bytes; a changed file is read again."""

    def __init__(self, read: Callable[[Path], Content]) -> None:
        self._read = read
        self._lock = threading.Lock()
        self._contents: OrderedDict[Hashable, tuple[Content, int]] = OrderedDict()

    def clear(self) -> None:
        with self._lock:
            self._contents.clear()

    def get(self, file: ModelFile) -> Content:
        """Raises what reading raises."""
        with self._lock:
            if file.state not in self._contents:
                self._contents[file.state] = self._read(file.path), file.size
            self._contents.move_to_end(file.state)
            content, _ = self._contents[file.state]
            while len(self._contents) > 1 and sum(size for _, size in self._contents.values()) > _MOST_BYTES:
                self._contents.popitem(last=False)
            return content
