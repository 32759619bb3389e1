"""Training state on disk: one safetensors file per state, facts as JSON in its header, replaced in one move.

A training killed at any moment leaves the last whole file. Knows nothing of what the tensors mean.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn, optim

Facts = dict[str, float | int | str]


def write_state(path: Path, tensors: Mapping[str, Tensor], facts: Facts) -> None:
    """Write tensors and facts under a temporary name, then put them in place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".unfinished")
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    save_file(plain, unfinished, metadata={"facts": json.dumps(facts)})
    unfinished.replace(path)


def read_state(path: Path) -> tuple[dict[str, Tensor], Facts]:
    """The tensors and facts of a state file."""
    with safe_open(path, framework="pt") as file:
        facts: Facts = json.loads((file.metadata() or {}).get("facts", "{}"))
        return {name: file.get_tensor(name) for name in file.keys()}, facts


def under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors with a prefix put before their names."""
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def within(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names have the prefix, without it."""
    return {name[len(prefix) + 1 :]: tensor for name, tensor in tensors.items() if name.startswith(prefix + ".")}


def optimizer_tensors(optimizer: optim.Optimizer, named: Mapping[str, nn.Parameter]) -> dict[str, Tensor]:
    """Every tensor the optimizer remembers, named after its parameter."""
    found: dict[str, Tensor] = {}
    for name, parameter in named.items():
        for key, value in optimizer.state.get(parameter, {}).items():
            found[f"{name}@{key}"] = value
    return found


def restore_optimizer(
    optimizer: optim.Optimizer, named: Mapping[str, nn.Parameter], tensors: Mapping[str, Tensor]
) -> None:
    """Give the optimizer back what `optimizer_tensors` returned."""
    for full_name, value in tensors.items():
        name, key = full_name.rsplit("@", 1)
        parameter = named[name]
        place = value if key == "step" else value.to(parameter.device)
        optimizer.state[parameter][key] = place
