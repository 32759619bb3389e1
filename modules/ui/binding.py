"""From the components of a form to a request and back, by the names of the request's fields."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

from gradio.components import Component

from modules.checkpoints.card import Recommended
from modules.diffusion.names import BUILT_IN_NAMES, CUSTOM, SamplerName, SamplingNames
from modules.errors import InvalidRequest
from modules.hooks import Available
from modules.schema.refusals import LABELS
from modules.schema.requests import AUTOMATIC, REQUESTS, Img2ImgRequest, Options, Request, Task, Txt2ImgRequest
from modules.ui.request_controls import COMPOSED, held

_ANY_SAMPLER = SamplerName("", ())


_OPEN = {name for name, field in Request.model_fields.items() if field.default is None} - Options.model_fields.keys()
"""What a request may leave to checkpoint and settings."""
_OF_LISTS = (
    "hr_upscaler",
    "hr_checkpoint_name",
    "hr_sampler_name",
    "hr_scheduler",
    "refiner_checkpoint",
    "sd_vae",
    "sd_upscale_upscaler",
)


class RequestFields:
    """One component for each field of a task's request, but for those that are composed: `form["seed"]`."""

    def __init__(self, task: Task, components: Mapping[str, Component]) -> None:
        self.task = task
        self.request = REQUESTS[task]
        names = [name for name in self.request.model_fields if name not in COMPOSED]
        if components.keys() != set(names):
            raise KeyError(f"no or no known field: {sorted(components.keys() ^ set(names))}")
        self._components = {name: components[name] for name in names}

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
    available: Available | None = None
    """Where the names of upscalers and of other passes' samplers and models come from; None: every name is known."""
    sampling: SamplingNames = BUILT_IN_NAMES
    """The samplers and schedules."""


def request_of(
    values: Mapping[Component, Any],
    form: RequestFields,
    composed: Mapping[str, Any] | None = None,
    without: Collection[str] = (),
) -> Txt2ImgRequest | Img2ImgRequest:
    """The request that a form asks for; an empty field is one left to the checkpoint. Raises InvalidRequest.

    `composed` are the fields that no component holds, `without` names those that do not count now.
    """
    given = {name: values[component] for name, component in form.by_name().items() if name not in without}
    filled_in = {name: value for name, value in given.items() if value not in (None, "")}
    return form.request.of({**filled_in, **(composed or {})})


def filled(
    form: RequestFields, request: Txt2ImgRequest | Img2ImgRequest, known: Known
) -> tuple[dict[Component, Any], tuple[str, ...]]:
    """Values that make the form ask for `request`, and sentences about those that it cannot hold.

    Fields that the request leaves to checkpoint and settings keep what they have; empty options are emptied.
    """
    components = form.by_name()
    values: dict[str, Any] = {
        name: held(name, value)
        for name, value in request.model_dump(include=set(components)).items()
        if value is not None or name not in _OPEN
    }
    values["styles"] = [name for name in request.styles if name in known.styles]
    dropped = [_not_here("styles", name) for name in request.styles if name not in known.styles]
    shown: dict[str, Callable[[], str | None]] = {
        "sampler_name": lambda: request.sampler_name and known.sampling.find_sampler(request.sampler_name).name,
        "scheduler": lambda: _shown_schedule(request, known.sampling),
        "model": lambda: request.model and _known_model(request.model, known.models),
        **{name: partial(_listed, name, values[name], known) for name in _OF_LISTS if values.get(name)},
    }
    for name, show in shown.items():
        try:
            values[name] = show()
        except InvalidRequest:
            values[name] = None
            dropped.append(_not_here(name, getattr(request, name)))
        if values[name] is None:
            del values[name]
    return {component: values[name] for name, component in components.items() if name in values}, tuple(dropped)


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


def _listed(name: str, value: str, known: Known) -> str:
    """A name as a list of the form has it, in any case."""
    if known.available is None:
        return value
    by_case = {one.lower(): one for one in known.available.choices_of(name)}
    if value.lower() not in by_case:
        raise InvalidRequest(LABELS[name], value, "is not here", "")
    return by_case[value.lower()]


def _shown_schedule(request: Request, names: SamplingNames) -> str | None:
    """The entry of the list that runs a request's schedule, which an old combined sampler name may hold.

    One that belongs to a sampler (Timesteps) is its Automatic. Raises InvalidRequest for an unknown one.
    """
    asked, (sampler, combined) = request.scheduler, _sampler_of(request, names)
    automatic = asked is None or asked.strip().lower() == AUTOMATIC.lower()
    if automatic and combined is None:
        return asked and AUTOMATIC
    if sampler is None:
        run = names.find_schedule(asked or AUTOMATIC, _ANY_SAMPLER)
    else:
        _, run = names.find_pair(request.sampler_name or "", asked)
    return run if run in (*names.schedule_names, CUSTOM) else AUTOMATIC


def _sampler_of(request: Request, names: SamplingNames) -> tuple[SamplerName | None, str | None]:
    """A request's sampler, None where it is open or unknown, and the schedule in its name."""
    try:
        return names.split_sampler(request.sampler_name or "")
    except InvalidRequest:
        return None, None
