"""Recorded shapes of A1111's answers, and whether a value has one.

"str", "int", "number", "bool", "null", "object", "list", "any", two of them with "or" between; [shape] is a list of
such; {"name": shape} an object with exactly these names, with "..." further ones, {"*": shape} one with any names.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "shapes"
_KINDS: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "number": (int, float),
    "bool": (bool,),
    "null": (type(None),),
    "object": (dict,),
    "list": (list,),
}


def recorded(name: str) -> dict[str, Any]:
    """One file of shapes."""
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return found


def misfits(value: Any, shape: Any, where: str = "answer") -> list[str]:
    """What a value lacks or has in another kind than its shape says."""
    if isinstance(shape, str):
        return [] if _is(value, shape) else [f"{where} is {value!r}, no {shape}"]
    if isinstance(shape, list):
        if not isinstance(value, list):
            return [f"{where} is no list"]
        return [row for place, one in enumerate(value) for row in misfits(one, shape[0], f"{where}[{place}]")]
    if not isinstance(value, dict):
        return [f"{where} is no object"]
    if "*" in shape:
        return [row for name, one in value.items() for row in misfits(one, shape["*"], f"{where}.{name}")]
    names = shape.keys() - {"..."}
    strange = set() if "..." in shape else value.keys() - names
    found = [f"{where}.{name} is missing" for name in sorted(names - value.keys())]
    found += [f"{where}.{name} is not known" for name in sorted(strange)]
    return found + [
        row for name in names & value.keys() for row in misfits(value[name], shape[name], f"{where}.{name}")
    ]


def _is(value: Any, words: str) -> bool:
    kinds = words.split(" or ")
    if "any" in kinds:
        return True
    if isinstance(value, bool):
        return "bool" in kinds
    return any(isinstance(value, _KINDS[kind]) for kind in kinds)
