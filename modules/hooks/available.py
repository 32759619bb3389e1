"""What there is to choose from, and what a request consists of: what forms and scripts are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import UnionType
from typing import Any, Literal, Protocol, Union, get_args, get_origin

from modules.schema.refusals import LABELS
from modules.schema.requests import REQUESTS, RESOLVED, Task

FieldKind = Literal["whole", "number", "switch", "choice", "text", "list"]
"""A whole number, any number, on or off, one of some words, any text, several values."""

_KINDS: dict[object, FieldKind] = {int: "whole", float: "number", bool: "switch", str: "text"}
_NAMES_OF = {
    "sampler_name": "samplers",
    "hr_sampler_name": "samplers",
    "scheduler": "schedules",
    "hr_scheduler": "schedules",
    "model": "models",
    "hr_checkpoint_name": "models",
    "refiner_checkpoint": "models",
    "sd_vae": "vaes",
    "hr_upscaler": "hires_upscalers",
    "sd_upscale_upscaler": "upscalers",
    "styles": "styles",
}
"""Which names belong into a field."""


@dataclass(frozen=True)
class RequestField:
    """A field of a request. `choices` are those that the request itself knows; names of models and the like are not."""

    name: str
    label: str
    kind: FieldKind
    choices: tuple[str, ...] = ()


class WithArguments(Protocol):
    """What has a name, and arguments of the classes in `arguments`, which are made with the lists below."""

    @property
    def name(self) -> str:
        """By which people and requests call it."""

    @property
    def arguments(self) -> tuple[Any, ...]:
        """In the order of the page."""


@dataclass(frozen=True)
class Available:
    """The names in an installation, for one task, in the order in which a list shows them."""

    task: Task
    """"txt2img" or "img2img"."""
    samplers: tuple[str, ...] = ()
    """By their names."""
    schedules: tuple[str, ...] = ()
    """Automatic first."""
    models: tuple[str, ...] = ()
    """Checkpoints by their names."""
    vaes: tuple[str, ...] = ()
    """Files by their names, and the words for what belongs to a checkpoint and what is inside of it."""
    upscalers: tuple[str, ...] = ()
    """Those of pictures."""
    hires_upscalers: tuple[str, ...] = ()
    """The upscalers, and the latent modes."""
    styles: tuple[str, ...] = ()
    """By their names."""
    sections: tuple[WithArguments, ...] = ()
    """Those of the task, in the order of the page."""

    @cached_property
    def fields(self) -> Mapping[str, RequestField]:
        """The fields of the task's resolved request that a person can give, by name."""
        given = REQUESTS[self.task].model_fields.keys() - {"script_name", "script_args", "sections"}
        rows = RESOLVED[self.task].model_fields
        return {name: _field(name, row.annotation) for name, row in rows.items() if name in given}

    def choices_of(self, name: str) -> tuple[str, ...]:
        """What a field may be set to, where that is one of some words; empty for any other field."""
        if name in _NAMES_OF:
            names: tuple[str, ...] = getattr(self, _NAMES_OF[name])
            return names
        return self.fields[name].choices if name in self.fields else ()


def _field(name: str, annotation: object) -> RequestField:
    plain = _without_wrapping(annotation)
    label = LABELS.get(name, name)
    if get_origin(plain) is Literal:
        return RequestField(name, label, "choice", get_args(plain))
    return RequestField(name, label, "choice" if name in _NAMES_OF and plain is str else _KINDS.get(plain, "list"))


def _without_wrapping(annotation: Any) -> Any:
    """The type itself, of one that may be None or has limits."""
    if get_origin(annotation) in (Union, UnionType):
        annotation = next(row for row in get_args(annotation) if row is not type(None))
    while hasattr(annotation, "__metadata__"):
        annotation = annotation.__origin__
    return annotation
