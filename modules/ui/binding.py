"""From the components of a form to a request and back, by the names of the request's fields."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from gradio.components import Component

from modules.checkpoints.card import Recommended
from modules.diffusion.names import (
    CUSTOM,
    SCHEDULE_NAMES,
    SamplerName,
    find_pair,
    find_sampler,
    find_schedule,
    split_sampler,
)
from modules.errors import InvalidRequest
from modules.schema.refusals import LABELS
from modules.schema.requests import AUTOMATIC, Options, Txt2ImgRequest
from modules.ui.request_controls import held

SCHEDULE_CHOICES = (*SCHEDULE_NAMES, CUSTOM)
"""What the form's list of schedules offers."""
_ANY_SAMPLER = SamplerName("", ())


class RequestFields:
    """One component for each field of Txt2ImgRequest: `form["seed"]`."""

    def __init__(self, components: Mapping[str, Component]) -> None:
        if components.keys() != Txt2ImgRequest.model_fields.keys():
            raise KeyError(f"no or no known field: {sorted(components.keys() ^ Txt2ImgRequest.model_fields.keys())}")
        self._components = {name: components[name] for name in Txt2ImgRequest.model_fields}

    def __getitem__(self, name: str) -> Component:
        return self._components[name]

    def by_name(self) -> dict[str, Component]:
        """The components under the names of their fields."""
        return dict(self._components)

    def components(self) -> list[Component]:
        """The components in the order of the fields."""
        return list(self._components.values())


@dataclass(frozen=True)
class Known:
    """The names that a form's lists hold now."""

    models: Collection[str] = ()
    styles: Sequence[str] = ()


def request_of(values: Mapping[Component, Any], form: RequestFields) -> Txt2ImgRequest:
    """The request that a form asks for; an empty field is one left to the checkpoint. Raises InvalidRequest."""
    given = {name: values[component] for name, component in form.by_name().items()}
    return Txt2ImgRequest.of({name: value for name, value in given.items() if value not in (None, "")})


def filled(form: RequestFields, request: Txt2ImgRequest, known: Known) -> tuple[dict[Component, Any], tuple[str, ...]]:
    """Values that make the form ask for `request`, and sentences about those that it cannot hold.

    Fields that the request leaves to checkpoint and settings keep what they have; empty options are emptied.
    """
    values: dict[str, Any] = {
        name: value for name, value in request.model_dump().items() if value is not None or name in Options.model_fields
    }
    values = {name: held(name, value) for name, value in values.items()}
    values["styles"] = [name for name in request.styles if name in known.styles]
    dropped = [_not_here("styles", name) for name in request.styles if name not in known.styles]
    shown: dict[str, Callable[[], str | None]] = {
        "sampler_name": lambda: request.sampler_name and find_sampler(request.sampler_name).name,
        "scheduler": lambda: _shown_schedule(request),
        "model": lambda: request.model and _known_model(request.model, known.models),
    }
    for name, show in shown.items():
        try:
            values[name] = show()
        except InvalidRequest:
            values[name] = None
            dropped.append(_not_here(name, getattr(request, name)))
        if values[name] is None:
            del values[name]
    return {component: values[name] for name, component in form.by_name().items() if name in values}, tuple(dropped)


def recommended_values(recommended: Recommended) -> dict[str, Any]:
    """What a checkpoint's card recommends, by the names of the request's fields."""
    return {row.name: getattr(recommended, row.name) for row in fields(recommended)}


def following_model(
    values: Mapping[Component, Any], form: RequestFields, old: Recommended, new: Recommended
) -> dict[Component, Any]:
    """The fields to change with the model: those that still are as the old one recommends."""
    before, after = recommended_values(old), recommended_values(new)
    components = form.by_name()
    return {components[name]: after[name] for name in after if values[components[name]] == before[name]}


def _not_here(field: str, name: str) -> str:
    if field == "styles":
        return f"Style {name!r} is not here; it is left out."
    return f"{LABELS[field]} {name!r} is not here; yours is kept."


def _known_model(name: str, known: Collection[str]) -> str:
    if name not in known:
        raise InvalidRequest(LABELS["model"], name, "is not here", "")
    return name


def _shown_schedule(request: Txt2ImgRequest) -> str | None:
    """The entry of the list that runs a request's schedule, which an old combined sampler name may hold.

    One that belongs to a sampler (Timesteps) is its Automatic. Raises InvalidRequest for an unknown one.
    """
    asked, (sampler, combined) = request.scheduler, _sampler_of(request)
    automatic = asked is None or asked.strip().lower() == AUTOMATIC.lower()
    if automatic and combined is None:
        return asked and AUTOMATIC
    if sampler is None:
        run = find_schedule(asked or AUTOMATIC, _ANY_SAMPLER)
    else:
        _, run = find_pair(request.sampler_name or "", asked)
    return run if run in SCHEDULE_CHOICES else AUTOMATIC


def _sampler_of(request: Txt2ImgRequest) -> tuple[SamplerName | None, str | None]:
    """A request's sampler, None where it is open or unknown, and the schedule in its name."""
    try:
        return split_sampler(request.sampler_name or "")
    except InvalidRequest:
        return None, None
