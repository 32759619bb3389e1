"""Whose work this program stands on: the installed packages and their licences."""

from __future__ import annotations

from functools import cache
from importlib.metadata import Distribution, distributions

_CLASSIFIER = "License :: "
_LONGEST = 120


@cache
def licences() -> tuple[tuple[str, str, str], ...]:
    """Name, version and licence of every installed package, by name."""
    found = {one.metadata["Name"]: one for one in distributions() if one.metadata["Name"]}
    return tuple((name, found[name].version, _licence(found[name])) for name in sorted(found, key=str.lower))


def _licence(package: Distribution) -> str:
    """What its metadata says: the expression, else its classifiers, else the first line of the text."""
    metadata = package.metadata
    expression, text = (str((metadata.get_all(key) or [""])[0]) for key in ("License-Expression", "License"))
    classifiers = [one for one in metadata.get_all("Classifier") or () if one.startswith(_CLASSIFIER)]
    classified = ", ".join(one.rpartition(" :: ")[2] for one in classifiers)
    return expression[:_LONGEST] or classified or text.strip().split("\n")[0][:_LONGEST] or "see the package"
