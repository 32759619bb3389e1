"""Seamless models: whatever a task loads paints a picture that goes on at its other side."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from modules.checkpoints.loaded import LoadedModel
from modules.diffusion.seamless import seamless
from modules.pipeline.resources import Resources
from modules.schema.requests import Resolved


@contextmanager
def with_seamless_models(request: Resolved, resources: Resources) -> Iterator[Resources]:
    """The resources; every model that they give is seamless along the request's axes until the end of the context."""
    x, y = request.tiling in ("X", "Both"), request.tiling in ("Y", "Both")
    changed: list[LoadedModel] = []
    with ExitStack() as until_the_end:

        def model(name: str) -> LoadedModel:
            found = resources.model(name)
            if not any(found is one for one in changed):
                until_the_end.enter_context(seamless(found.unet, found.vae, x=x, y=y))
                changed.append(found)
            return found

        yield replace(resources, model=model) if x or y else resources
