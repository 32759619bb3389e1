"""Prompts from file or textbox: what a line means, and how it is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.builtin.prompts_from_file import PromptsFromFile, options_of
from modules.hooks import Interrupted, InvalidRequest
from tests.builtin.painter import Painter, run, words

LINES = PromptsFromFile()
EMPTY = words(prompt="", negative_prompt="")
AVAILABLE = Painter(EMPTY).available


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a red house", {"prompt": "a red house"}),
        ("a house -- in snow --steps 3", {"prompt": "a house -- in snow --steps 3"}),
        ('--prompt "a house, red" --steps 30', {"prompt": "a house, red", "steps": "30"}),
        ("--prompt a red house --negative_prompt at night", {"prompt": "a red house", "negative_prompt": "at night"}),
        (r'--prompt "a \(b\) \"c\""', {"prompt": r'a \(b\) "c"'}),
        ('--prompt "a cat\'s hat"', {"prompt": "a cat's hat"}),
        ("--sd_model sea --n_iter 2", {"model": "sea", "batch_count": "2"}),
        ("--sampler_name DPM++ 2M --cfg_scale 5", {"sampler_name": "DPM++ 2M", "cfg_scale": "5"}),
        ("--negative-prompt night", {"negative_prompt": "night"}),
        ("--styles film, ink", {"styles": ("film", "ink")}),
        ("--seed -1 --subseed_strength 0.5", {"seed": "-1", "subseed_strength": "0.5"}),
        ("--sgm_noise_multiplier --prompt", {"sgm_noise_multiplier": True, "prompt": ""}),
        ("--tiling true", {"tiling": "true"}),
    ],
)
def test_a_line_is_a_prompt_or_a_list_of_options(line: str, expected: dict[str, Any]) -> None:
    assert options_of(line, "Line 1", AVAILABLE) == expected


@given(st.text(max_size=60).map(lambda text: f"--{text}"))
def test_any_line_is_read_or_refused(line: str) -> None:
    try:
        found = options_of(line, "Line 1", AVAILABLE)
    except InvalidRequest as refused:
        assert refused.field == "Line 1" and refused.remedy
    else:
        assert found.keys() <= AVAILABLE.fields.keys()


def test_each_line_is_painted() -> None:
    text = (
        '# a comment\na red house\n\n--prompt "a tree" --steps 30 --width 128 --seed 7 --sd_model sea --tiling true\n'
    )
    first, second = run(LINES, EMPTY, prompt_txt=text).painted
    assert (first.prompt, first.steps, first.width, first.seed, first.model) == ("a red house", 20, 64, 100, "house")
    assert (second.prompt, second.steps, second.width, second.seed, second.model) == ("a tree", 30, 128, 7, "sea")
    assert (first.tiling, second.tiling) == ("None", "Both")


@pytest.mark.parametrize(
    ("position", "expected"),
    [("start", ("a tree a red house", "snow night")), ("end", ("a red house a tree", "night snow"))],
)
def test_prompts_are_put_before_or_behind_those_of_the_form(position: str, expected: tuple[str, str]) -> None:
    lines = "--prompt a tree --negative_prompt snow\n--steps 5"
    both, neither = run(LINES, words(), prompt_txt=lines, prompt_position=position).painted
    assert (both.prompt, both.negative_prompt) == expected
    assert (neither.prompt, neither.negative_prompt) == ("a red house", "night")


def test_prompts_of_the_form_are_those_that_were_typed() -> None:
    base = words(prompt="a house, grainy", template="a house", styles=("film",))
    assert run(LINES, base, prompt_txt="red").painted[0].prompt == "red a house, grainy"


@pytest.mark.parametrize(
    ("drawn", "given", "expected"),
    [
        ((), {}, [100, 100, 100]),
        (("seed",), {"same_seed": True}, [100, 100, 100]),
        ((), {"iterate_seed": True}, [100, 102, 106]),
        (("seed",), {"iterate_seed": True, "same_seed": True}, [100, 102, 106]),
    ],
)
def test_seeds_of_the_lines(drawn: tuple[str, ...], given: dict[str, Any], expected: list[int]) -> None:
    text = "a\n--prompt b --batch_size 4\nc"
    painted = run(LINES, words(batch_size=2), drawn=drawn, prompt_txt=text, **given).painted
    assert [row.seed for row in painted] == expected


def test_a_drawn_seed_is_drawn_for_each_line() -> None:
    seeds = [row.seed for row in run(LINES, words(), drawn=("seed",), prompt_txt="a\nb\n--seed 5\n--seed -1").painted]
    assert len(set(seeds)) == 4 and seeds[2] == 5 and min(seeds) >= 0


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "List of prompt inputs '' is empty."),
        ("# only\n\n", "is empty"),
        ("a\n\n--stps 5", "Line 3 '--stps' is not known. Nearest: --steps"),
        ("--prompt", "accepted"),
        ("--steps", "Line 1 '--steps' has no value. Write one behind it, like --steps VALUE."),
        ("--steps 0", "Line 1: Steps '0' is too small. The least is 1."),
        ("a\n--steps many", "Line 2: Steps 'many' is not a number."),
        ("--steps 5 --steps 6", "Line 1 '--steps' is there twice."),
        ("--prompt a cat's hat", "cannot be read (No closing quotation). Put texts that hold a quote into"),
        ("--outpath_samples /tmp", "Line 1 '--outpath_samples' is no option here."),
        ("--template x", "Line 1 '--template' is not known."),
        ("--script_name x", "Line 1 '--script_name' is not known."),
        ("--sd_model barn", "Line 1 'barn' cannot be used. There is no model 'barn'."),
        ("--sampler_name Eulr", "Line 1: Sampler 'Eulr' is not known. Nearest: Euler."),
        ("a\n" * 1001, "List of prompt inputs 1001 lines are too many. The most is 1,000."),
    ],
)
def test_a_line_that_cannot_be_used_is_refused_by_its_number(text: str, sentence: str) -> None:
    painter = Painter(EMPTY)
    if sentence == "accepted":
        assert len(run(LINES, EMPTY, painter, prompt_txt=text).painted) == 1
        return
    with pytest.raises(InvalidRequest) as refused:
        run(LINES, EMPTY, painter, prompt_txt=text)
    assert sentence.replace("'0'", "0") in str(refused.value)
    assert not painter.asked


@pytest.mark.parametrize("stop_at", range(3))
def test_a_list_that_was_stopped_goes_on_where_it_was(stop_at: int) -> None:
    base = words()
    whole = run(LINES, base, drawn=("seed",), prompt_txt="a\nb\nc")
    first = Painter(base, stop_at=stop_at)
    with pytest.raises(Interrupted):
        run(LINES, base, first, drawn=("seed",), prompt_txt="a\nb\nc")
    second = run(LINES, base, Painter(base, stored=first.stored), drawn=("seed",), prompt_txt="a\nb\nc")
    assert first.painted + second.painted == whole.painted
