"""What is typed, and what is painted: styles, wildcards and NovelAI's brackets, in that order."""

from __future__ import annotations

from typing import Any

import pytest

from modules.config.paths import Paths
from modules.errors import InvalidRequest, NotFound
from modules.gallery.inputs import InputPictures
from modules.hooks import Available, ChangeContext, Plugins, Section, Text, hookimpl, with_changes
from modules.schema.infotext import parse_infotext, request_of, write_infotext
from modules.schema.requests import ResolvedTxt2Img
from modules.services.prompt_preparation import PromptPreparation
from modules.services.sections import SectionService
from modules.services.styles import StyleService
from modules.services.wildcards import WildcardService
from tests.schema.test_requests import RESOLVED


class Words(Section):
    """Puts words before the prompt, and the picture's seed behind the negative one."""

    name = "Words"
    arguments = (Text(name="words", label="Words"),)

    def change_request(self, context: ChangeContext) -> dict[str, str]:
        negative = context.request.negative_prompt
        return {
            "prompt": f"{context.arguments['words']} {context.request.prompt}",
            "negative_prompt": f"{negative} {context.seed}",
        }


class Shouting(Section):
    """All in capitals, the second pass too."""

    name = "Shouting"

    def change_request(self, context: ChangeContext) -> dict[str, str]:
        return {"prompt": context.request.prompt.upper(), "hr_prompt": "LOUD"}


class Extension:
    """Two sections."""

    @hookimpl
    def register_sections(self) -> list[Section]:
        return [Words(), Shouting()]


@pytest.fixture
def preparation(paths: Paths) -> PromptPreparation:
    plugins = Plugins(())
    plugins.register(Extension(), "words")
    paths.wildcards_folder.mkdir(parents=True)
    (paths.wildcards_folder / "colour.txt").write_text("red\ngreen\nblue\nyellow\n")
    styles = StyleService(paths.style_files)
    styles.save("calm", "a calm {prompt}, watercolor", "noise")
    styles.save("drawn", "a __colour__ {prompt}")
    sections = SectionService(plugins, lambda task: Available(task), InputPictures(paths.input_pictures))
    return PromptPreparation(styles, WildcardService(paths.wildcards_folder), sections)


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


def test_sections_come_before_styles_and_wildcards_one_after_the_other(preparation: PromptPreparation) -> None:
    asked = resolved(
        prompt="house",
        styles=("calm",),
        wildcards=True,
        seed=5,
        batch_size=3,
        sections={"Words": {"words": "{a|b|c|d}"}, "Shouting": {}},
    )
    made = preparation.prepared(asked)
    drawn = [made.prompt_of(index) for index in range(3)]
    assert set(drawn) <= {f"a calm {letter} HOUSE, watercolor" for letter in "ABCD"}
    assert made.negative_prompts == tuple(f"{seed}, noise" for seed in (5, 6, 7))
    assert (made.template, made.negative_template) == ("house", "")
    for index in range(3):
        alone = preparation.prepared(with_changes(made, {"seed": 5 + index, "batch_size": 1}))
        assert (alone.prompt, alone.negative_prompt) == (drawn[index], made.negative_prompt_of(index))


def test_a_section_may_give_the_second_pass_words_of_its_own(preparation: PromptPreparation) -> None:
    made = preparation.prepared(resolved(prompt="house", enable_hr=True, sections={"Shouting": {}}))
    assert (made.prompt, made.hr_prompt, made.hr_template) == ("HOUSE", "LOUD", "")
    again = preparation.prepared(with_changes(made, {"prompt": "garden"}))
    assert (again.prompt, again.hr_prompt, again.hr_template) == ("GARDEN", "LOUD", "")
    assert preparation.prepared(resolved(prompt="house", sections={"Shouting": {}})).hr_prompt == ""


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
