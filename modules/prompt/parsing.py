"""Text to tree, in one pass.

Grammar. `#x` is a prompt in which every bracket has its partner:

    prompt     = { structured | stray }          stray: a bracket or colon that belongs to no structure
    #x         = { structured }
    structured = text | emphasis | scheduled | alternate
    emphasis   = "(" #x ")" | "(" #x ":" #x ")" | "[" #x "]"
    scheduled  = "[" [ #x ":" ] #x ":" when "]"
    alternate  = "[" #x "|" #x { "|" #x } "]"
    when       = { space } [ "+" | "-" ] number { space }
    number     = digits [ "." [ digits ] ] [ exponent ] | "." digits [ exponent ]
    exponent   = ( "e" | "E" ) [ "+" | "-" ] digits
    text       = one or more of: any character but \\ [ ] ( ) : |
                               | a backslash and the character after it, which may be any but a line feed

Where a text can be read as a structure it is one; otherwise its brackets and colons are strays, and with them those of
everything around it that is still open. A "|" is never a stray: a text that has one outside an alternation, or a
backslash with nothing after it, fits no rule, and then nothing in it is scheduled. That is the language as established
tools read it.

One pass, no backtracking: only brackets, colons, bars and backslashes are looked at; a bracket waits on a stack until
its partner comes, and a structure that closes takes the nodes since its opening out of the list of nodes. No recursion
either, so depth costs nothing.
"""

from __future__ import annotations

import re

from modules.prompt.problems import problem_at
from modules.prompt.tree import Alternate, Node, Nodes, Prompt, Scheduled

# In both expressions alternatives and neighbours share no characters, so there is nothing to backtrack into.
_MARK = re.compile(r"[\[\]():|]|\\.?")
_WHEN = re.compile(r"\s*[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*")

_BAR = "a “|” stands outside square brackets that are closed, so nothing in this prompt is scheduled"
_BACKSLASH = "a backslash needs a character after it, so nothing in this prompt is scheduled"


def parse(text: str) -> Prompt:
    """The tree of a prompt. Any text is legal; str() of the tree is the text again."""
    try:
        return Prompt(_Reader(text).read())
    except _NoRule as fault:
        return Prompt((text,) if text else (), problem_at(text, fault.position, fault.message))


class _NoRule(Exception):
    """The text fits no rule of the grammar, because of what stands at a character offset."""

    def __init__(self, position: int, message: str) -> None:
        self.position = position
        self.message = message
        super().__init__(message)


class _Reader:
    """What is known of one text up to the character that is looked at.

    Open brackets are held in three lists of numbers, not in objects: a text may consist of nothing else.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._nodes: list[Scheduled | Alternate] = []  # complete, and in nothing complete
        self._ends: list[int] = []  # where each of them ends in the text
        self._open: list[int] = []  # where each open bracket stands
        self._nodes_before: list[int] = []  # how many nodes there were when it opened
        self._separators_before: list[int] = []  # how many separators there were
        self._separators: list[int] = []  # where colons and bars stand that are directly in open brackets

    def read(self) -> Nodes:
        """The nodes of the text; raises _NoRule."""
        for match in _MARK.finditer(self._text):
            mark, position = match.group(), match.start()
            if mark == "(" or mark == "[":
                self._open.append(position)
                self._nodes_before.append(len(self._nodes))
                self._separators_before.append(len(self._separators))
            elif mark == ")" or mark == "]":
                self._close(mark, position)
            elif mark == ":":
                if self._open:
                    self._separators.append(position)
            elif mark == "|":
                if not self._open or self._text[self._open[-1]] == "(":
                    raise _NoRule(position, _BAR)
                self._separators.append(position)
            elif mark == "\\":
                raise _NoRule(position, _BACKSLASH)
        self._all_stray()
        return self._between([0, len(self._text)], 0)[0]

    def _close(self, mark: str, position: int) -> None:
        """A closing bracket: the end of a structure, or a stray."""
        if not self._open or self._text[self._open[-1]] != ("(" if mark == ")" else "["):
            return self._all_stray()
        separators = self._separators[self._separators_before[-1] :]
        node: Scheduled | Alternate | None = None
        if mark == "]" and separators:
            node = self._structure(self._open[-1], separators, position)
            if node is None:
                return self._all_stray()
        elif len(separators) > 1:
            return self._all_stray()
        self._open.pop()
        first_node = self._nodes_before.pop()
        del self._separators[self._separators_before.pop() :]
        if node is not None:
            del self._nodes[first_node:], self._ends[first_node:]
            self._nodes.append(node)
            self._ends.append(position + 1)
        return None

    def _structure(self, start: int, separators: list[int], end: int) -> Scheduled | Alternate | None:
        """The node of the innermost open square brackets, which have separators in them, if they are one."""
        bars = sum(self._text[separator] == "|" for separator in separators)
        if bars == len(separators):
            return Alternate(tuple(self._between([start, *separators, end], self._nodes_before[-1], 1)), start)
        when = self._text[separators[-1] + 1 : end]
        if bars or len(separators) > 2 or _WHEN.fullmatch(when) is None:
            return None
        *before, after = self._between([start, *separators], self._nodes_before[-1], 1)
        return Scheduled(before[0] if before else None, after, when, start)

    def _between(self, bounds: list[int], first_node: int, mark: int = 0) -> list[Nodes]:
        """The text between neighbouring bounds as nodes; a bound itself is a mark of so many characters."""
        stretches: list[Nodes] = []
        number = first_node
        for start, end in zip(bounds, bounds[1:], strict=False):
            nodes: list[Node] = []
            place = start + mark
            while number < len(self._nodes) and self._nodes[number].start < end:
                node = self._nodes[number]
                if node.start > place:
                    nodes.append(self._text[place : node.start])
                nodes.append(node)
                place = self._ends[number]
                number += 1
            if place < end:
                nodes.append(self._text[place:end])
            stretches.append(tuple(nodes))
        return stretches

    def _all_stray(self) -> None:
        """All open brackets are strays: there is one inside them, or they are never closed."""
        for separator in self._separators:
            if self._text[separator] == "|":
                raise _NoRule(separator, _BAR)
        for stack in (self._open, self._nodes_before, self._separators_before, self._separators):
            stack.clear()
