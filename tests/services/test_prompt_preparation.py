"""What is typed, and what is painted: styles, wildcards and NovelAI's brackets, in that order."""

from __future__ import annotations

from typing import Any

import pytest

from modules.config.paths import Paths
from modules.errors import InvalidRequest, NotFound
from modules.hooks import with_changes
from modules.schema.infotext import parse_infotext, request_of, write_infotext
from modules.schema.requests import ResolvedTxt2Img
from modules.services.prompt_preparation import PromptPreparation
from modules.services.styles import StyleService
from modules.services.wildcards import WildcardService
from tests.schema.test_requests import RESOLVED


@pytest.fixture
def preparation(paths: Paths) -> PromptPreparation:
    paths.wildcards_folder.mkdir(parents=True)
    (paths.wildcards_folder / "colour.txt").write_text("red\ngreen\nblue\nyellow\n")
    styles = StyleService(paths.style_files)
    styles.save("calm", "a calm {prompt}, watercolor", "noise")
    styles.save("drawn", "a __colour__ {prompt}")
    return PromptPreparation(styles, WildcardService(paths.wildcards_folder))


def resolved(**fields: Any) -> ResolvedTxt2Img:
    return ResolvedTxt2Img.of({**RESOLVED, "negative_prompt": "", **fields})


def test_plain_prompts_pass_untouched(preparation: PromptPreparation) -> None:
    request = resolved(prompt="a {red|blue} __colour__ house, 100% (sharp:1.2)")
    assert preparation.prepared(request) == request


def test_styles_go_around_the_prompt_and_the_typed_text_is_kept(preparation: PromptPreparation) -> None:
    made = preparation.prepared(resolved(prompt="house", styles=("calm",)))
    assert made.prompt == "a calm house, watercolor"
    assert made.negative_prompt == "noise"
    assert (made.template, made.negative_template) == ("house", "")


def test_every_picture_draws_with_its_own_seed(preparation: PromptPreparation) -> None:
    made = preparation.prepared(resolved(prompt="a __colour__ house", wildcards=True, seed=5, batch_size=8))
    assert len(made.prompts) == 8
    assert len(set(made.prompts)) > 1
    assert made.template == "a __colour__ house"
    for index in range(8):
        alone = preparation.prepared(resolved(prompt="a __colour__ house", wildcards=True, seed=5 + index))
        assert alone.prompt_of(0) == made.prompt_of(index)


def test_one_wildcard_seed_gives_all_pictures_the_same_words(preparation: PromptPreparation) -> None:
    made = preparation.prepared(resolved(prompt="{a|b|c|d|e}", wildcards=True, wildcard_seed=3, batch_size=8))
    assert made.prompts == ()
    assert made.prompt in "abcde"


def test_wildcards_in_styles_are_drawn_too(preparation: PromptPreparation) -> None:
    made = preparation.prepared(resolved(prompt="house", styles=("drawn",), wildcards=True))
    assert made.prompt in {f"a {colour} house" for colour in ("red", "green", "blue", "yellow")}


def test_nothing_drawn_leaves_no_trace(preparation: PromptPreparation) -> None:
    assert preparation.prepared(resolved(prompt="a house", wildcards=True)).wildcards is False


def test_a_script_may_bring_wildcards_in_where_the_prompt_has_none(preparation: PromptPreparation) -> None:
    for wildcards in (True, False):
        base = preparation.prepared(resolved(prompt="a house", wildcards=wildcards, script_name="X/Y/Z plot"))
        assert (base.prompt, base.template, base.wildcards) == ("a house", None, wildcards)
        cell = preparation.prepared(with_changes(base, {"prompt": "a __colour__ house"}))
        assert ("__colour__" in cell.prompt) is not wildcards


def test_novelai_brackets_come_last(preparation: PromptPreparation) -> None:
    made = preparation.prepared(resolved(prompt="{house}", novelai_emphasis=True))
    assert made.prompt == "(house:1.05)"


def test_infotext_of_each_picture_gives_its_own_request_and_what_was_typed(preparation: PromptPreparation) -> None:
    made = preparation.prepared(
        resolved(prompt="a __colour__ house", wildcards=True, styles=("calm",), seed=5, batch_size=2)
    )
    for index in range(2):
        reading = request_of(parse_infotext(write_infotext(made, index=index, model_hash="0123456789")))
        assert reading.request.prompt == made.prompt_of(index)
        assert not reading.request.wildcards
        assert reading.typed is not None
        assert reading.typed.prompt == "a __colour__ house"
        assert reading.typed.styles == ("calm",)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [({"styles": ("nonesuch",)}, "nonesuch"), ({"prompt": "__nonesuch__", "wildcards": True}, "nonesuch")],
)
def test_what_is_not_there_is_named(preparation: PromptPreparation, fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises((InvalidRequest, NotFound), match=sentence):
        preparation.prepared(resolved(**fields))
