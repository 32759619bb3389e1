"""From a model file to a network in memory: weights only, recognised by spandrel.

Pickles are read by torch's weights-only reader, which builds tensors and plain containers and nothing else; TorchScript
archives, which carry program code, are not read at all.
"""

from __future__ import annotations

import pickle
import warnings
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from spandrel import MAIN_REGISTRY, ArchRegistry, ImageModelDescriptor, UnsupportedModelError, canonicalize_state_dict

from modules.diffusion.memory import ran_out_of_memory
from modules.errors import BrokenModel, OutOfMemory, UnsupportedModel

LICENCES = {
    "AdaCode": "CC BY-NC-SA 4.0",
    "CodeFormer": "S-Lab License 1.0",
    "DDColor": "for academic and non-commercial use only",
    "FeMaSR": "CC BY-NC-SA 4.0",
    "M3SNet": "Academic Public License",
    "MAT": "CC BY-NC 4.0",
    "MIRNet2": "Academic Public License",
    "MPRNet": "Academic Public License",
    "Restormer": "Academic Public License",
    "SRFormer": "CC BY-NC 4.0",
}
"""The licences of spandrel_extra_arches' architectures: each forbids commercial use of the code."""

_NOT_UPSCALERS = {
    "model.diffusion_model.": "a Stable Diffusion checkpoint; it belongs into models/Stable-diffusion",
    "first_stage_model.": "a VAE; it belongs into models/VAE",
    "lora_unet_": "a LoRA; it belongs into models/Lora",
    "lora_te": "a LoRA; it belongs into models/Lora",
    "string_to_param": "a textual inversion; it belongs into models/embeddings",
}
_FAULTS = (OSError, RuntimeError, ValueError, KeyError, TypeError, IndexError, EOFError, AssertionError, AttributeError)


def load_network(path: Path, *, accept_noncommercial: bool = False) -> ImageModelDescriptor[Any]:
    """A network in spandrel's wrapping, float32 on the processor.

    Raises UnsupportedModel for whatever is no image network, or has a licence that was not accepted; BrokenModel,
    OutOfMemory.
    """
    weights = _weights(path)
    _refuse_known(path, weights)
    registry = _registry_for(path, weights, accept_noncommercial)
    try:
        descriptor = registry.load(weights)
    except UnsupportedModelError:
        raise UnsupportedModel(
            f"{path.name} is no upscaler of a kind that is known here. See docs/upscaling.md for the kinds there are."
        ) from None
    except (MemoryError, *_FAULTS) as error:
        raise _told(path, error) from error
    if not isinstance(descriptor, ImageModelDescriptor):
        raise UnsupportedModel(f"{path.name} paints masked places over; it does not enlarge pictures.")
    return descriptor


def architecture(path: Path) -> str | None:
    """The name that spandrel has for the network in a file, by its weights' names and shapes; None: it has none.

    The weights themselves are not read, except those of a pickle in the format before torch 1.6. Raises
    UnsupportedModel, BrokenModel, OutOfMemory.
    """
    return _recognised(_weights(path, values=False))[1]


def _weights(path: Path, *, values: bool = True) -> dict[str, Any]:
    """Without `values`, tensors that tell their shape only, or that the operating system would read when used."""
    try:
        if path.suffix.lower() == ".safetensors":
            with safe_open(path, framework="pt") as file:
                _refuse_known(path, file.keys())
                if values:
                    return {name: file.get_tensor(name) for name in file.keys()}
                return {name: torch.empty(file.get_slice(name).get_shape(), device="meta") for name in file.keys()}
        if _holds_a_program(path):
            raise UnsupportedModel(
                f"{path.name} is a TorchScript archive, which holds a program. Look for a file of weights."
            )
        mapped = not values and zipfile.is_zipfile(path)
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except pickle.UnpicklingError as error:
        raise UnsupportedModel(
            f"{path.name} holds more than weights, and loading it could run a program. "
            "Look for a .safetensors file of this model."
        ) from error
    except (SafetensorError, zipfile.BadZipFile, MemoryError, *_FAULTS) as error:
        raise _told(path, error) from error
    if not isinstance(content, dict):
        raise UnsupportedModel(f"{path.name} holds no named weights.")
    return dict(canonicalize_state_dict(content))


def _holds_a_program(path: Path) -> bool:
    """Whether a file is a TorchScript archive: a zip with constants.pkl beside the code."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.rsplit("/", 1)[-1] == "constants.pkl" for name in archive.namelist())


def _refuse_known(path: Path, names: Iterable[object]) -> None:
    """Say of well-known other kinds of file what they are, before all of it is read."""
    for name in map(str, names):
        for prefix, kind in _NOT_UPSCALERS.items():
            if name.startswith(prefix):
                raise UnsupportedModel(f"{path.name} is no upscaler but {kind}.")


def _registry_for(path: Path, weights: dict[str, Any], accept_noncommercial: bool) -> ArchRegistry:
    """The architectures to choose from; the non-commercial ones only where the file is of one, and it is accepted."""
    registry, kind = _recognised(weights)
    if registry is MAIN_REGISTRY or accept_noncommercial:
        return registry
    licence = LICENCES.get(str(kind), "a non-commercial licence")
    raise UnsupportedModel(
        f"{path.name} is a {kind} network. Its program code may not be used commercially ({licence}). "
        "Extras use it when Accept non-commercial licences (--accept-noncommercial) is switched on there."
    )


def _recognised(weights: dict[str, Any]) -> tuple[ArchRegistry, str | None]:
    """The architecture of some weights and the registry that has it."""
    for registry in _registries():
        for support in registry.architectures("detection"):
            if support.detect(weights):
                return registry, str(support.architecture.id)
    return MAIN_REGISTRY, None


def _registries() -> Iterator[ArchRegistry]:
    """One after the other, so that the second is imported only where the first does not know a network."""
    yield MAIN_REGISTRY
    yield noncommercial_registry()


def noncommercial_registry() -> ArchRegistry:
    """spandrel_extra_arches' architectures, imported when they are first asked for."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # it uses what torch 2.15 calls deprecated
        from spandrel_extra_arches import EXTRA_REGISTRY
    registry: ArchRegistry = EXTRA_REGISTRY
    return registry


def _told(path: Path, error: BaseException) -> BrokenModel | OutOfMemory:
    """What a fault while a file is read means to a person."""
    if ran_out_of_memory(error):
        return OutOfMemory(f"There is too little memory to load the upscaler {path.name}. Close other programs.")
    return BrokenModel(f"{path.name} is damaged or incomplete. Download it again.")
