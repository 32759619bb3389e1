"""The tree of a prompt: text, and the places where the text depends on the step.

A node is a `str` (text that is the same at every step), a `Scheduled` or an `Alternate`. Emphasis is not in the tree:
brackets that only weigh words are text here, because the texts that come out of the tree are weighed one by one
(modules/prompt/emphasis.py).

Trees may be as deep as the text is long, so nothing here recurses. Nodes are equal when they are written alike and
mean the same; where they stand in the text (`start`, a character offset) does not count.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from modules.prompt.problems import Problem


class _Node:
    """Equality, hash and representation that no depth can break."""

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and isinstance(other, _Node) and list(_parts(self)) == list(_parts(other))

    def __hash__(self) -> int:
        return hash((type(self), str(self)))

    def __str__(self) -> str:
        """The node as it is written in a prompt."""
        return "".join(part for _, part in _parts(self))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"


@dataclass(frozen=True, eq=False, repr=False)
class Scheduled(_Node):
    """`[before:after:when]`; `before` is None where it is not written at all (`[after:when]`).

    `when` is the number as written, with the spaces around it.
    """

    before: Nodes | None
    after: Nodes
    when: str
    start: int


@dataclass(frozen=True, eq=False, repr=False)
class Alternate(_Node):
    """`[a|b|c]`: one option per step, in turn. An option may be empty."""

    options: tuple[Nodes, ...]
    start: int


@dataclass(frozen=True, eq=False, repr=False)
class Prompt(_Node):
    """A whole prompt.

    `problem` says why nothing in the text is scheduled although it may look so; it is None for nearly every prompt.
    """

    nodes: Nodes
    problem: Problem | None = None


Node = str | Scheduled | Alternate
Nodes = tuple[Node, ...]


@dataclass(frozen=True)
class _Mark:
    """A character of the grammar, not of the text."""

    written: str


def _parts(root: _Node) -> Iterator[tuple[bool, str]]:
    """The written parts in order, each with whether it is a mark of the grammar and not text."""
    stack: list[_Node | _Mark | str] = [root]
    while stack:
        top = stack.pop()
        if isinstance(top, str):
            yield False, top
        elif isinstance(top, _Mark):
            yield True, top.written
        elif isinstance(top, Prompt):
            stack.extend(reversed(top.nodes))
        elif isinstance(top, Scheduled):
            before = [] if top.before is None else [*top.before, _Mark(":")]
            stack.extend(reversed([_Mark("["), *before, *top.after, _Mark(f":{top.when}]")]))
        elif isinstance(top, Alternate):
            stack.append(_Mark("]"))
            for number in range(len(top.options) - 1, -1, -1):
                stack.extend(reversed(top.options[number]))
                stack.append(_Mark("|" if number else "["))
