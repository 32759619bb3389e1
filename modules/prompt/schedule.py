"""Which text a prompt is at which step: `[from:to:when]`, `[to:when]`, `[from::when]`, `[a|b]`.

`when` with a point in it is a fraction of the steps, without one a step. In a second pass (hires fix) fractions count
from 1 to 2 and steps go on counting after those of the first pass, so that 1.5 is half of the second pass.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

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
    changes = _changes(nodes, numbers)
    texts: dict[tuple[int, ...], str] = {}
    schedule = []
    for end in sorted(changes.ends):
        moment = changes.moment(end)
        if moment not in texts:
            texts[moment] = _text_at(nodes, end, changes.switches)
        schedule.append(ScheduledText(end, texts[moment]))
    return schedule


def index_at(schedule: Sequence[ScheduledText], step: int) -> int:
    """Which entry of a schedule holds when `step` steps are done.

    A text that ends at step 10 is used in 11 evaluations, 0 to 10: established tools compare the number of steps done
    with the end, and the same prompt has to give the same picture.
    """
    return min(bisect_left([entry.end_at_step for entry in schedule], step), len(schedule) - 1)


@dataclass(frozen=True)
class _Changes:
    """All that makes a text change."""

    ends: set[int]
    """The steps after which it may change."""
    switches: dict[int, int]
    """The step of every Scheduled node, by id()."""
    lengths: set[int]
    """How many options the Alternate nodes have."""

    def moment(self, step: int) -> tuple[int, ...]:
        """Equal for two steps at which the text is the same: where each kind of turn is, and what has switched."""
        turns = ((step - 1) % length for length in sorted(self.lengths))
        return (*turns, bisect_left(self._switched, step))

    @cached_property
    def _switched(self) -> list[int]:
        return sorted(set(self.switches.values()))


def _changes(nodes: Nodes, numbers: _Pass) -> _Changes:
    changes = _Changes({numbers.steps}, {}, set())
    stack: list[Node] = list(nodes)
    while stack:
        node = stack.pop()
        if isinstance(node, Scheduled):
            end = changes.switches[id(node)] = numbers.step(node.when)
            if end >= 1:
                changes.ends.add(end)
            stack.extend(node.before or ())
            stack.extend(node.after)
        elif isinstance(node, Alternate):
            changes.ends.update(range(1, numbers.steps + 1))
            changes.lengths.add(len(node.options))
            for option in node.options:
                stack.extend(option)
    return changes


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
