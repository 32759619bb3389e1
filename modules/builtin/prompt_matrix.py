"""Prompt matrix: of a|b|c, a with every combination of b and c, and a grid of the pictures."""

from __future__ import annotations

from modules.builtin.cells import as_far_as_made, check_grid, said, tile
from modules.builtin.prompt_parts import parts
from modules.hooks import (
    Arguments,
    Choice,
    Drafting,
    InvalidRequest,
    Number,
    Resolved,
    Script,
    ScriptContext,
    Switch,
    grid,
    hookimpl,
    typed,
)

MAX_PARTS = 10
"""That may be there or not: a thousand pictures."""


def combinations(prompt: str, *, at_start: bool, joint: str) -> list[str]:
    """The prompts of a matrix; bit k of a prompt's number says whether part k + 1 is in it."""
    always, *optional = (part.strip() for part in parts(prompt))
    optional = [part.strip(",") for part in optional]
    found = []
    for number in range(2 ** len(optional)):
        chosen = [part for bit, part in enumerate(optional) if number >> bit & 1]
        found.append(joint.join(filter(None, [*chosen, always] if at_start else [always, *chosen])))
    return found


class PromptMatrix(Script):
    """A1111's script of that name."""

    name = "Prompt matrix"
    help = "of a|b|c in the prompt: a with every combination of b and c"
    arguments = (
        Switch(name="put_at_start", label="Put variable parts at start of prompt", key="Matrix variable parts first"),
        Switch(
            name="different_seeds",
            label="Use different seed for each picture",
            key="Matrix different seeds",
        ),
        Choice(
            name="prompt_type",
            label="Select prompt",
            key="Matrix prompt",
            choices=("positive", "negative"),
            default="positive",
        ),
        Choice(
            name="variations_delimiter",
            label="Select joining char",
            key="Matrix joining char",
            choices=("comma", "space"),
            default="comma",
        ),
        Number(
            name="margin_size",
            label="Grid margins (px)",
            key="Grid margin",
            default=0,
            minimum=0,
            maximum=500,
            step=2,
            whole=True,
        ),
    )

    def check(self, base: Resolved, arguments: Arguments, context: Drafting) -> None:
        check_grid(_requests(base, arguments, context), self.name, context)

    def run(self, base: Resolved, arguments: Arguments, context: ScriptContext) -> None:
        requests = _requests(base, arguments, context)
        context.plan(len(requests), sum(request.steps * request.picture_count for request in requests))
        tiles = []
        with context.until_interrupted():
            for number, request in enumerate(requests, 1):
                context.stage(f"Prompt {number} of {len(requests)}")
                tiles.append(tile(context.paint(request)))
        if not (cells := as_far_as_made(tiles, len(requests))):
            return
        context.stage("Drawing the grid")
        optional = [part.strip() for part in parts(typed(base, _field(arguments)))[1:]]
        across = (len(optional) + 1) // 2
        drawn = grid(
            cells,
            2**across,
            column_legends=said(_legends(optional[:across])),
            row_legends=said(_legends(optional[across:])),
            margin=arguments["margin_size"],
        )
        context.save_grid(drawn, self.parameters(arguments))


def _field(arguments: Arguments) -> str:
    return "prompt" if arguments["prompt_type"] == "positive" else "negative_prompt"


def _requests(base: Resolved, arguments: Arguments, context: Drafting) -> list[Resolved]:
    field = _field(arguments)
    count = len(parts(typed(base, field))) - 1
    label = context.available.fields[field].label
    if count < 1:
        raise InvalidRequest(label, typed(base, field), "has no variable part", "Put | between its parts, like a|b|c.")
    if count > MAX_PARTS:
        raise InvalidRequest(label, count, "variable parts are too many", f"The most is {MAX_PARTS}.")
    joint = ", " if arguments["variations_delimiter"] == "comma" else " "
    prompts = combinations(typed(base, field), at_start=arguments["put_at_start"], joint=joint)
    stride = base.picture_count if arguments["different_seeds"] else 0
    return [
        context.changed(base, {field: prompt, "seed": base.seed + number * stride})
        for number, prompt in enumerate(prompts)
    ]


def _legends(optional: list[str]) -> list[str]:
    """For every combination the parts that are in it, and a hyphen for those that are not."""
    return [
        "\n".join(part if number >> bit & 1 else "-" for bit, part in enumerate(optional))
        for number in range(2 ** len(optional))
    ]


@hookimpl
def register_scripts() -> list[Script]:
    """The matrix."""
    return [PromptMatrix()]
