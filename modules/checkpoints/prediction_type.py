"""What a checkpoint's network predicts, where its header does not tell.

The order: the `prediction_type` of the card ("epsilon" or "v_prediction"), `parameterization: "v"` in a .yaml file of
the checkpoint's name, the header's marks and metadata. Where all are silent on a Stable Diffusion 2, whose two kinds
have one layout, the network has to be asked when it is loaded; until then its name is the only hint there is. A name
that says nothing counts as the kind of 768 pixels, which predicts v: most models made of Stable Diffusion 2 come from
it, and the picture of a wrong guess is plain noise, which nobody takes for the model's own.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from modules.checkpoints.identification import Prediction
from modules.checkpoints.side_files import SideFiles
from modules.checkpoints.weights_identity import WeightsIdentity

YAML = ".yaml"
"""Ends the name of the file beside a checkpoint that configured it for the original program."""
_MOST_YAML_BYTES = 1 << 16
"""The parser is slow; configurations of the original program have 2 KiB."""
_EPSILON_WORDS = {"512", "base", "turbo", "eps", "epsilon"}
_V_WORDS = {"768", "v", "vpred"}
_BY_TEXT: dict[str, Prediction] = {
    "v": "v_prediction",
    "v_prediction": "v_prediction",
    "eps": "epsilon",
    "epsilon": "epsilon",
}


def decide_prediction(identity: WeightsIdentity, path: Path) -> WeightsIdentity:
    """The identity of a checkpoint with what its card and its .yaml file say; of anything else as it is."""
    if identity.kind != "checkpoint" or identity.family is None:
        return identity
    card, side = SideFiles(path, is_folder=False).user_metadata(), _side_file(path)
    zero_snr = card.get("zero_terminal_snr")
    found = (
        _BY_TEXT.get(str(card.get("prediction_type")))
        or _BY_TEXT.get(str(side.get("parameterization")))
        or identity.prediction_type
    )
    return replace(
        identity,
        prediction_type=found,
        zero_terminal_snr=zero_snr if isinstance(zero_snr, bool) else identity.zero_terminal_snr,
    )


def likely_prediction(identity: WeightsIdentity, name: str) -> Prediction:
    """What the network predicts; of a Stable Diffusion 2 that tells nothing, what the checkpoint's name hints at."""
    if identity.prediction_type is not None:
        return identity.prediction_type
    words = set(re.split("[^a-z0-9]", name.lower()))
    if words & _V_WORDS:
        return "v_prediction"
    if words & _EPSILON_WORDS or identity.task == "inpainting":
        return "epsilon"  # the only inpainting model that Stable Diffusion 2 was published with
    return "v_prediction"


def _side_file(path: Path) -> dict[str, Any]:
    """The parameters of the model in a configuration of the original program."""
    try:
        content = yaml.safe_load(_small_file(path.with_suffix(YAML)))
        params = content["model"]["params"]
    except (OSError, ValueError, yaml.YAMLError, TypeError, KeyError, RecursionError):
        return {}
    return params if isinstance(params, dict) else {}


def _small_file(path: Path) -> bytes:
    """Raises OSError, ValueError for a file that is too large to be one of these."""
    with path.open("rb") as file:
        content = file.read(_MOST_YAML_BYTES + 1)
    if len(content) > _MOST_YAML_BYTES:
        raise ValueError
    return content
