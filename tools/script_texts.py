"""The texts that a script of the page shows: literals of JavaScript, without those that only machines read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*|/\*.*?\*/)
    |(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    |(?P<word>[A-Za-z_$][\w$]*|\d[\w.]*)
    |(?P<mark>=>|[=!]==?|\?\?|\?\.(?!\d)|&&|\|\||\.\.\.|.)""",
    re.DOTALL | re.VERBOSE,
)
_PATTERN = re.compile(r"/(?:[^/\\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/[a-z]*")
_BEFORE_PATTERN = frozenset("( , = : [ ! & | ? { } ; + => === !== && || ?? return".split())
_EQUAL = frozenset(("===", "!==", "==", "!=", "case", "in"))

_MACHINES = frozenset(
    """querySelector querySelectorAll closest matches getElementById addEventListener removeEventListener createElement
    createElementNS getAttribute removeAttribute hasAttribute toggleAttribute fetch getItem setItem removeItem
    CustomEvent KeyboardEvent startsWith endsWith split join includes indexOf warn error add remove toggle contains
    setProperty getPropertyValue has trigger getContext RegExp replace replaceAll matchMedia press listen ask""".split()
)
"""What is given to these is for machines: selectors, classes, addresses, names."""
_LOOKS = {"element": (0, 1), "make": (0, 1), "node": (0,), "part": (0, 1), "made": (0, 1), "iconButton": (0, 3)}
_LOOKS |= {"sign": (0, 3), "button": (0, 3), "setAttribute": (0,), "span": (0,)}
"""Which arguments of those that make parts of the page are kinds, classes, signs and names, unless capitalised."""
_KEYS_OF_MACHINES = frozenset("class className type role id src href method name key kind rel target accept".split())
_NOT_PROSE = re.compile(
    r"""[./\\&?_\[(]|\#(?!\ )|api/|https?:|[a-z-]+\(|M[\d.]+[ ]?\d|\$\{[^}]*\}(px|%|em|deg|-|\.)|[\w-]+/[\w-]
    |(Ctrl|Alt|Shift)\+|\$\{API\}""",
    re.VERBOSE,
)
_NAME = re.compile(r"[A-Z][a-z]+([A-Z][a-z]+)+|[A-Z]+(\+.)?|[A-Z][a-z]+(-[A-Z][a-z]+)+")
_FILLING = re.compile(r"\$\{[^}]*\}")


@dataclass
class _Call:
    """An open bracket: what is called by it, and which of its arguments is being read."""

    name: str
    argument: int = 0
    key: str = ""


@dataclass
class _Reading:
    """A script, from its beginning to a place."""

    source: str
    place: int = 0
    calls: list[_Call] = field(default_factory=lambda: [_Call("")])
    before: str = ""
    word: str = ""

    def texts(self, end: str = "") -> Iterator[str]:
        """Literals up to `end`, which closes what the reading began with."""
        depth = len(self.calls)
        while self.place < len(self.source):
            if self.source[self.place] == end and len(self.calls) == depth:
                return
            yield from self._next()

    def _next(self) -> Iterator[str]:
        if self.source[self.place] == "`":
            yield from self._template()
            return
        pattern = _PATTERN.match(self.source, self.place)
        if pattern and self.before in _BEFORE_PATTERN and not self.source.startswith(("//", "/*"), self.place):
            self.place, self.before = pattern.end(), "pattern"
            return
        token = _TOKEN.match(self.source, self.place)
        assert token is not None
        self.place = token.end()
        if token.lastgroup == "text":
            text = text_of(token[0])
            if self._is_shown(text) and not self._is_key(text):
                yield text
            self.before, self.word = "text", text
        elif token.lastgroup != "space":
            self._note(token[0], token.lastgroup == "word")

    def _note(self, token: str, is_word: bool) -> None:
        if token in "([{":
            self.calls.append(_Call(self._name_of(token)))
        elif token in ")]}" and len(self.calls) > 1:
            self.calls.pop()
        elif token == ",":
            self.calls[-1].argument += 1
            self.calls[-1].key = ""
        elif token == ":":
            self.calls[-1].key = self.word
        if is_word:
            self.before, self.word = ("word" if token not in ("return", "case", "in") else token), token
        else:
            self.before = token

    def _name_of(self, bracket: str) -> str:
        if bracket == "(" and self.before == "word":
            return self.word
        is_body = self.before in ("=>", ")") or (bracket == "{" and self.before == "word")
        return bracket if is_body else f"{self.calls[-1].name} {bracket}"

    def _is_key(self, text: str) -> bool:
        is_quoted = self.before in ("{", ",") and re.match(r"\s*:", self.source[self.place :]) is not None
        return is_quoted and " " not in text

    def _is_shown(self, text: str) -> bool:
        call = self.calls[-1]
        after = self.source[self.place :].lstrip()
        if self.before in _EQUAL or after.startswith(("===", "!==")) or call.name.split(" ")[0] in _MACHINES:
            return False
        if text[:1].isupper():
            return True
        if call.argument in _LOOKS.get(call.name, ()):
            return False
        is_key = call.key in _KEYS_OF_MACHINES or call.key.startswith("data-")
        return not (call.name.endswith("{") and is_key)

    def _template(self) -> Iterator[str]:
        begin = self.place + 1
        is_shown = self._is_shown(self.source[begin : begin + 1])
        self.place = begin
        parts: list[str] = []
        while self.source[self.place] != "`":
            if self.source.startswith("${", self.place):
                self.place += 2
                begin = self.place
                self.calls.append(_Call("${"))
                before, self.before = self.before, "("
                yield from self.texts("}")
                self.calls.pop()
                self.before = before
                parts.append("${" + self.source[begin : self.place] + "}")
                self.place += 1
            else:
                step = 2 if self.source[self.place] == "\\" else 1
                parts.append(self.source[self.place : self.place + step])
                self.place += step
        self.place += 1
        self.before, self.word = "text", ""
        if is_shown:
            yield "".join(parts).replace("\\n", "\n")


def text_of(literal: str) -> str:
    """What a literal of JavaScript says."""
    inner = literal[1:-1]
    return re.sub(r"\\(u[0-9a-f]{4}|.)", lambda found: _escapes(found[1]), inner)


def _escapes(sign: str) -> str:
    if len(sign) == 5:
        return chr(int(sign[1:], 16))
    return {"n": "\n", "t": "\t"}.get(sign, sign)


def _is_prose(text: str) -> bool:
    plain = _FILLING.sub("", text)
    if not re.search(r"[^\W\d_]{2}", plain) or _NOT_PROSE.match(text) or _NAME.fullmatch(text):
        return False
    return not text[:1].islower() or (" " in text and not re.search(r"\w-\w|[=\[\]<>]|, \w+$", plain))


def script_texts(source: str) -> list[str]:
    """Texts for people; in templates ${...} stands as it is. What stands between middle dots is a text of its own."""
    parts = (part.strip() for text in _Reading(source).texts() for part in text.split(" · "))
    return [part for part in parts if _is_prose(part)]
