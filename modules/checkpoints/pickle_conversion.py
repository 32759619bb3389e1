"""Pickles of weights turned into safetensors, by a process that does nothing else: see `services/conversion.py`.

torch's weights-only reader, which runs no code of the file, is one barrier; the process's confinement is the other.
The file is read from its path, the result goes to standard output, and the last line of standard error is a JSON
object: {"tensors", "dropped", "no_network"} or {"refused": kind, "reason"}.
"""

from __future__ import annotations

import errno
import json
import os
import pickletools
import sys
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, BinaryIO

import torch

from modules.checkpoints.confinement import Refused, end_with_parent, leave_network, limit_resources, refuse_events
from modules.checkpoints.streamed_weights import TYPE_NAMES, TensorOutline, write_weights

EMBEDDING = "emb_params"
"""How A1111 and others call the vectors of an embedding in a safetensors file."""

_WRAPPERS = ("state_dict", "params_ema", "params-ema", "params")
"""Entries that hold the weights of a training's snapshot; the first that is there counts."""
_TOLD = ("name", "step", "global_step", "epoch", "sd_checkpoint", "sd_checkpoint_name", "arch")
_EMBEDDING_WIDTHS = (768, 1024, 1280)
_TRAINING_PACKAGES = (
    "lightning", "lightning_fabric", "lightning_lite", "lightning_utilities", "numpy", "omegaconf",
    "pytorch_lightning", "torchmetrics",
)  # fmt: skip
"""Whose objects stand beside the weights in snapshots of trainings."""
_PLAIN_NAMES = {
    "argparse.Namespace", "builtins.bool", "builtins.dict", "builtins.float", "builtins.int", "builtins.list",
    "builtins.object", "builtins.str", "builtins.tuple", "copyreg._reconstructor", "datetime.datetime",
    "pathlib.PosixPath", "pathlib.WindowsPath", "typing.Any",
}  # fmt: skip
_PARAMETERS = "torch.nn.modules.container.ParameterDict"
_MAPPINGS = ("collections.defaultdict",)
_MAPPING_ENDS = (".AttributeDict", ".AttributeDict_")
_OLD_MODULES = {"__builtin__": "builtins", "copy_reg": "copyreg"}
_MOST_DROPPED = 100
_DEEPEST = 8
_LEGACY_PICKLES = 4
_PIECE = 1 << 24


class Refusal(Exception):
    """A file that is not converted; `kind` is "unsupported", "broken", "memory" or "full"."""

    def __init__(self, kind: str, reason: str) -> None:
        self.kind, self.reason = kind, reason
        super().__init__(reason)


@dataclass
class Weights:
    """What a file holds: tensors by name, what it tells of them, and what has no place in safetensors."""

    tensors: dict[str, torch.Tensor] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)


class StandIn:
    """An object that stands for one of a training's: it takes everything, does nothing and keeps its state."""

    state: object = None

    def __new__(cls, *arguments: object, **named: object) -> StandIn:
        return object.__new__(cls)

    def __init__(self, *arguments: object, **named: object) -> None:
        """Takes what the real one would."""

    def __setstate__(self, state: object) -> None:
        self.state = state


def main(arguments: Sequence[str]) -> int:
    """Convert `arguments`: path, bytes of memory, bytes of result at most, seconds, the parent's id.

    Exit code 3 is a refusal.
    """
    no_network = leave_network()
    path, (memory, written, seconds, parent) = Path(arguments[0]), map(int, arguments[1:5])
    end_with_parent(parent)
    target = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not get into the result
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    limit_resources(memory=memory, written=written, seconds=seconds)
    refuse_events()
    try:
        weights = convert(path, target, most_bytes=written)
    except Refusal as refusal:
        return _tell({"refused": refusal.kind, "reason": refusal.reason}, 3)
    except Exception as error:  # noqa: BLE001  the boundary of the process: its parent tells of it
        explained = _explained(error)
        return _tell({"refused": explained.kind, "reason": explained.reason}, 3)
    return _tell({"tensors": len(weights.tensors), "dropped": weights.dropped, "no_network": no_network}, 0)


def convert(path: Path, target: BinaryIO, *, most_bytes: int) -> Weights:
    """Write what a pickle holds into `target`. Raises Refusal, and whatever torch does for a damaged file."""
    weights = weights_in(load(path))
    if not weights.tensors:
        raise Refusal("unsupported", "it holds no weights")
    outlines = {name: TensorOutline(one.dtype, tuple(one.shape)) for name, one in weights.tensors.items()}
    # A few bytes can describe a tensor of any size, all of whose numbers are the same one.
    if sum(outline.bytes for outline in outlines.values()) > most_bytes:
        raise Refusal("unsupported", "its tensors would be far larger than the file")
    with target:
        write_weights(target, outlines, {"format": "pt", **weights.metadata}, lambda name: _cut(weights.tensors[name]))
    return weights


def load(path: Path) -> Any:
    """The content of a pickle that torch wrote, read without running anything in it. Raises Refusal."""
    is_zip = zipfile.is_zipfile(path)
    if is_zip:
        _check_archive(path)
    names = _names_in(path, is_zip)
    stand_ins: list[Any] = [(_stand_in(name), name) for name in sorted(names) if _may_stand_in(name)]
    try:
        with torch.serialization.safe_globals(stand_ins):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=is_zip)
    except UnpicklingError as error:
        known = ("torch.", "collections.OrderedDict", "_codecs.encode", "collections.Counter", "builtins.set")
        others = [name for name in sorted(names) if not _may_stand_in(name) and not name.startswith(known)]
        if others:
            told = ", ".join(name[:80] for name in others[:5])
            raise Refusal(
                "unsupported", f"besides weights it names programs ({told}), none of which was run"
            ) from error
        raise Refusal("unsupported", "it holds more than weights, or is damaged") from error


def weights_in(content: Any) -> Weights:
    """The weights in what was loaded, under the names that their safetensors files have."""
    weights = Weights()
    if not isinstance(content, Mapping):
        raise Refusal("unsupported", "it holds no weights by name, but a single object")
    if "string_to_param" in content:
        _take_embedding(content, weights)
    elif _is_vector(content):
        name, vectors = next(iter(content.items()))
        weights.metadata["name"] = str(name)
        _take(EMBEDDING, vectors.reshape(-1, vectors.shape[-1]), weights)
    else:
        for _ in range(_DEEPEST):
            wrapper = next((name for name in _WRAPPERS if isinstance(content.get(name), Mapping)), None)
            if wrapper is None:
                break
            _tell_of(content, weights, without=wrapper)
            content = content[wrapper]
        if any(isinstance(name, int) for name in content):
            _tell_of({name: value for name, value in content.items() if isinstance(name, str)}, weights)
            content = {name: value for name, value in content.items() if isinstance(name, int)}
        _flatten(content, "", weights, 0)
    return weights


def _take_embedding(content: Mapping[Any, Any], weights: Weights) -> None:
    """Vectors as A1111 and the first textual inversion trainer saved them."""
    params = content["string_to_param"]
    if isinstance(params, StandIn):
        state = params.state if isinstance(params.state, Mapping) else {}
        params = state.get("_parameters") or state
    found = [
        (name, value) for name, value in (params.items() if isinstance(params, Mapping) else ()) if _is_tensor(value)
    ]
    if not found:
        raise Refusal("unsupported", "it is an embedding without vectors")
    _take(EMBEDDING, found[0][1], weights)
    weights.dropped += [f"string_to_param.{name}" for name, _ in found[1:]][:_MOST_DROPPED]
    _tell_of(content, weights, without="string_to_param")


def _is_vector(content: Mapping[Any, Any]) -> bool:
    """Whether it is an embedding as diffusers saved it: one vector by its word."""
    if len(content) != 1:
        return False
    name, value = next(iter(content.items()))
    return "." not in str(name) and _is_tensor(value) and value.ndim in (1, 2) and value.shape[-1] in _EMBEDDING_WIDTHS


def _flatten(content: object, name: str, weights: Weights, depth: int) -> None:
    """Take every tensor in nested mappings and lists, named by its way from the top."""
    if _is_tensor(content):
        _take(name, content, weights)
    elif isinstance(content, (Mapping, list, tuple)) and depth < _DEEPEST:
        entries = content.items() if isinstance(content, Mapping) else enumerate(content)
        for key, value in entries:
            if isinstance(key, (str, int)):
                _flatten(value, f"{name}.{key}" if name else str(key), weights, depth + 1)
    elif len(weights.dropped) < _MOST_DROPPED:
        weights.dropped.append(f"{name[:200]} ({type(content).__name__})")


def _take(name: str, tensor: Any, weights: Weights) -> None:
    """Keep a tensor, or say why it is not kept."""
    plain = tensor.layout == torch.strided and not tensor.is_quantized and tensor.device.type == "cpu"
    if plain and tensor.dtype in TYPE_NAMES and name and name not in weights.tensors:
        weights.tensors[name] = tensor.detach().resolve_neg()
    elif len(weights.dropped) < _MOST_DROPPED:
        weights.dropped.append(f"{name[:200]} ({tensor.dtype})")


def _tell_of(content: Mapping[Any, Any], weights: Weights, without: str = "") -> None:
    """Put what stands beside weights into the metadata, where it is short and simple, else on the list of losses."""
    for name, value in content.items():
        if name == without:
            continue
        simple = isinstance(value, (str, int, float, bool)) or _is_short_list(value)
        if isinstance(name, str) and simple and (name in _TOLD or without != "state_dict"):
            weights.metadata[name[:100]] = value[:1000] if isinstance(value, str) else json.dumps(value)
        elif value is not None and len(weights.dropped) < _MOST_DROPPED:
            weights.dropped.append(f"{str(name)[:200]} ({type(value).__name__})")


def _is_short_list(value: object) -> bool:
    """As the layer structure of a hypernetwork is."""
    return (
        isinstance(value, (list, tuple)) and len(value) <= 100 and all(isinstance(one, (int, float)) for one in value)
    )


def _is_tensor(value: object) -> bool:
    return isinstance(value, torch.Tensor)


def _cut(tensor: torch.Tensor) -> Iterator[torch.Tensor]:
    """The numbers in their order; of tensors that share memory each gets its own."""
    flat = tensor.reshape(-1)
    for begin in range(0, flat.numel(), _PIECE):
        yield flat[begin : begin + _PIECE]


def _check_archive(path: Path) -> None:
    """Raises Refusal for archives that torch did not write, or that hold programs."""
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
    parts = [tuple(entry.filename.split("/")) for entry in entries]
    if any("code" in part[:-1] or part[-1] in ("constants.pkl", "bytecode.pkl") for part in parts):
        raise Refusal("unsupported", "it is a TorchScript archive, which holds a program besides its weights")
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise Refusal("unsupported", "it is a compressed archive, which torch does not write")


def _names_in(path: Path, is_zip: bool) -> set[str]:
    """Every class and function that a pickle names, by reading its instructions without carrying them out."""
    names: set[str] = set()
    if is_zip:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.namelist():
                if entry.endswith("data.pkl"):
                    names |= _names_in_pickle(archive.open(entry))
        return names
    with path.open("rb") as file:
        for _ in range(_LEGACY_PICKLES):  # magic number, version, byte order, then the weights' own
            names |= _names_in_pickle(file)
            if not file.peek(1):
                break
    return names


def _names_in_pickle(file: Any) -> set[str]:
    """Up to the end of one pickle. Protocol 4's way to name things is reported as such: torch refuses it."""
    names: set[str] = set()
    recent: list[str] = []
    for code, argument, _ in pickletools.genops(file):
        if code.name in ("GLOBAL", "INST"):
            module, _, name = str(argument).partition(" ")
            names.add(f"{_OLD_MODULES.get(module, module)}.{name}")
        elif code.name == "STACK_GLOBAL":
            names.add(".".join(recent[-2:]))
        elif isinstance(argument, str):
            recent = [*recent[-1:], argument]
    return names


def _may_stand_in(name: str) -> bool:
    """Whether an inert object may take the place of what a file names. It could for all; of others we say so."""
    root = name.partition(".")[0]
    return root in _TRAINING_PACKAGES or name in _PLAIN_NAMES or name in (*_MAPPINGS, _PARAMETERS)


def _stand_in(name: str) -> Any:
    """A class or function of our own that the reader is to take for the one of that name."""
    if name in _MAPPINGS:
        return lambda *arguments: OrderedDict()
    if name.endswith(_MAPPING_ENDS):
        return OrderedDict
    return type("StandIn", (StandIn,), {})


def _explained(error: Exception) -> Refusal:
    """A refusal for what goes wrong in reading and writing."""
    text = str(error)
    if isinstance(error, MemoryError) or "allocate memory" in text or "Cannot allocate" in text:
        return Refusal("memory", "it needs more memory than it may have")
    if isinstance(error, Refused):
        return Refusal("unsupported", f"reading it tried something that is not allowed: {text[:200]}")
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", 0)):
        return Refusal("full", "the disk is full")
    if isinstance(error, RuntimeError) and "tar" in text and "legacy" in text:
        return Refusal("unsupported", "it is of a format that torch gave up in 2017 and does not read safely")
    detail = " ".join(islice(text.split(), 30))
    return Refusal("broken", f"it is damaged, or no file that torch wrote ({type(error).__name__}: {detail[:200]})")


def _tell(told: Mapping[str, object], code: int) -> int:
    print("\n" + json.dumps(told), file=sys.stderr, flush=True)  # noqa: T201  the process's answer
    return code
