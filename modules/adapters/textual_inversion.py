"""Textual inversion: words that were learnt as vectors. Gal et al., "An Image is Worth One Word" (2022)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from torch import Tensor

from modules.checkpoints.identification import Family
from modules.checkpoints.loaded import LoadedModel
from modules.checkpoints.mapped_weights import MappedWeights
from modules.checkpoints.weights_kinds import FAMILY_TITLES
from modules.errors import UnsupportedModel

_FAMILIES: dict[tuple[int, ...], Family] = {(768,): "sd1", (1024,): "sd2", (768, 1280): "sdxl", (1280,): "sdxl"}
"""By the numbers of each vector."""
_ENCODERS = ("clip_l", "clip_g")
_SINGLE = ("emb_params", "string_to_param.*", "*")
_PARTS = (*_ENCODERS, *_SINGLE)
_MOST_VECTORS = 1024


@dataclass(frozen=True, eq=False)
class Embedding:
    """The vectors of a learnt word: (vectors, width) for each text encoder, float32, equally many for all."""

    name: str
    vectors: tuple[Tensor, ...]

    @property
    def family(self) -> Family | None:
        """Whose text encoders have vectors of that size; None for sizes that none has."""
        return _FAMILIES.get(tuple(tensor.shape[1] for tensor in self.vectors))

    @cached_property
    def key(self) -> str:
        """Another one means other vectors."""
        found = hashlib.sha256()
        for vectors in self.vectors:
            found.update(repr(tuple(vectors.shape)).encode())
            found.update(vectors.contiguous().numpy().data)
        return found.hexdigest()

    @property
    def length(self) -> int:
        """How many tokens it takes."""
        return len(self.vectors[0])

    def vectors_for(self, model: LoadedModel) -> tuple[Tensor, ...]:
        """One tensor for each of the model's text encoders. Raises UnsupportedModel where it has none of their size."""
        widths = [encoder.width for encoder in model.text_encoders]
        own = [tensor.shape[1] for tensor in self.vectors]
        if own == widths:
            return self.vectors
        if model.family == "sdxl-refiner" and own[1:] == widths:  # it has the second of SDXL's text encoders
            return self.vectors[1:]
        made_for = f"It was made for {FAMILY_TITLES[self.family]}. " if self.family else ""
        raise UnsupportedModel(
            f"Embedding {self.name!r} has vectors of {_listed(own)} numbers, and the model {model.name!r} "
            f"({FAMILY_TITLES[model.family]}) takes {_listed(widths)}. {made_for}Leave it out, or choose another model."
        )

    def fits(self, model: LoadedModel) -> bool:
        """Whether `vectors_for` has an answer."""
        try:
            self.vectors_for(model)
        except UnsupportedModel:
            return False
        return True


def read_embedding(path: Path) -> Embedding:
    """Read an embedding; its name is the file's, without its suffix.

    Takes A1111's and kohya's `emb_params`, A1111's `string_to_param.*`, `clip_l` with `clip_g`, and diffusers' learnt
    concepts, one tensor named after its token. Raises UnsupportedModel for a pickle and for a file that is no
    embedding, BrokenModel for a damaged one, OSError.
    """
    with MappedWeights(path) as weights:
        if len(weights) > len(_PARTS):
            raise _no_embedding(path.name)
        return embedding_of(path.stem, {name: tensor.clone() for name, tensor in weights.items()}, path.name)


def embedding_of(name: str, tensors: Mapping[str, Tensor], file: str) -> Embedding:
    """The embedding of a file's tensors by their names there. Raises UnsupportedModel where they are none."""
    found = [tensors[encoder] for encoder in _ENCODERS if encoder in tensors]
    if not found:
        named = [tensors[one] for one in _SINGLE if one in tensors]
        found = named[:1] or (list(tensors.values()) if len(tensors) == 1 else [])
    vectors = tuple(_rows(tensor, file) for tensor in found)
    if not vectors or len({len(tensor) for tensor in vectors}) > 1:
        raise _no_embedding(file)
    return Embedding(name, vectors)


def split_bundled_name(name: str) -> tuple[str, str]:
    """An embedding's name and the tensor's, of a tensor in a LoRA; names of embeddings may have dots."""
    for part in _PARTS:
        if name.endswith(f".{part}"):
            return name[: -len(part) - 1], part
    head, _, part = name.rpartition(".")
    return head, part


def _rows(tensor: Tensor, file: str) -> Tensor:
    """As (vectors, width), float32."""
    rows = tensor[None] if tensor.dim() == 1 else tensor
    if rows.dim() != 2 or not 0 < len(rows) <= _MOST_VECTORS or not rows.is_floating_point():
        raise _no_embedding(file)
    return rows.float()


def _no_embedding(file: str) -> UnsupportedModel:
    return UnsupportedModel(f"{file} is no embedding: it holds no vectors of words. Choose another file.")


def _listed(widths: list[int]) -> str:
    return " and ".join(f"{width:,}" for width in widths)
