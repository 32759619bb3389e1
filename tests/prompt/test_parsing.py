"""The tree: what is a structure, what is text, and where."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings

from modules.prompt.parsing import parse
from modules.prompt.tree import Alternate, Nodes, Prompt, Scheduled
from tests.prompt.texts import MIXED, WELL_FORMED


def _scheduled(before: Nodes | None, after: Nodes, when: str) -> Scheduled:
    return Scheduled(before, after, when, 0)


@pytest.mark.parametrize(
    ("text", "nodes"),
    [
        ("", ()),
        ("plain, text", ("plain, text",)),
        ("[a:b:3]", (_scheduled(("a",), ("b",), "3"),)),
        ("[b: 3 ]", (_scheduled(None, ("b",), " 3 "),)),
        ("[:b:3]", (_scheduled((), ("b",), "3"),)),
        ("[a::.5]", (_scheduled(("a",), (), ".5"),)),
        ("[::3]", (_scheduled((), (), "3"),)),
        ("x [a|b] y", ("x ", Alternate((("a",), ("b",)), 0), " y")),
        ("[|]", (Alternate(((), ()), 0),)),
        ("a[b:[c|d]:1]e", ("a", _scheduled(("b",), (Alternate((("c",), ("d",)), 0),), "1"), "e")),
        ("([a|b]:1.2)", ("(", Alternate((("a",), ("b",)), 0), ":1.2)")),
        ("[a(:)b:3]", (_scheduled(None, ("a(:)b",), "3"),)),
        ("[\\]:3]", (_scheduled(None, ("\\]",), "3"),)),
        # Text, because something does not fit.
        ("[a:b]", ("[a:b]",)),
        ("[a:b:c:3]", ("[a:b:c:3]",)),
        ("[a:b:3x]", ("[a:b:3x]",)),
        ("[a:b:1.2.3]", ("[a:b:1.2.3]",)),
        ("[a:(3)]", ("[a:(3)]",)),
        ("[a:\\3]", ("[a:\\3]",)),
        ("\\[a:3]", ("\\[a:3]",)),
        # Strays beside structures, and around them.
        ("((a][:b:c [d:3]", ("((a][:b:c ", _scheduled(None, ("d",), "3"))),
        ("[x [a:3]", ("[x ", _scheduled(None, ("a",), "3"))),
        ("[(a:3]", ("[(a:3]",)),
        ("[(a:b:c)[d:2]:3]", ("[(a:b:c)", _scheduled(None, ("d",), "2"), ":3]")),
        ("[a:3]]", (_scheduled(None, ("a",), "3"), "]")),
    ],
)
def test_nodes(text: str, nodes: Nodes) -> None:
    assert parse(text) == Prompt(nodes)


@pytest.mark.parametrize(
    ("number", "fits"),
    [
        ("3", True), ("3.", True), (".5", True), ("0.25", True), ("-2", True), ("+4", True), ("1e1", True),
        ("1E+2", True), ("\t3\n", True),
        ("", False), (".", False), ("e1", False), ("1e", False), ("--2", False), ("- 2", False),
        ("٣", False), ("3 4", False), ("inf", False), ("nan", False), ("1_0", False),
    ],
)  # fmt: skip
def test_numbers(number: str, fits: bool) -> None:
    assert parse(f"[a:{number}]").nodes == ((_scheduled(None, ("a",), number),) if fits else (f"[a:{number}]",))


@pytest.mark.parametrize(
    ("text", "position", "line", "column", "word"),
    [
        ("a|b", 1, 1, 2, "|"),
        ("[c|d]\na (b|c)", 10, 2, 5, "|"),
        ("[a|b:3]", 2, 1, 3, "|"),
        ("[x|y", 2, 1, 3, "|"),
        ("one\ntwo [a:3] \\", 14, 2, 11, "backslash"),
        ("\\\n", 0, 1, 1, "backslash"),
    ],
)
def test_why_nothing_is_scheduled(text: str, position: int, line: int, column: int, word: str) -> None:
    tree = parse(text)
    assert tree.nodes == (text,)
    assert tree.problem is not None
    assert (tree.problem.position, tree.problem.line, tree.problem.column) == (position, line, column)
    assert word in tree.problem.message and str(tree.problem).startswith(f"Line {line}, character {column}: ")


def test_nodes_know_where_they_stand() -> None:
    text = "a [b:[c|d]:3] [e|f]"
    _, scheduled, _, alternate = parse(text).nodes
    assert isinstance(scheduled, Scheduled) and isinstance(alternate, Alternate)
    inner = scheduled.after[0]
    assert isinstance(inner, Alternate)
    assert [text[node.start :][: len(str(node))] for node in (scheduled, inner, alternate)] == [
        "[b:[c|d]:3]", "[c|d]", "[e|f]",
    ]  # fmt: skip


def test_nodes_cannot_be_changed() -> None:
    node = parse("[a|b]").nodes[0]
    assert isinstance(node, Alternate)
    with pytest.raises(dataclasses.FrozenInstanceError):
        node.start = 3  # type: ignore[misc]


def test_nodes_that_are_written_alike_may_differ() -> None:
    assert parse("[a:3]") != Prompt(("[a:3]",))
    assert str(parse("[a:3]")) == str(Prompt(("[a:3]",)))
    assert parse("[a:3]") != "[a:3]"
    assert _scheduled(("a",), ("b",), "3") != _scheduled(None, ("a:b",), "3")
    assert _scheduled(None, ("a",), "3") != Alternate((("a",),), 0)


@settings(max_examples=300, deadline=None)
@given(MIXED)
def test_what_is_written_out_is_read_back(text: str) -> None:
    tree = parse(text)
    assert str(tree) == text
    assert parse(str(tree)) == tree
    assert hash(parse(str(tree))) == hash(tree)


@settings(max_examples=300, deadline=None)
@given(WELL_FORMED)
def test_in_brackets_a_tree_keeps_its_meaning(text: str) -> None:
    assert parse(f"[{text}:z:3]").nodes == (_scheduled(parse(text).nodes, ("z",), "3"),)
    assert parse(f"[{text}|z]").nodes == (Alternate((parse(text).nodes, ("z",)), 0),)
