"""What in a prompt is a choice, and that everything else is left alone."""

from __future__ import annotations

import time

import pytest
from dynamicprompts.commands import LiteralCommand, VariantCommand, WildcardCommand
from hypothesis import example, given, settings
from hypothesis import strategies as st

from modules.errors import InvalidRequest
from modules.prompt.templates import (
    MAX_CHOICES,
    MAX_NESTING,
    TagWildcard,
    choices_in,
    is_wildcard_name,
    parse_template,
    split_weight,
)

MARKS = [
    "{",
    "}",
    "[",
    "]",
    "|",
    "__",
    "_",
    "$$",
    "2$$",
    "::",
    "3::",
    "(",
    ")",
    ":",
    "1.2",
    "\\",
    "#",
    "\n",
    "%",
    "<",
    ">",
]
MARKS += [
    "$",
    "//",
    "lora:",
    "prompt",
    "colour",
    "@",
    "~",
    "!",
    "*",
    "..",
    "/",
    " ",
    ",",
    "é",
    "\x00",
    "\u2028",
    "AND",
    "{}",
]
MARKS += ["{a|", "|b}", "__colour__", "{1-2$$", "{x}"]
HOSTILE = st.lists(st.sampled_from(MARKS), max_size=60).map("".join)
NO_CHOICE = st.text() | HOSTILE.map(lambda text: text.replace("|", "").replace("$$", "").replace("_", ""))
PROMPT_LANGUAGE = st.recursive(
    st.sampled_from(
        ["a cat", "red", "_", "100%", "$5", "a // b", "<lora:x:1>", "<hypernet:y:0.5>", "\\(", ":)", "{prompt}"]
    ),
    lambda inner: st.one_of(
        inner.map("({})".format),
        st.tuples(inner, st.sampled_from(["1.2", "-0.5", " .9 "])).map(lambda t: f"({t[0]}:{t[1]})"),
        st.tuples(inner, inner).map(lambda t: f"[{t[0]}|{t[1]}]"),
        st.tuples(inner, inner).map(lambda t: f"[{t[0]}:{t[1]}:0.5]"),
        inner.map("[{}::3]".format),
        inner.map("{{{}}}".format),
        st.tuples(inner, inner).map(lambda t: f"{t[0]} AND {t[1]} :0.7"),
    ),
    max_leaves=12,
)


def is_text(text: str) -> bool:
    return parse_template(text) == LiteralCommand(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{prompt}",
        "{x}",
        "{{x}}",
        "{}",
        "[a|b]",
        "{[a|b]}",
        "{a [b|c] d}",
        "a|b",
        "{a|b",
        "a|b}",
        "{$$a}",
        "\\{a|b}",
        "\\__colour__",
        "# {a|b} __colour__",
        "snake__case",
        "__ colour__",
        "__colour __",
        "______",
        "a __ b __ c",
        "__a, b__",
        "${name=value} ${name}",
        "%{in the style of ... $$ a cat}",
        "100% of $5 // not a comment",
    ],
)
def test_text_that_holds_no_choice(text: str) -> None:
    assert is_text(text)


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("{a|b}", ["a", "b"]),
        ("{ a | b }", [" a ", " b "]),
        ("{a|}", ["a", ""]),
        ("{|}", ["", ""]),
        ("{[a|b]|c}", ["[a|b]", "c"]),
        ("{[a|b}", ["[a", "b"]),
        ("{a]|b}", ["a]", "b"]),
        ("{(a:1.2)|<lora:x:1>|b\\|c}", ["(a:1.2)", "<lora:x:1>", "b\\|c"]),
        ("{@_@|>_<}", ["@_@", ">_<"]),
        ("{$$a|b}", ["$$a", "b"]),
        ("{a # |no|\n|b}", ["a # |no|\n", "b"]),
    ],
)
def test_options_of_a_variant(text: str, options: list[str]) -> None:
    command = parse_template(text)
    assert isinstance(command, VariantCommand)
    assert command.values == [LiteralCommand(option) for option in options]
    assert (command.min_bound, command.max_bound) == (1, 1)


@pytest.mark.parametrize(
    ("text", "low", "high", "separator", "count"),
    [
        ("{2$$a|b|c}", 2, 2, ",", 3),
        ("{ 2$$a|b|c}", 2, 2, ",", 3),
        ("{1-2$$a|b|c}", 1, 2, ",", 3),
        ("{2-1$$a|b|c}", 1, 2, ",", 3),
        ("{2-$$a|b|c}", 2, 3, ",", 3),
        ("{-2$$a|b|c}", 1, 2, ",", 3),
        ("{2$$ and $$a|b|c}", 2, 2, " and ", 3),
        ("{2$$ | $$a|b|c}", 2, 2, " | ", 3),
        ("{2$$$$a|b|c}", 2, 2, "", 3),
        ("{2$$__x__$$a|b|c}", 2, 2, "__x__", 3),
        ("{2$$a}", 2, 2, ",", 1),
    ],
)
def test_how_many_options_are_taken(text: str, low: int, high: int, separator: str, count: int) -> None:
    command = parse_template(text)
    assert isinstance(command, VariantCommand)
    assert (command.min_bound, command.max_bound, command.separator, len(command)) == (low, high, separator, count)


def test_weights_are_no_part_of_the_option() -> None:
    command = parse_template("{3::a|0.5::b|.25::c|x::d|[e::5]}")
    assert isinstance(command, VariantCommand)
    assert command.weights == [3.0, 0.5, 0.25, 1.0, 1.0]
    assert command.values == [LiteralCommand(text) for text in ("a", "b", "c", "x::d", "[e::5]")]
    assert split_weight("2::red") == (2.0, "red") and split_weight("2:1 red") == (1.0, "2:1 red")


@pytest.mark.parametrize(
    "name", ["colour", "a b", "hair_colour", "animals/cats", "*", "a*", "..", "../../etc/passwd", "é-1.5"]
)
def test_names_of_wildcards(name: str) -> None:
    assert is_wildcard_name(name)
    assert parse_template(f"__{name}__") == WildcardCommand(name)


@pytest.mark.parametrize("name", ["", " a", "a ", "_a", "a__b", "a,b", "a(b)", "{a}", "a\nb", "x" * 201])
def test_what_is_no_name_of_a_wildcard(name: str) -> None:
    assert not is_wildcard_name(name)
    assert parse_template(f"__{name}__") != WildcardCommand(name)


def test_wildcards_in_tags_are_known_as_such() -> None:
    found = [node for node, _ in choices_in(parse_template("<lora:a__b__c:1> __d__ < __e__ <x:\n__f__"))]
    assert found == [TagWildcard("b"), WildcardCommand("d"), WildcardCommand("e"), WildcardCommand("f")]
    assert [type(node) for node in found] == [TagWildcard, WildcardCommand, WildcardCommand, WildcardCommand]


def test_choices_know_how_deep_they_are() -> None:
    command = parse_template("__a__ {b|{__c__|d}} [{e|f}]")
    found = [
        (node.wildcard if isinstance(node, WildcardCommand) else "{}", depth) for node, depth in choices_in(command)
    ]
    assert found == [("a", 0), ("{}", 0), ("{}", 1), ("c", 2), ("{}", 0)]


def test_comments_may_be_text() -> None:
    assert is_text("# {a|b}")
    assert not isinstance(parse_template("# {a|b}", comments=False), LiteralCommand)


def test_nesting_has_a_bound() -> None:
    deepest = "{a|" * MAX_NESTING + "}" * MAX_NESTING
    assert max(depth for _, depth in choices_in(parse_template(deepest))) == MAX_NESTING - 1
    with pytest.raises(InvalidRequest, match=f"nested more than {MAX_NESTING} deep"):
        parse_template(f"{{a|{deepest}}}")
    assert is_text("{" * 5000 + "x" + "}" * 5000)


def test_the_number_of_choices_has_a_bound() -> None:
    assert len(list(choices_in(parse_template("{a|b}" * MAX_CHOICES)))) == MAX_CHOICES
    with pytest.raises(InvalidRequest, match="more than 1,000 variants and wildcards. Split it"):
        parse_template("__a__" * (MAX_CHOICES + 1))


@settings(max_examples=1000)
@given(NO_CHOICE.filter(lambda text: "__" not in text and not ("{" in text and ("|" in text or "$$" in text))))
@example("a {prompt} [b|c] \\ # $ % // \t\r\n\x00\ud800")
def test_text_without_a_mark_of_choice_is_text(text: str) -> None:
    assert is_text(text)


@settings(max_examples=1000)
@given(PROMPT_LANGUAGE)
def test_the_prompt_language_is_text(text: str) -> None:
    assert is_text(text)


@settings(max_examples=500)
@given(st.lists(PROMPT_LANGUAGE.filter(lambda text: "{" not in text), min_size=2, max_size=4))
def test_the_prompt_language_is_text_inside_an_option(options: list[str]) -> None:
    command = parse_template("{" + "|".join(options) + "}")
    assert isinstance(command, VariantCommand)
    assert command.values == [LiteralCommand(option) for option in options]


@settings(max_examples=2000)
@given(HOSTILE)
def test_any_text_has_a_tree(text: str) -> None:
    assert [depth for _, depth in choices_in(parse_template(text)) if depth >= MAX_NESTING] == []


NASTY = ["{", "}", "[", "|", "__", "_", "__a", "__a__", "{a|b}", "{a|", "|}", "{[", "{[|", "{2$$", "{2$$a|b}{", "{|}"]
NASTY += ["$$", "\\", "#", "#\n", "<a:", "<", "1::", "{1::a|", "__a_", "a b_", "{{a|b}}", " ", "{ ", "{999", "<a__"]


@pytest.mark.parametrize("pattern", NASTY)
def test_time_grows_with_the_length(pattern: str) -> None:
    def seconds(characters: int) -> float:
        text = pattern * (characters // len(pattern))
        best = 1e9
        for _ in range(5):
            start = time.process_time()
            try:
                parse_template(text)
            except InvalidRequest:
                pass
            best = min(best, time.process_time() - start)
        return best

    # Sixteen times the length: sixteen times the time, where a quadratic parser would take 256 times.
    assert seconds(65_536) < 64 * seconds(4096) + 0.01
