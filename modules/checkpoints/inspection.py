"""Looks at a file or folder of weights without loading them, and says what it is or what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, get_type_hints

from modules.checkpoints.identification import identify, read_json
from modules.checkpoints.weights_header import read_header
from modules.checkpoints.weights_identity import Task, WeightsIdentity, identify_weights
from modules.checkpoints.weights_kinds import FAMILY_TITLES
from modules.errors import BrokenModel, UnsupportedModel

_TASKS: dict[object, Task] = {9: "inpainting", 8: "pix2pix"}
_TYPES = {name: (kind if isinstance(kind, type) else object) for name, kind in get_type_hints(WeightsIdentity).items()}


@dataclass(frozen=True)
class Finding:
    """What a file is, or why nobody can tell."""

    identity: WeightsIdentity | None = None
    problem: str = ""
    is_broken: bool = False
    """Whether the problem is damage, and not a kind that cannot be used."""
    is_lasting: bool = True
    """Whether it holds until the file changes."""

    def as_fact(self) -> dict[str, Any]:
        """As JSON holds it."""
        identity = None if self.identity is None else asdict(self.identity)
        return {"identity": identity, "problem": self.problem, "is_broken": self.is_broken}


def finding_from_fact(fact: Any) -> Finding | None:
    """What `as_fact` gave; None for anything else."""
    if not isinstance(fact, dict):
        return None
    identity, problem, is_broken = fact.get("identity"), fact.get("problem"), fact.get("is_broken")
    if not isinstance(problem, str) or not isinstance(is_broken, bool):
        return None
    if identity is None:
        return Finding(None, problem, is_broken)
    if not isinstance(identity, dict) or identity.keys() != {field.name for field in fields(WeightsIdentity)}:
        return None
    if not all(isinstance(value, _TYPES[name]) for name, value in identity.items()):
        return None
    return Finding(WeightsIdentity(**identity), problem, is_broken)


def inspect_file(path: Path) -> Finding:
    """What a file holds by its header."""
    try:
        return Finding(identify_weights(read_header(path)))
    except BrokenModel as error:
        return Finding(problem=str(error), is_broken=True)
    except UnsupportedModel as error:
        return Finding(problem=str(error))
    except OSError as error:
        return Finding(problem=_unreadable(path, error), is_broken=True, is_lasting=False)


def inspect_folder(folder: Path, name: str) -> Finding:
    """What a folder in diffusers' format holds by its configurations; the headers of its weights are checked."""
    try:
        identity = _identity_of_folder(folder, name)
        for path in sorted(folder.rglob("*.safetensors")):
            read_header(path)
    except UnsupportedModel as error:
        return Finding(problem=str(error))
    except (OSError, ValueError, BrokenModel) as error:
        return Finding(
            problem=f"Model {name!r} cannot be loaded: {_first_line(error)} "
            f"A file in {folder} is damaged or missing: copy the folder there again.",
            is_broken=True,
            is_lasting=not isinstance(error, OSError),
        )
    return Finding(identity)


def _identity_of_folder(folder: Path, name: str) -> WeightsIdentity:
    kind = identify(folder, name)
    network: Mapping[str, Any] = read_json(folder / "unet" / "config.json")
    schedule = read_json(folder / "scheduler" / "scheduler_config.json")
    task = _TASKS.get(network.get("in_channels"), "plain")
    words = {"plain": "", "inpainting": " inpainting", "pix2pix": " InstructPix2Pix"}[task]
    return WeightsIdentity(
        "checkpoint",
        f"{FAMILY_TITLES[kind.family]}{words} checkpoint",
        kind.family,
        kind.prediction_type,
        bool(schedule.get("rescale_betas_zero_snr", False)),
        task,
        layout="diffusers",
    )


def _unreadable(path: Path, error: OSError) -> str:
    reason = error.strerror or type(error).__name__
    return f"{path.name} cannot be read: {reason}. Look whether it is still there and whether you may read it."


def _first_line(error: BaseException) -> str:
    line = (str(error).strip().split("\n") or [""])[0][:300]
    return line if line.endswith(".") else line + "."
