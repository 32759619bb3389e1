"""A1111's settings: which of them are fields of our requests, so that they can act on one request alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modules.api.sdapi.answer_format import AnswerFormat
from modules.config.settings_table import Settings
from modules.errors import InvalidRequest
from modules.schema.infotext_keys import ETA_DDIM_SAMPLERS
from modules.schema.setting_fields import FIELD_OF_SETTING

_SNR_WORDS = {"default": False, "zero terminal snr": True}
SWITCHES_MODEL = "disable_weights_auto_swap"
"""Set to False, it lets an infotext choose the model."""


@dataclass(frozen=True)
class Overrides:
    """What the settings of one request come to."""

    fields: Mapping[str, Any]
    """Those of our request."""
    without_effect: tuple[str, ...]
    """Settings that mean nothing here, and those of the server that it has otherwise: no request changes them."""


def read_overrides(given: Mapping[str, Any], sampler_name: str, known: frozenset[str], settings: Settings) -> Overrides:
    """What `override_settings` ask for, of a request with the fields `known`. Raises InvalidRequest."""
    found: dict[str, Any] = {}
    without_effect = []
    for name, value in given.items():
        field = FIELD_OF_SETTING.get(name)
        if value is None or name == SWITCHES_MODEL or name in AnswerFormat.model_fields:
            continue
        if field is None:
            if getattr(settings, name, None) != value:
                without_effect.append(name)
        elif field in known and _is_meant(name, sampler_name):
            found[field] = value_of(name, value)
    return Overrides({name: value for name, value in found.items() if value not in (None, "")}, tuple(without_effect))


def value_of(name: str, value: Any) -> Any:
    """A setting's value as our request has it. Raises InvalidRequest."""
    if name == "sd_noise_schedule":
        if str(value).strip().lower() not in _SNR_WORDS:
            raise InvalidRequest(name, value, "is not known", "Choose Default or Zero Terminal SNR.")
        return _SNR_WORDS[str(value).strip().lower()]
    return value


def _is_meant(name: str, sampler_name: str) -> bool:
    """Each sampler has one of two etas, and UniPC's order is its own."""
    if name in ("eta_ddim", "eta_ancestral"):
        return (name == "eta_ddim") == (sampler_name in ETA_DDIM_SAMPLERS)
    return name != "uni_pc_order" or sampler_name == "UniPC"
