"""X/Y/Z plot: one picture for every combination of values on up to three axes, and grids of them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np

from modules.builtin.axes import NOTHING, axes
from modules.builtin.cells import check_grid, said, tile
from modules.builtin.plot import LETTERS, Place, Plot, fixed_key
from modules.hooks import (
    Arguments,
    Available,
    Choice,
    Drafting,
    Drawn,
    Number,
    Resolved,
    Script,
    ScriptContext,
    Switch,
    Text,
    grid,
    hookimpl,
)


def _labels(available: Available, others: Arguments) -> tuple[str, ...]:
    return tuple(axes(available))


def _choices(letter: str, available: Available, others: Arguments) -> tuple[str, ...]:
    return axes(available)[others[f"{letter}_type"]].choices


class XyzPlot(Script):
    """A1111's script of that name."""

    name = "X/Y/Z plot"
    help = "a picture for every combination of values on up to three axes, and a grid of them"
    arguments = (
        *(
            argument
            for letter, row in zip(LETTERS, ("column", "row", "grid"), strict=True)
            for argument in (
                Choice(
                    name=f"{letter}_type",
                    label=f"{letter.upper()} type",
                    help=f"what varies from {row} to {row}",
                    key=f"{letter.upper()} Type",
                    choices=_labels,
                    default=NOTHING,
                ),
                Text(
                    name=f"{letter}_values",
                    label=f"{letter.upper()} values",
                    help='with commas between them; numbers also as 1-5, 1-5 (+2) or 0-1 [5]; "a, b" is one value',
                    key=f"{letter.upper()} Values",
                    suggestions=partial(_choices, letter),
                ),
            )
        ),
        Switch(name="draw_legend", label="Draw legend", key="Grid legend", default=True),
        Switch(
            name="include_lone_images",
            label="Include sub images",
            help="the cells are results beside the grid",
            default=True,
        ),
        Switch(name="include_sub_grids", label="Include sub grids", help="a grid for each value of Z", default=True),
        Switch(name="draw_grid", label="Draw grid", help="one grid of everything", default=True),
        Switch(
            name="no_fixed_seeds",
            label="Keep -1 for seeds",
            help="each cell draws its own where the seed is -1",
            key="Grid seeds drawn",
        ),
        *(
            Switch(
                name=f"vary_seeds_{letter}",
                label=f"Vary seeds for {letter.upper()}",
                help=f"the seed goes on by one from {row} to {row}",
                key=f"Vary seeds for {letter.upper()}",
            )
            for letter, row in zip(LETTERS, ("column", "row", "grid"), strict=True)
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
        Drawn(name="seed_drawn", label="Seed drawn", key="Grid seed drawn"),
        Drawn(name="subseed_drawn", label="Variation seed drawn", key="Grid variation seed drawn", field="subseed"),
    )

    def arguments_of(self, parameters: Mapping[str, str]) -> dict[str, str]:
        """Seeds that were drawn where -1 was typed count as the text says."""
        fixed = {f"{letter.upper()} Values": parameters.get(fixed_key(letter)) for letter in LETTERS}
        return super().arguments_of({**parameters, **{key: text for key, text in fixed.items() if text}})

    def explains(self, key: str) -> bool:
        return super().explains(key) or key in map(fixed_key, LETTERS)

    def check(self, base: Resolved, arguments: Arguments, context: Drafting) -> None:
        plot = Plot(base, arguments, context)
        if _draws_grids(plot, arguments):
            check_grid(plot.cells.values(), self.name, context)

    def run(self, base: Resolved, arguments: Arguments, context: ScriptContext) -> None:
        plot = Plot(base, arguments, context)
        draws = _draws_grids(plot, arguments)
        tiles = _painted(plot, shown=arguments["include_lone_images"], kept=draws, context=context)
        if not draws or not any(tile is not None for tile in tiles.values()):
            return
        columns, rows, layers = (axis.legends for axis in plot.axes)
        told, margin = arguments["draw_legend"], arguments["margin_size"]
        with_sub_grids = arguments["include_sub_grids"] and len(layers) > 1
        context.stage("Drawing the grid")
        grids = []
        for z in range(len(layers)):
            cells = [tiles.get((x, y, z)) for y in range(len(rows)) for x in range(len(columns))]
            if not any(cell is not None for cell in cells):
                continue
            grids.append(
                grid(
                    cells,
                    len(columns),
                    column_legends=said(columns) if told else (),
                    row_legends=said(rows) if told else (),
                    title=layers[z] if told else "",
                    margin=margin,
                )
            )
            if with_sub_grids:
                context.save_grid(grids[-1], plot.parameters("xy", self), request=plot.of_layer(z))
        if arguments["draw_grid"]:
            whole = grid(grids, 1, margin=margin) if len(grids) > 1 else grids[0]
            context.save_grid(whole, plot.parameters("xyz", self))


def _draws_grids(plot: Plot, arguments: Arguments) -> bool:
    return arguments["draw_grid"] or (arguments["include_sub_grids"] and len(plot.axes[2].values) > 1)


def _painted(plot: Plot, *, shown: bool, kept: bool, context: ScriptContext) -> dict[Place, np.ndarray | None]:
    """The cells' pictures, None for those that are not there or not to be kept. Cells that ask for the same are
    painted once."""
    requests = {place: cell.model_dump_json() for place, cell in plot.cells.items()}
    count = len(set(requests.values()))
    context.plan(count, sum(cell.steps * cell.picture_count for cell in plot.cells.values()))
    found: dict[str, np.ndarray | None] = {}
    with context.until_interrupted():
        for place, cell in plot.cells.items():
            context.check()
            if requests[place] not in found:
                context.stage(f"Cell {len(found) + 1} of {count}")
                results = context.paint(cell, shown=shown)
                found[requests[place]] = tile(results) if kept else None
    return {place: found.get(request) for place, request in requests.items()}


@hookimpl
def register_scripts() -> list[Script]:
    """The plot."""
    return [XyzPlot()]
