"""The sentences that the server tells people: refusals, reasons and notes, read from its source."""

from __future__ import annotations

import ast
import functools
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

REFUSALS = frozenset(("InvalidRequest", "disagreement"))
"""What is made of a field, its value, what is wrong with it and what to do."""
FOR_OTHERS = {
    "api/sdapi": "A1111's clients, which are programs",
    "api/openapi.py": "readers of the description of the API",
    "api/request_schemas.py": "readers of the description of the API",
    "api/examples.py": "readers of the description of the API",
    "api/webhooks.py": "programs that set webhooks up",
    "api/tokens.py": "programs that log in",
    "api/allowed_hosts.py": "the command line",
    "api/guard.py": "programs and pages of other sites",
    "api/event_socket.py": "programs: the page subscribes to nothing else",
    "api/exchange.py": "programs: the page sends what routes take",
    "api/queue.py": "programs: the page offers owners alone what is theirs",
    "api/body_limits.py": "programs: the page keeps its bodies small",
    "api/login_page.py": "a page of its own, which has no scripts",
    "config/command_line.py": "the command line",
    "config/flag_groups.py": "the command line",
    "config/logins.py": "the command line",
    "config/model_folders.py": "the command line",
    "config/open_files.py": "the log",
    "config/server_flags.py": "the command line",
    "config/host_names.py": "the command line",
    "config/ui_config.py": "the log: a file of the owner is read when the server starts",
    "services/doctor.py": "the command line",
    "services/conversion.py": "the command line",
    "checkpoints/pickle_conversion.py": "the command line",
    "checkpoints/confinement.py": "the command line",
    "checkpoints/device.py": "the command line: doctor",
    "checkpoints/precision.py": "the command line: doctor",
    "diffusion/attention.py": "the command line: doctor",
    "services/data_folder.py": "the command line",
    "services/stopping.py": "the log",
    "services/accounts.py": "the command line",
    "services/account_file.py": "the command line",
    "services/webhooks.py": "programs that set webhooks up",
    "services/webhook_delivery.py": "programs that set webhooks up",
    "ui/languages.py": "programs",
    "ui/overridden_controls.py": "the log",
}
"""Places below modules/ whose sentences no page shows, and who reads them."""

ONLY_REFUSALS = ("ui/", "api/", "config/settings_table.py")
"""Where other texts are labels, or for programs; what the page shows of these is found in another way."""
BEGUN_ELSEWHERE = {
    "checkpoints/memory_plan.py": "",
    "services/wildcard_files.py": "{path}",
    "services/styles.py": "{path}",
    "prompt/style_sheet.py": "{path} line {line}",
    "prompt/brackets.py": "",
    "prompt/parsing.py": "",
    "schema/infotext_keys.py": "",
    "schema/infotext_reading.py": "",
    "schema/infotext_versions.py": "",
    "schema/refusals.py": "",
}
"""Modules that write parts of sentences, and what another puts before these."""
REASONS = {"TryAgain": 0, "NotHonoured": 2}
"""What is made of a reason, which stands in a sentence of another: its place among the arguments."""
PUT_TOGETHER = frozenset(
    """
    {key_text}: {value} ({why_text})
    So {words_text}.
    --{wish} asks for it.
    {} minutes
    {} seconds
    {shown} was tried {tries} times in vain: {error_text}.
    {path} has no columns name and prompt.
    Extension {name} cannot be switched on. {problem}
    Extension {name} cannot be switched on. What was there before is still there. {problem}
    The previous version of {name} cannot be switched on. {problem}
    """.strip().splitlines()
)
"""What no literal holds as a whole."""

_BEGIN, _END = "\ue000", "\ue001"
_FILLING = re.compile(f"{_BEGIN}([^{_END}]*){_END}")
_MOST_OPTIONS = 40
_NOT_SHOWN = frozenset(("debug", "info", "warning", "error", "exception", "critical", "add_argument", "getLogger"))
_NOT_SHOWN_WORDS = frozenset(("description", "summary", "help", "examples", "example", "title", "js", "responses"))
_LOOKED_UP = re.compile(
    r"(^|_)(label|labels|field|reason|problem|problems|why|said|sentence|title|titles|kind|error|script|where|remedy|hint|not_honoured)$"
)
_NO_NAMES = frozenset(
    """and or not in is if else for lambda len str int map sorted join self f rstrip upper as_posix get
    replace removeprefix partition token_hex resolve none""".split()
)
_DATABASE = re.compile(r"(SELECT|INSERT|UPDATE|DELETE|WHERE|AND|OFFSET) ")
_SENTENCE = re.compile(rf"[A-Z“{_BEGIN}].*[.?!]", re.DOTALL)
_NUMBERS = {ast.BinOp, ast.Attribute, ast.Call}
"""What is added to a text is a text itself; to these, a number may be."""
_PART = re.compile(r"(?!line |cannot be used$)[a-z“][^,;=<>_]*[a-z]")
_ENDS = re.compile(rf"(?<=[.?!])\s+(?=[A-Z“{_BEGIN}])")


@dataclass
class _Module:
    """A module's syntax tree, and where its names get their values."""

    tree: ast.Module
    within: dict[ast.AST, ast.AST] = field(default_factory=dict)
    calls: list[ast.Call] = field(default_factory=list)

    def __post_init__(self) -> None:
        for node in ast.walk(self.tree):
            self.within.update(dict.fromkeys(ast.iter_child_nodes(node), node))
            if isinstance(node, ast.Call):
                self.calls.append(node)

    def function_of(self, node: ast.AST) -> ast.FunctionDef | None:
        """The function that a node stands in."""
        above = self.within.get(node)
        while above is not None and not isinstance(above, ast.FunctionDef):
            above = self.within.get(above)
        return above

    def values(self, name: ast.Name) -> list[ast.expr]:
        """What a name may stand for, as far as this module tells."""
        function = self.function_of(name)
        if function is None:
            return list(self._assigned(self.tree.body, name.id))
        if name.id in (names := [argument.arg for argument in function.args.args]):
            return list(self._given(function, names.index(name.id), name.id))
        return [*self._assigned(ast.walk(function), name.id), *self._assigned(self.tree.body, name.id)]

    def _given(self, function: ast.FunctionDef, place: int, name: str) -> Iterator[ast.expr]:
        """What callers in this module give for a parameter."""
        is_method = function.args.args[0].arg in ("self", "cls")
        for call in self.calls:
            if _called(call) == function.name != "__init__":
                given = call.args[place - is_method : place - is_method + 1] if place >= is_method else []
                yield from (argument for argument in given if not isinstance(argument, ast.Starred))
                yield from (word.value for word in call.keywords if word.arg == name)

    def _assigned(self, scope: Iterable[ast.AST], name: str) -> Iterator[ast.expr]:
        for node in scope:
            if (
                isinstance(node, ast.NamedExpr | ast.AnnAssign)
                and _is_name(node.target, name)
                and node.value is not None
            ):
                yield node.value
            for target in node.targets if isinstance(node, ast.Assign) else ():
                assert isinstance(node, ast.Assign)
                if _is_name(target, name):
                    yield node.value
                elif isinstance(target, ast.Tuple):
                    yield from self._of_tuple(target, node.value, name)

    def _of_tuple(self, target: ast.Tuple, value: ast.expr, name: str) -> Iterator[ast.expr]:
        match value:
            case ast.IfExp(body=one, orelse=other):
                yield from [*self._of_tuple(target, one, name), *self._of_tuple(target, other, name)]
            case ast.Tuple(elts=elements):
                yield from (one for row, one in zip(target.elts, elements, strict=False) if _is_name(row, name))
            case ast.Call(func=ast.Name(id=called)):
                for row in self.returned(called):
                    yield from self._of_tuple(target, row, name)

    def returned(self, name: str) -> list[ast.expr]:
        """What a function of this module returns."""
        functions = [row for row in self.tree.body if isinstance(row, ast.FunctionDef) and row.name == name]
        return [
            node.value
            for function in functions
            for node in ast.walk(function)
            if isinstance(node, ast.Return) and node.value is not None
        ]


def _is_name(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _called(call: ast.Call) -> str:
    return str(getattr(call.func, "attr", getattr(call.func, "id", "")))


def _options(module: _Module, node: ast.expr, within: frozenset[str] = frozenset()) -> list[str]:
    """The texts that an expression may have, what is not known between marks; `within` are names that it stands for."""
    found = list(dict.fromkeys(_found(module, node, within)))
    return found if 0 < len(found) <= _MOST_OPTIONS else [_unknown(node)]


def _found(module: _Module, node: ast.expr, within: frozenset[str]) -> Iterator[str]:
    match node:
        case ast.Constant(value=str() as text):
            yield text
        case ast.JoinedStr(values=parts):
            yield from map("".join, itertools.product(*(_options(module, part, within) for part in parts)))
        case ast.FormattedValue(
            value=ast.Constant() | ast.Name() | ast.IfExp() as inner, conversion=-1, format_spec=None
        ):
            yield from _options(module, inner, within)
        case ast.FormattedValue(value=inner):
            yield _unknown(inner)
        case ast.IfExp(body=one, orelse=other):
            yield from [*_options(module, one, within), *_options(module, other, within)]
        case ast.BinOp(left=left, op=ast.Add(), right=right) if not {type(left), type(right)} & _NUMBERS:
            yield from map("".join, itertools.product(_options(module, left, within), _options(module, right, within)))
        case ast.Name(id=name) if (place := f"{getattr(module.function_of(node), 'name', '')}.{name}") not in within:
            for value in module.values(node):
                yield from _options(module, value, within | {place})
        case ast.Call(func=ast.Name(id=name)) if name not in within and (returned := module.returned(name)):
            for value in returned:
                yield from _options(module, value, within | {name})
        case ast.Call(func=ast.Attribute(value=inner, attr="strip")):
            yield from _options(module, inner, within)


def _unknown(node: ast.expr) -> str:
    return f"{_BEGIN}{ast.unparse(node)}{_END}"


def _sentences(text: str) -> list[str]:
    return [sentence for sentence in _ENDS.split(" ".join(text.split())) if sentence]


def _of_refusals(module: _Module) -> Iterator[str]:
    """What is wrong with a field, and what to do."""
    for call in module.calls:
        if _called(call) in REFUSALS and len(call.args) == 4:
            name, _, problem, remedy = (_options(module, argument) for argument in call.args)
            value = f"{_BEGIN}value{_END}"
            for begin, rest in itertools.product(name, problem):
                yield from _sentences(f"{_as_field(begin)} {value} {rest}.")
            for one in remedy:
                yield from _sentences(one)


def _as_field(name: str) -> str:
    """The name of a field that is not known is looked up by itself."""
    return f"{_BEGIN}field{_END}" if name.startswith(_BEGIN) and name.endswith(_END) else name


def _is_for_nobody(node: ast.AST) -> bool:
    if isinstance(node, ast.keyword):
        return node.arg in _NOT_SHOWN_WORDS
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return any(isinstance(target, ast.Name) and target.id.startswith("_MEANINGS") for target in targets)
    return isinstance(node, ast.Call) and _called(node) in _NOT_SHOWN | REFUSALS | set(REASONS) | {
        "ValueError",
        "TypeError",
        "KeyError",
    }


def _of_literals(module: _Module, within: Iterable[ast.AST]) -> Iterator[str]:
    """Whatever reads like a sentence."""
    for text in _shown_literals(module, within):
        yield from (row for row in _sentences(text) if _is_sentence(row))


def _shown_literals(module: _Module, within: Iterable[ast.AST]) -> Iterator[str]:
    left_out: set[ast.AST] = set()
    for node in ast.walk(module.tree):
        if node in left_out or _is_for_nobody(node):
            left_out.update(ast.walk(node))
    for root in within:
        for node in ast.walk(root):
            if node in left_out or not isinstance(node, ast.JoinedStr | ast.Constant | ast.BinOp):
                continue
            left_out.update(ast.walk(node))
            yield from _options(module, node)


def _is_sentence(text: str) -> bool:
    return " " in text and _SENTENCE.fullmatch(text) is not None and not _DATABASE.match(text)


def _of_parts(module: _Module, before: str) -> Iterator[str]:
    """Parts of sentences, with what stands before them."""
    begin = re.sub(r"\{(\w+)\}", rf"{_BEGIN}\1{_END}", before)
    for text in _shown_literals(module, [module.tree]):
        if _PART.match(text) and text.count(" ") > 1 and not (before and not text.endswith(".")):
            yield from _sentences(f"{begin} {text}")


def _of_reasons(module: _Module) -> Iterator[str]:
    """Why something is so, where another sentence says it."""
    for call in module.calls:
        place = REASONS.get(_called(call), len(call.args))
        yield from _options(module, call.args[place]) if place < len(call.args) else ()


def _raised(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and node.exc is not None:
            yield node.exc


def with_names(text: str) -> str:
    """A sentence as a key: what is put in stands as {name}, and as {name_text} where it is looked up itself."""
    names: list[str] = []
    for found in _FILLING.findall(text):
        name = "field_text" if found == "field" else _name_of(found)
        while name in names:
            plain = name.removesuffix("_text")
            stem = plain.rstrip("0123456789")
            name = f"{stem}{int(plain[len(stem) :] or 1) + 1}{name[len(plain) :]}"
        names.append(name)
    given = iter(names)
    return _FILLING.sub(lambda _: "{" + next(given) + "}", text)


def _name_of(expression: str) -> str:
    words = [word for word in re.findall(r"[A-Za-z_]\w*", re.sub(r"'[^']*'", "", expression)) if word not in _NO_NAMES]
    name = (words[-1] if words else "value").lower().strip("_") or "value"
    name = re.sub(r"\d", "", name)
    return f"{name}_text" if _LOOKED_UP.search(name) or expression.startswith("_span(") else name


@functools.cache
def server_texts(modules: Path) -> frozenset[str]:
    """Every sentence that the server may tell on a page."""
    found: set[str] = set()
    for file in sorted(modules.rglob("*.py")):
        place = file.relative_to(modules).as_posix()
        if any(place == skipped or place.startswith(f"{skipped}/") for skipped in FOR_OTHERS):
            continue
        module = _Module(ast.parse(file.read_text(encoding="utf-8")))
        found.update(_of_refusals(module))
        found.update(_of_reasons(module))
        found.update(_of_literals(module, _raised(module.tree) if place.startswith(ONLY_REFUSALS) else [module.tree]))
        if place in BEGUN_ELSEWHERE:
            found.update(_of_parts(module, BEGUN_ELSEWHERE[place]))
    keys = {key for key in map(with_names, found) if _has_words(key)}
    return frozenset(_one_for_each_shape(keys) | {text.strip() for text in PUT_TOGETHER})


def _has_words(key: str) -> bool:
    """Whether a text can be told by what stands between its placeholders."""
    return bool(re.search(r"[^\W\d_]{2}", re.sub(r"\{\w*\}", "", key))) and not re.search(r"\}\{|\} So \{", key)


def shape_of(key: str) -> str:
    """A key as far as its look goes, whatever its placeholders are called."""
    return re.sub(r"\{\w*?(_text)?\}", r"{\1}", key)


def _one_for_each_shape(keys: Iterable[str]) -> set[str]:
    shapes: dict[str, set[str]] = {}
    for key in keys:
        shapes.setdefault(shape_of(key), set()).add(key)
    return {
        min(alike) if len(alike) == 1 or shape.count("{") > 1 else shape.replace("{", "{value")
        for shape, alike in shapes.items()
    }
