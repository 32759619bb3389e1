"""Goes from one seed to another in small steps: the worked example of docs/extensions.md."""

from __future__ import annotations

import numpy as np

from modules.hooks import (
    Arguments,
    Drafting,
    InvalidRequest,
    Number,
    Resolved,
    ResultAction,
    ResultAnswer,
    ResultContext,
    Script,
    ScriptContext,
    grid,
    hookimpl,
)


class SeedTravel(Script):
    """The noise of the first seed is turned into that of the second, and each stop is painted."""

    name = "Seed travel"
    help = "from the seed of the form to another one, in small steps"
    arguments = (
        Number(
            name="destination",
            label="Destination seed",
            help="the seed of the last picture",
            key="Seed travel destination",
            default=1,
            minimum=0,
            maximum=2**32 - 1,
            whole=True,
        ),
        Number(
            name="stops",
            label="Stops",
            help="how many pictures there are, the first and the last included",
            key="Seed travel stops",
            default=5,
            minimum=2,
            maximum=60,
            whole=True,
        ),
    )

    def check(self, base: Resolved, arguments: Arguments, context: Drafting) -> None:
        if base.picture_count > 1:
            raise InvalidRequest(
                "Batch", base.picture_count, "has more than one picture", "Set batch count and batch size to 1."
            )

    def run(self, base: Resolved, arguments: Arguments, context: ScriptContext) -> None:
        stops = arguments["stops"]
        context.plan(stops, stops * base.steps)
        pictures: list[np.ndarray] = []
        with context.until_interrupted():
            for stop in range(stops):
                context.stage(f"Stop {stop + 1} of {stops}")
                strength = round(stop / (stops - 1), 4)
                fields = {"subseed": arguments["destination"], "subseed_strength": strength}
                pictures += [result.pixels for result in context.paint(context.changed(base, fields))]
        context.save_grid(grid(pictures, len(pictures)), self.parameters(arguments))


class TravelFromHere(ResultAction):
    """A button beside finished pictures: the journey begins with the seed of that one."""

    name = "travel"
    label = "Seed travel"
    help = "from the seed of this picture to another one, in small steps"
    audience = "user"
    needs_parameters = True
    arguments = SeedTravel.arguments

    def act(self, context: ResultContext) -> ResultAnswer:
        journey = {"script_name": SeedTravel.name, "script_args": dict(context.arguments)}
        return ResultAnswer(queue=[context.changed({**journey, "batch_count": 1, "batch_size": 1})])


@hookimpl
def register_scripts() -> list[Script]:
    """The journey."""
    return [SeedTravel()]


@hookimpl
def register_result_actions() -> list[ResultAction]:
    """The button."""
    return [TravelFromHere()]
