"""The cells of an X/Y/Z plot: which requests they are, and in which order they are painted."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modules.builtin.axes import Axis, Draft, FieldAxis, axes
from modules.hooks import Arguments, Drafting, InvalidRequest, Resolved, Script, UserError, drawn_seed, typed

Place = tuple[int, int, int]
"""Which value of X, of Y and of Z."""
LETTERS = ("x", "y", "z")
MAX_CELLS = 10_000
_SEEDS = {"Seed": "seed", "Var. seed": "subseed"}
_TYPED = ("prompt", "negative_prompt", "hr_prompt", "hr_negative_prompt")


def fixed_key(letter: str) -> str:
    """The key of the seeds of an axis, none of them -1 any more."""
    return f"Fixed {letter.upper()} Values"


@dataclass(frozen=True)
class AxisWithValues:
    """An axis of a plot; `name` is what refusals call it."""

    name: str
    axis: Axis
    values: tuple[Any, ...]

    def vary(self, draft: Draft, place: int) -> Draft:
        """What value number `place` changes in a draft."""
        return self.axis.vary(draft, self.values[place], list(self.values))

    @property
    def legends(self) -> list[str]:
        return [self.axis.legend(value) for value in self.values]


class Plot:
    """The requests of a plot, and the order to paint them in. Raises InvalidRequest for values that do not fit."""

    def __init__(self, base: Resolved, arguments: Arguments, context: Drafting) -> None:
        self._base = base
        self._arguments = arguments
        self._context = context
        self._axes = axes(context.available)
        self._typed: Draft = {name: typed(base, name) for name in _TYPED if name in context.available.fields}
        self._typed |= {"styles": base.styles, "sections": base.sections}
        self.axes = tuple(self._axis(letter) for letter in LETTERS)
        self._check_second_pass()
        count = len(self.axes[0].values) * len(self.axes[1].values) * len(self.axes[2].values)
        if count > MAX_CELLS:
            raise InvalidRequest("X/Y/Z plot", count, "cells are too many", f"The most is {MAX_CELLS:,}.")
        self.cells = {place: self._cell(place) for place in self._order()}

    def of_layer(self, z: int) -> Resolved:
        """The request that a grid of one value of Z stands for: its X and Y are still to be varied."""
        return self._changed(self._with_seeds(self.axes[2].vary(self._typed, z), (0, 0, z)))

    def parameters(self, letters: str, script: Script) -> dict[str, str]:
        """What the infotext of a grid over these axes says."""
        hidden = {f"{letter}_{part}" for letter in LETTERS if letter not in letters for part in ("type", "values")}
        kept = {row.name: row.initial for row in script.arguments if row.name in hidden}
        parameters = script.parameters({**self._arguments, **kept})
        for letter, axis in zip(LETTERS, self.axes, strict=True):
            if letter in letters and axis.axis.label in _SEEDS and -1 not in axis.values:
                after = list(parameters).index(f"{letter.upper()} Values") + 1
                fixed = (fixed_key(letter), ", ".join(map(str, axis.values)))
                parameters = dict([*list(parameters.items())[:after], fixed, *list(parameters.items())[after:]])
        return parameters

    def _axis(self, letter: str) -> AxisWithValues:
        axis = self._axes[self._arguments[f"{letter}_type"]]
        name = f"{letter.upper()} values ({axis.label})"
        values = axis.read(self._arguments[f"{letter}_values"], self._base, name)
        if axis.label in _SEEDS and not self._arguments["no_fixed_seeds"]:
            values = [
                drawn_seed(self._base.seed, letter, place) if value == -1 else value
                for place, value in enumerate(values)
            ]
        return AxisWithValues(name, axis, tuple(values))

    def _check_second_pass(self) -> None:
        """Refuse to vary what a second pass alone has, where there is none."""
        varied = {axis.name: axis.axis for axis in self.axes if isinstance(axis.axis, FieldAxis)}
        if getattr(self._base, "enable_hr", True) or any(axis.field.name == "enable_hr" for axis in varied.values()):
            return
        for name, axis in varied.items():
            if axis.of_second_pass:
                remedy = "Switch hires fix on, or choose another axis."
                raise InvalidRequest(name, axis.label, "would change nothing: hires fix is off", remedy)

    def _order(self) -> list[Place]:
        """All places; the axis that is dearest to change is changed least often, and of equals Z, then Y."""
        dearest = sorted((2, 1, 0), key=lambda number: -self.axes[number].axis.cost)
        rows = itertools.product(*(range(len(self.axes[number].values)) for number in dearest))
        return [(row[dearest.index(0)], row[dearest.index(1)], row[dearest.index(2)]) for row in rows]

    def _cell(self, place: Place) -> Resolved:
        draft = dict(self._typed)
        for axis, number in zip(self.axes, place, strict=True):
            draft |= axis.vary(draft, number)
        try:
            return self._changed(self._with_seeds(draft, place))
        except UserError as error:
            raise self._blamed(error, place) from error

    def _blamed(self, error: UserError, place: Place) -> UserError:
        """The refusal as that of the axis whose value alone brings it about; else as it is."""
        for axis, number in zip(self.axes, place, strict=True):
            change = axis.vary(self._typed, number)
            if any(change.get(seed) == -1 for seed in _SEEDS.values()):
                continue
            try:
                self._changed(change)
            except InvalidRequest as refusal:
                return InvalidRequest(axis.name, axis.values[number], refusal.problem, refusal.remedy)
            except UserError as refusal:
                return InvalidRequest(axis.name, axis.values[number], "cannot be used", str(refusal))
        return error

    def _with_seeds(self, draft: Draft, place: Place) -> Draft:
        """The draft with the seeds of one cell."""
        found = dict(draft)
        for name in _SEEDS.values():
            kept_random = self._arguments["no_fixed_seeds"] and self._arguments[f"{name}_drawn"]
            if draft.get(name) == -1 or (kept_random and name not in draft):
                found[name] = drawn_seed(self._base.seed, name, *place)
        ahead, stride = 0, 1
        for letter, axis, number in zip(LETTERS, self.axes, place, strict=True):
            if self._arguments[f"vary_seeds_{letter}"]:
                ahead += number * stride
                stride *= len(axis.values)
        return {**found, "seed": found.get("seed", self._base.seed) + ahead} if ahead else found

    def _changed(self, draft: Mapping[str, Any]) -> Resolved:
        kept = {name: value for name, value in draft.items() if value != self._typed.get(name)}
        return self._context.changed(self._base, kept)
