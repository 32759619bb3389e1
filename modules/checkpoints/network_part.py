"""One network of a checkpoint on its way into memory, and the networks that several models share."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import torch
from transformers import CLIPTextConfig

from modules.checkpoints.interruption import check_interrupt
from modules.checkpoints.mapped_weights import MappedWeights
from modules.checkpoints.reading_progress import tell_read

Remembered = Callable[[Path, str, Callable[[], str]], str]
"""The digest of a part of a file: the one that is known of the file as it is now, else what the function computes."""

_PAGES_AT_ONCE = 256 << 20
"""Bytes of a file that may be in memory beside the network that is made of them."""
_BIG = 1 << 20
"""Bytes of a tensor before which the files are looked at: reading it takes longer than the look."""
_NAMED_IN_ERRORS = 3


@dataclass(frozen=True)
class NetworkPart:
    """A network that is not built yet: its class, its configuration, and views of its tensors by their names in it."""

    name: str
    """For people: "U-Net", "VAE", "text encoder"."""
    kind: Any
    """UNet2DConditionModel, AutoencoderKL, CLIPTextModel or CLIPTextModelWithProjection."""
    configuration: CLIPTextConfig | Mapping[str, Any]
    """CLIPTextConfig for a text encoder, what `from_config` takes for the others."""
    weights: Mapping[str, torch.Tensor]
    """Names of text encoders without "text_model.", of which releases of transformers think differently."""
    files: tuple[MappedWeights, ...]
    """What the views look into."""

    def built(self, device: torch.device, dtype: torch.dtype) -> Any:
        """The network in evaluation mode.

        Raises ValueError where its tensors are not those of its configuration, BrokenModel where a file was changed.
        """
        check_interrupt()
        network = self._empty()
        slots = network.state_dict()
        self._check(slots)
        state: dict[str, torch.Tensor] = {}
        read = 0
        for name in slots:
            view = self._looked_after(self.weights[_plain(name)])
            # Contiguous: a view may be a tensor turned round.
            state[name] = view.to(device, dtype, copy=True, memory_format=torch.contiguous_format)
            tell_read(view.nbytes)
            read += view.nbytes
            if read >= _PAGES_AT_ONCE:
                self._let_go()
                read = 0
        network.load_state_dict(state, assign=True)
        self._let_go()
        _fill_buffers(network, device)
        return network.eval().requires_grad_(False)

    def digest(self) -> str:
        """sha256 of the network's tensors as they are in the file: names in order, types, shapes and bytes.

        Raises BrokenModel where a file was changed.
        """
        found = hashlib.sha256()
        read = 0
        for name in sorted(map(_plain, self._empty().state_dict())):
            if name not in self.weights:
                continue
            tensor = self._looked_after(self.weights[name]).contiguous()
            found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
            found.update(tensor.flatten().view(torch.uint8).numpy().data)
            read += tensor.nbytes
            if read >= _PAGES_AT_ONCE:
                self._let_go()
                read = 0
        self._let_go()
        return found.hexdigest()

    @property
    def facts(self) -> str:
        """What beside its tensors makes the network what it is."""
        told = self.configuration
        plain = told.to_diff_dict() if isinstance(told, CLIPTextConfig) else dict(told)
        return json.dumps([self.kind.__name__, plain], sort_keys=True, default=str)

    def _empty(self) -> Any:
        """The network without numbers, which would take seconds to draw."""
        with torch.device("meta"):
            if isinstance(self.configuration, CLIPTextConfig):
                return self.kind(self.configuration)
            return self.kind.from_config(self.configuration)

    def _check(self, slots: Mapping[str, torch.Tensor]) -> None:
        missing = [name for name in map(_plain, slots) if name not in self.weights]
        if missing:
            raise ValueError(f"The {self.name} lacks {_some(missing)}.")
        odd = [
            f"{name} of shape {_shape(found)}, expected shape {_shape(slot)}"
            for name, slot, found in ((name, slots[name], self.weights[_plain(name)]) for name in slots)
            if found.shape != slot.shape
        ]
        if odd:
            raise ValueError(f"The {self.name} has {_some(odd)}.")

    def _looked_after(self, view: torch.Tensor) -> torch.Tensor:
        """A view that is about to be read. Where it is big, raises BrokenModel if a file was changed, and what stops
        the reading."""
        if view.nbytes >= _BIG:
            check_interrupt()
            for file in self.files:
                file.check()
        return view

    def _let_go(self) -> None:
        for file in self.files:
            file.let_go()


class SharedParts:
    """Networks that are in memory, by content: models with the same VAE or text encoder hold it once.

    A network is forgotten when no model holds it any more. Whoever changes the weights of one in place changes them
    for all its models.
    """

    def __init__(self, remembered: Remembered | None = None) -> None:
        self._remembered = remembered or _computed
        self._networks: WeakValueDictionary[tuple[str, ...], Any] = WeakValueDictionary()

    def built(self, part: NetworkPart, device: torch.device, dtype: torch.dtype) -> Any:
        """The network as `part.built` makes it, or the one that has the same content already. Raises what that does."""
        digest = self._remembered(part.files[0].path, _name_of_content(part), part.digest)
        key = (digest, part.facts, str(device), str(dtype))
        network = self._networks.get(key)
        if network is None:
            network = self._networks[key] = part.built(device, dtype)
        return network

    def __len__(self) -> int:
        """How many networks are in memory."""
        return len(self._networks)


def _computed(path: Path, name: str, compute: Callable[[], str]) -> str:
    return compute()


def _name_of_content(part: NetworkPart) -> str:
    """The part's name, and the states of all its files but the first one, of which the digest is remembered."""
    further = [(file.path.name, *file.state) for file in part.files[1:]]
    return f"{part.name} with {hashlib.sha256(repr(further).encode()).hexdigest()[:16]}" if further else part.name


def _fill_buffers(network: Any, device: torch.device) -> None:
    """Text encoders count their positions, in numbers that no file need have."""
    for name, buffer in list(network.named_buffers()):
        if buffer.is_meta:
            if not name.endswith("position_ids"):
                raise ValueError(f"The network has numbers that its file does not have: {name}.")
            owner, _, own = name.rpartition(".")
            positions = torch.arange(buffer.shape[-1], device=device).expand(buffer.shape)
            network.get_submodule(owner).register_buffer(own, positions, persistent=False)


def _plain(name: str) -> str:
    return name.removeprefix("text_model.")


def _shape(tensor: torch.Tensor) -> str:
    return " x ".join(map(str, tensor.shape)) or "a single number"


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    more = len(listed) - _NAMED_IN_ERRORS
    return "; ".join(listed[:_NAMED_IN_ERRORS]) + (f" and {more} more" if more > 0 else "")
