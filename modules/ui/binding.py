"""From the components of a form to a request and back, by the names of the request's fields."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any

from gradio.components import Component

from modules.checkpoints.card import Recommended
from modules.diffusion.names import SCHEDULE_NAMES, find_sampler, find_schedule
from modules.errors import InvalidRequest
from modules.schema.refusals import LABELS
from modules.schema.requests import AUTOMATIC, Txt2ImgRequest


@dataclass(frozen=True)
class RequestFields:
    """One component for each field of Txt2ImgRequest, under the field's name."""

    prompt: Component
    negative_prompt: Component
    steps: Component
    sampler_name: Component
    scheduler: Component
    cfg_scale: Component
    seed: Component
    width: Component
    height: Component
    batch_count: Component
    batch_size: Component
    clip_skip: Component
    rng: Component
    model: Component

    def by_name(self) -> dict[str, Component]:
        """The components under the names of their fields."""
        return {row.name: getattr(self, row.name) for row in fields(self)}

    def components(self) -> list[Component]:
        """The components in the order of the fields."""
        return list(self.by_name().values())


def request_of(values: Mapping[Component, Any], form: RequestFields) -> Txt2ImgRequest:
    """The request that a form asks for; an empty field is one left to the checkpoint. Raises InvalidRequest."""
    given = {name: values[component] for name, component in form.by_name().items()}
    return Txt2ImgRequest.of({name: value for name, value in given.items() if value not in (None, "")})


def filled(
    form: RequestFields, request: Txt2ImgRequest, known_models: Collection[str]
) -> tuple[dict[Component, Any], tuple[str, ...]]:
    """Values that make the form ask for `request`, and sentences about those that it cannot hold.

    Fields that the request leaves open keep what they have.
    """
    values: dict[str, Any] = {name: value for name, value in request.model_dump().items() if value is not None}
    values["seed"] = str(request.seed)  # as text: a browser's numbers end at 2**53
    sampler_name = str(values.get("sampler_name", ""))
    choices: dict[str, Callable[[str], str]] = {
        "sampler_name": lambda name: find_sampler(name).name,
        "scheduler": lambda name: _shown_schedule(name, sampler_name),
        "model": lambda name: _known_model(name, known_models),
    }
    dropped = []
    for name in choices.keys() & values.keys():
        try:
            values[name] = choices[name](values[name])
        except InvalidRequest:
            dropped.append(f"{LABELS[name]} {values.pop(name)!r} is not here; yours is kept.")
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


def _known_model(name: str, known: Collection[str]) -> str:
    if name not in known:
        raise InvalidRequest(LABELS["model"], name, "is not here", "")
    return name


def _shown_schedule(name: str, sampler_name: str) -> str:
    """The entry of the list that runs the schedule `name`; one that belongs to a sampler (DDIM) is its Automatic."""
    listed = {row.lower(): row for row in SCHEDULE_NAMES}.get(name.strip().lower())
    if listed is not None:
        return listed
    find_schedule(name, find_sampler(sampler_name))
    return AUTOMATIC
