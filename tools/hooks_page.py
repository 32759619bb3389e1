"""Writes docs/hooks.md: every hook and what it is told, from the docstrings of `modules.hooks`.

python -m tools.hooks_page [--check]
"""

from __future__ import annotations

import argparse
import ast
import inspect
import sys
import textwrap
import typing
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from pluggy import PluginManager

from modules.hooks import VERSION, specs

PAGE = Path(__file__).parent.parent / "docs" / "hooks.md"
_HEAD = f"""# Hooks

An [extension](extensions.md) adds to the program by functions of these names, marked with `hookimpl`. Each takes the
parameters that are written here, or none of them; parameters and fields may be added later. This page is made from
`modules/hooks` by `python -m tools.hooks_page`; it describes version {VERSION}.

A hook that fails is named with its extension, and everything else goes on: one that registers something leaves its
extension out of this start, one that acts while a job runs ends that job. Such a sentence is shown to the person.
"""


def hooks() -> dict[str, Callable[..., Any]]:
    """The specifications, in the order of their file."""
    manager = PluginManager(specs.PROJECT)
    manager.add_hookspecs(specs)
    known = vars(manager.hook)
    return {name: row for name, row in vars(specs).items() if name in known and not name.startswith("_")}


def page() -> str:
    """The text of docs/hooks.md."""
    found = hooks()
    table = "".join(f"| [`{name}`](#{name}) | {_first_line(hook)} |\n" for name, hook in found.items())
    parts = [f"{_HEAD}\n| hook | |\n|---|---|\n{table}"]
    parts += [_of_hook(name, hook) for name, hook in found.items()]
    contexts = {row.__name__: row for hook in found.values() for row in _classes_of(hook)}
    parts += ["## What hooks are told\n"] if contexts else []
    told = _with_bases(contexts.values())
    parts += [_of_class(row) for row in told]
    registered = _with_bases(row for hook in found.values() for row in _registered_by(hook))
    parts += ["## What is registered\n"] if registered else []
    parts += [_of_class(row) for row in registered if row not in told]
    return "\n".join(parts)


def _of_hook(name: str, hook: Callable[..., Any]) -> str:
    hints = typing.get_type_hints(hook)
    given = list(inspect.signature(hook).parameters)
    called = ", ".join(f"{row}: {_linked(hints[row])}" for row in given)
    answer = inspect.signature(hook).return_annotation
    told = f"Takes {called}. " if given else ""
    return f"## {name}\n\n{_docs(hook)}\n\n{told}Returns `{answer}`.\n"


def _of_class(row: type) -> str:
    bases = [base for base in row.__bases__ if _is_ours(base)]
    rows = "".join(f"| `{name}` | `{kind}` | {text} |\n" for name, kind, text in _fields_of(row))
    parts = [f"### {row.__name__}\n", f"{_docs(row)}\n"]
    if bases:
        parts.append(f"Has the fields of {', '.join(map(_linked, bases))}{', and:' if rows else '.'}\n")
    if rows:
        parts.append(f"| field | type | |\n|---|---|---|\n{rows}")
    return "\n".join(parts)


def _fields_of(row: type) -> Iterator[tuple[str, str, str]]:
    """Name, type and meaning of what a class declares itself, as its source has them."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(row))).body
    assert isinstance(tree, ast.ClassDef)
    own = {field.name for field in fields(row)} if is_dataclass(row) else set()
    following = [*tree.body[1:], None]
    for statement, after in zip(tree.body, following, strict=True):
        if isinstance(statement, ast.FunctionDef) and not statement.name.startswith("_"):
            is_value = any(isinstance(one, ast.Name) and "property" in one.id for one in statement.decorator_list)
            name = statement.name if is_value else f"{statement.name}()"
            yield name, _answer(statement), _one_line(ast.get_docstring(statement) or "")
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            if not own or statement.target.id in own:
                text = after.value.value if _is_text(after) else ""  # type: ignore[union-attr]
                yield statement.target.id, ast.unparse(statement.annotation).replace("|", r"\|"), _one_line(str(text))


def _is_text(statement: ast.stmt | None) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _answer(function: ast.FunctionDef) -> str:
    return "" if function.returns is None else ast.unparse(function.returns).replace("|", r"\|")


def _classes_of(hook: Callable[..., Any]) -> list[type]:
    """The classes of ours that a hook's parameters have."""
    hints = typing.get_type_hints(hook)
    return [hints[name] for name in inspect.signature(hook).parameters if _is_ours(hints[name])]


def _registered_by(hook: Callable[..., Any]) -> Iterator[type]:
    """The classes of ours in a hook's answer, and those that they are called with."""
    for kind in filter(_is_ours, typing.get_args(typing.get_type_hints(hook)["return"])):
        yield kind
        methods = [row for name, row in vars(kind).items() if inspect.isfunction(row) and not name.startswith("_")]
        for hints in (*map(typing.get_type_hints, methods), typing.get_type_hints(kind)):
            for hint in hints.values():
                yield from filter(_is_ours, _parts_of(hint))


def _parts_of(hint: object) -> Iterator[object]:
    """A type, and the types that it is made of."""
    rows = hint if isinstance(hint, list) else typing.get_args(hint)
    yield hint
    for row in rows:
        yield from _parts_of(row)


def _with_bases(classes: typing.Iterable[type]) -> list[type]:
    """The classes with those that they come from, which stand first."""
    found: dict[type, None] = {}
    for row in classes:
        found |= dict.fromkeys(base for base in reversed(row.__mro__) if _is_ours(base))
    return list(found)


def _is_ours(row: object) -> bool:
    return isinstance(row, type) and row.__module__.startswith("modules.hooks")


def _linked(row: object) -> str:
    name = getattr(row, "__name__", str(row))
    return f"[`{name}`](#{name.lower()})" if _is_ours(row) else f"`{name}`"


def _docs(row: object) -> str:
    return inspect.getdoc(row) or ""


def _first_line(row: object) -> str:
    """The first paragraph of its docstring."""
    return _one_line(_docs(row).split("\n\n")[0])


def _one_line(text: str) -> str:
    return " ".join(text.split("\n\n")[0].split()) if text else ""


def main() -> int:
    """Write the page, or with --check only look whether it is up to date."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--check", action="store_true", help="write nothing, and fail where the page is not up to date")
    given = parser.parse_args()
    text = page()
    if given.check:
        return int(not PAGE.is_file() or PAGE.read_text("utf-8") != text)
    PAGE.write_text(text, "utf-8")
    print(PAGE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
