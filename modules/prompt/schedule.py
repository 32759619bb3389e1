"""Which text a prompt is at which step: `[from:to:when]`, `[to:when]`, `[from::when]`, `[a|b]`.

`when` with a point in it is a fraction of the steps, without one a step. In a second pass (hires fix) fractions count
from 1 to 2 and steps go on counting after those of the first pass, so that 1.5 is half of the second pass.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from modules.prompt.parsing import parse
from modules.prompt.tree import Alternate, Node, Nodes, Scheduled


@dataclass(frozen=True)
class ScheduledText:
    """A text, and the last step (from 1) at which it holds."""

    end_at_step: int
    text: str


@dataclass(frozen=True)
class _Pass:
    """How the numbers of a pass are read."""

    steps: int
    earlier_steps: int
    earlier_fraction: float
    old_timelines: bool

    def step(self, when: str) -> int:
        """The last step of `before`; not above the number of steps, and below 1 when `before` never holds."""
        value = float(when)
        if self.old_timelines:
            value = value * self.steps if value < 1 else value
        elif "." in when:
            value = (value - self.earlier_fraction) * self.steps
        else:
            value -= self.earlier_steps
        # Numbers may be written that are larger than any integer a float can be turned into.
        return math.trunc(max(-1.0, min(float(self.steps), value)))


def prompt_schedule(
    text: str, steps: int, *, hires_steps: int | None = None, old_timelines: bool = False
) -> list[ScheduledText]:
    """The texts of a prompt in order of time; the last one ends at the last step.

    `hires_steps` asks for the second pass of so many steps after a first one of `steps`. `old_timelines` reads numbers
    as pictures made before A1111 1.6 need it: below 1 a fraction, otherwise a step, and the second pass as the first.
    """
    if hires_steps is None or old_timelines:
        numbers = _Pass(steps, 0, 0.0, old_timelines)
    else:
        numbers = _Pass(hires_steps, steps, 1.0, False)
    nodes = parse(text).nodes
    ends, switches = _changes(nodes, numbers)
    return [ScheduledText(end, _text_at(nodes, end, switches)) for end in sorted(ends)]


def index_at(schedule: Sequence[ScheduledText], step: int) -> int:
    """Which entry of a schedule holds when `step` steps are done.

    A text that ends at step 10 is used in 11 evaluations, 0 to 10: established tools compare the number of steps done
    with the end, and the same prompt has to give the same picture.
    """
    return min(bisect_left([entry.end_at_step for entry in schedule], step), len(schedule) - 1)


def _changes(nodes: Nodes, numbers: _Pass) -> tuple[set[int], dict[int, int]]:
    """The steps after which the text may change, and the step of every Scheduled node, by id()."""
    ends, switches = {numbers.steps}, {}
    stack: list[Node] = list(nodes)
    while stack:
        node = stack.pop()
        if isinstance(node, Scheduled):
            end = switches[id(node)] = numbers.step(node.when)
            if end >= 1:
                ends.add(end)
            stack.extend(node.before or ())
            stack.extend(node.after)
        elif isinstance(node, Alternate):
            ends.update(range(1, numbers.steps + 1))
            for option in node.options:
                stack.extend(option)
    return ends, switches


def _text_at(nodes: Nodes, step: int, switches: dict[int, int]) -> str:
    """The text at a step (from 1)."""
    pieces: list[str] = []
    stack: list[Node] = list(reversed(nodes))
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            pieces.append(node)
            continue
        if isinstance(node, Scheduled):
            chosen = (node.before or ()) if step <= switches[id(node)] else node.after
        else:
            chosen = node.options[(step - 1) % len(node.options)]
        stack.extend(chosen if len(chosen) < 2 else reversed(chosen))
    return "".join(pieces)
