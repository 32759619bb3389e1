"""Tags: found, taken out, read, refused in sentences."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from modules.errors import InvalidRequest
from modules.prompt.extra_networks import (
    HypernetworkUse,
    LoraUse,
    NetworkTag,
    hypernetwork_use,
    lora_use,
    take_extra_networks,
)
from tests.prompt.texts import MIXED


def _tag(text: str) -> NetworkTag:
    _, (tag,) = take_extra_networks(text)
    return tag


def test_tags_are_taken_out_of_the_text() -> None:
    clean, tags = take_extra_networks("a <lora:x y:0.8> b<hypernet:h>, <my_kind:1:n=2:a=b=c:>")
    assert clean == "a  b, "
    assert [(tag.kind, tag.arguments, tag.named, tag.position) for tag in tags] == [
        ("lora", ("x y", "0.8"), (), 2),
        ("hypernet", ("h",), (), 18),
        ("my_kind", ("1", "a=b=c", ""), (("n", "2"),), 32),
    ]


@pytest.mark.parametrize(
    "text", ["<lora>", "<lora:>", "<lora:x", "< lora:x>", "<:x>", "a < b : c >", "<a-b:c>", "<>", "<lora:><"]
)
def test_what_is_no_whole_tag_is_text(text: str) -> None:
    assert take_extra_networks(text) == (text, [])


def test_a_tag_ends_at_the_first_closing_mark() -> None:
    assert take_extra_networks("<a:<b:c>d>")[0] == "d>"
    assert take_extra_networks("<a:><b:c>") == ("<a:>", [NetworkTag("b", ("c",), (), 4, "<b:c>")])


@pytest.mark.parametrize(
    ("text", "use"),
    [
        ("<lora:x>", LoraUse("x", 1, 1, None)),
        ("<lora:x:0.5>", LoraUse("x", 0.5, 0.5, None)),
        ("<lora:x:0.5:0.25:8>", LoraUse("x", 0.5, 0.25, 8)),
        ("<lyco:x:te=0.5:unet=-1:dyn=4>", LoraUse("x", 0.5, -1, 4)),
        ("<lora:x:0.5:unet=2>", LoraUse("x", 0.5, 2, None)),
        ("<lora:x:te=0.5>", LoraUse("x", 0.5, 0.5, None)),
        ("<lora:x:1:te=0.5:te=0.25>", LoraUse("x", 0.25, 0.25, None)),
        ("<lora:x:0.8:0.2-0.7>", LoraUse("x", 0.8, 0.8, None, 0.2, 0.7)),
        ("<lora:x:0.8:0.2-0.7:0.5>", LoraUse("x", 0.8, 0.5, None, 0.2, 0.7)),
        ("<lora:x:.25-1>", LoraUse("x", 1, 1, None, 0.25, 1)),
        ("<lora:x:unet=0.5:steps=0-0.5>", LoraUse("x", 1, 0.5, None, 0, 0.5)),
        ("<lora:1-2:0.5>", LoraUse("1-2", 0.5, 0.5, None)),
        ("<lora:a=b:0.8>", LoraUse("a=b", 0.8, 0.8, None)),
        ("<lora:a=b=c:te=0.8>", LoraUse("a=b=c", 0.8, 0.8, None)),
        ("<lora:x:name=1>", LoraUse("x", 1, 1, None)),
    ],
)
def test_lora(text: str, use: LoraUse) -> None:
    assert lora_use(_tag(text)) == use
    assert hypernetwork_use(_tag(text)) is None


def test_hypernetwork() -> None:
    assert hypernetwork_use(_tag("<hypernet:h>")) == HypernetworkUse("h", 1)
    assert hypernetwork_use(_tag("<hypernet:h:0.4>")) == HypernetworkUse("h", 0.4)
    assert hypernetwork_use(_tag("<hypernet:h=i:0.4>")) == HypernetworkUse("h=i", 0.4)
    assert lora_use(_tag("<hypernet:h:0.4>")) is None


@pytest.mark.parametrize(
    ("tag", "words"),
    [
        ("<lora:x:strong>", "'strong'"), ("<lora:x:1:>", "''"), ("<lora:x:unet=nan>", "'nan'"),
        ("<lora:x:1e999>", "'1e999'"),
        ("<lora:x:1:1:0>", "'0'"), ("<lora:x:dyn=1.5>", "'1.5'"), ("<lora:x:dyn=²>", "'²'"),
        ("<lora:te=1>", "names no network"), ("<lora:steps=0-0.5>", "names no network"),
        ("<hypernet:unet=1>", "names no network"),
        ("<lora:x:0.7-0.2>", "'0.7-0.2'"), ("<lora:x:1:0-1.5>", "'0-1.5'"), ("<lora:x:steps=half>", "'half'"),
    ],
)  # fmt: skip
def test_refusals_name_the_tag_the_place_and_the_remedy(tag: str, words: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        hypernetwork_use(_tag(f"a cat {tag}")) or lora_use(_tag(f"a cat {tag}"))
    sentence = str(refusal.value)
    assert tag in sentence and words in sentence and "at character 7" in sentence and "Write" in sentence


@settings(max_examples=500, deadline=None)
@given(MIXED)
def test_tags_and_the_rest_are_the_whole_text(text: str) -> None:
    clean, tags = take_extra_networks(text)
    for tag in tags:
        assert text[tag.position :].startswith(tag.source)
        clean = clean[: tag.position] + tag.source + clean[tag.position :]
    assert clean == text
