"""What is to be done with the checkpoints of a merge, and how that is told in the result's metadata."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal, get_args

from modules.errors import InvalidRequest

Method = Literal["No interpolation", "Weighted sum", "Add difference"]
OutputType = Literal["", "fp16", "bf16", "fp32"]

METHODS: Mapping[Method, int] = {"No interpolation": 1, "Weighted sum": 2, "Add difference": 3}
"""How many checkpoints each of them takes: A; A (1 - M) + B M; A + (B - C) M."""

LOWEST_MULTIPLIER, HIGHEST_MULTIPLIER = -2.0, 3.0
"""Beyond 0 to 1 the difference is turned round or exaggerated, which people do on purpose."""

MOST_PATTERNS = 50
MOST_PATTERN_CHARACTERS = 200
MOST_FAMILY_CHARACTERS = 1 << 20
"""Of what a parent tells of its own parents."""
MOST_KEPT_CHARACTERS = 1 << 16
"""Of a text in the parents' metadata; longer ones are thumbnails and lists of captions, which grow with every merge."""


@dataclass(frozen=True)
class MergeRecipe:
    """How checkpoints are merged, checked at birth: raises InvalidRequest."""

    method: Method = "Weighted sum"
    multiplier: float = 0.3
    blocks: str = ""
    """See `block_weights`; empty: the multiplier everywhere."""
    dtype: OutputType = ""
    """Of the result's weights; empty: that of A's. Integers and the tables of the noise schedule stay as they are."""
    discard: tuple[str, ...] = ()
    """Patterns of file names (* ? [abc]) for names of tensors that are left out; no regular expressions, since those
    can be written so that they never end."""
    copy_metadata: bool = True
    """Whether the result keeps what the metadata of A, B and C say, A's word counting first."""
    custom_name: str = ""

    def __post_init__(self) -> None:
        _check_choice("Method", self.method, get_args(Method))
        _check_choice("Precision", self.dtype, get_args(OutputType))
        check_multiplier("Multiplier", self.multiplier)
        if len(self.discard) > MOST_PATTERNS or any(len(one) > MOST_PATTERN_CHARACTERS for one in self.discard):
            limit = f"{MOST_PATTERNS} patterns of {MOST_PATTERN_CHARACTERS} characters each"
            raise InvalidRequest("Discard", " ".join(self.discard), "is too long", f"Give at most {limit}.")

    def discards(self, name: str) -> bool:
        """Whether a tensor is left out."""
        return any(fnmatchcase(name, pattern) for pattern in self.discard)


@dataclass(frozen=True)
class MergeFiles:
    """What is merged: safetensors files, and the file (a VAE or a checkpoint) whose VAE is baked in."""

    primary: Path
    secondary: Path | None = None
    tertiary: Path | None = None
    vae: Path | None = None

    @property
    def parents(self) -> tuple[Path, ...]:
        return tuple(path for path in (self.primary, self.secondary, self.tertiary) if path is not None)


@dataclass(frozen=True)
class Parent:
    """What a result's metadata tell of a checkpoint that went into it."""

    name: str
    sha256: str
    legacy_hash: str
    """The first 8 digits of a hash over 64 KiB of the file, which A1111 told checkpoints apart by in 2022."""
    metadata: Mapping[str, str] = field(default_factory=dict)


def check_multiplier(field_name: str, value: float) -> None:
    """Raises InvalidRequest for what is no sensible amount."""
    if not (math.isfinite(value) and LOWEST_MULTIPLIER <= value <= HIGHEST_MULTIPLIER):
        limits = f"from {LOWEST_MULTIPLIER:g} to {HIGHEST_MULTIPLIER:g}"
        raise InvalidRequest(field_name, value, "is out of range", f"Choose a number {limits}, usually from 0 to 1.")


def result_name(recipe: MergeRecipe, names: tuple[str, ...]) -> str:
    """What the result is called if nobody says it: "0.7(A) + 0.3(B)", as A1111 does."""
    amount = round(recipe.multiplier, 2)
    if recipe.method == "No interpolation":
        return names[0]
    if recipe.method == "Weighted sum":
        return f"{round(1 - recipe.multiplier, 2)}({names[0]}) + {amount}({names[1]})"
    return f"{names[0]} + {amount}({names[1]} - {names[2]})"


def recipe_metadata(recipe: MergeRecipe, parents: tuple[Parent, ...], *, vae: str, task: str) -> dict[str, str]:
    """The metadata of a result: A1111's `sd_merge_recipe` and `sd_merge_models`, and the parents' own if asked.

    `vae` is the name of the file it was baked in from, `task` "inpainting", "pix2pix" or empty.
    """
    metadata: dict[str, str] = {}
    if recipe.copy_metadata:
        for parent in reversed(parents):
            short = {name: value for name, value in parent.metadata.items() if len(value) <= MOST_KEPT_CHARACTERS}
            metadata.update(short)
        metadata.pop("modelspec.hash_sha256", None)  # of other numbers than the result's
    hashes = [parent.sha256 for parent in parents] + [None] * (3 - len(parents))
    told: dict[str, Any] = {
        "type": "webui",
        **dict(zip(("primary_model_hash", "secondary_model_hash", "tertiary_model_hash"), hashes, strict=True)),
        "interp_method": recipe.method,
        "multiplier": recipe.multiplier,
        "save_as_half": recipe.dtype == "fp16",
        "custom_name": recipe.custom_name,
        "config_source": 0,
        "bake_in_vae": vae or "None",
        "discard_weights": " ".join(recipe.discard),
        "is_inpainting": task == "inpainting",
        "is_instruct_pix2pix": task == "pix2pix",
    }
    # Not in A1111's table, so they stand there only where they say something.
    told.update({"block_weights": recipe.blocks} if recipe.blocks.strip() else {})
    told.update({"dtype": recipe.dtype} if recipe.dtype else {})
    return {
        **metadata,
        "format": "pt",
        "sd_merge_recipe": json.dumps(told),
        "sd_merge_models": json.dumps(_family_tree(parents)),
    }


def _family_tree(parents: tuple[Parent, ...]) -> dict[str, Any]:
    """Every checkpoint that went into the result, also by way of its parents, by its hash."""
    tree: dict[str, Any] = {}
    for parent in parents:
        tree[parent.sha256] = {
            "name": parent.name,
            "legacy_hash": parent.legacy_hash,
            "sd_merge_recipe": _object(parent.metadata.get("sd_merge_recipe")),
        }
        tree.update(_object(parent.metadata.get("sd_merge_models")) or {})
    return tree


def _object(text: str | None) -> dict[str, Any] | None:
    """A JSON object out of a stranger's metadata; None where there is none, or one that is too large to hand on."""
    try:
        content = json.loads(text) if text and len(text) <= MOST_FAMILY_CHARACTERS else None
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InvalidRequest(name, value, "is not known", f"Choose one of: {', '.join(filter(None, choices))}.")
