"""Infotext is read as the established implementation reads it, and survives the way out and back."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.schema.infotext import Infotext, parse_infotext, request_of
from modules.schema.infotext_keys import FIELD_OF_KEY, OTHER_SPELLINGS, SAYS_NOTHING_OF_THE_PICTURE
from tests.schema.strategies import AWKWARD_TEXT

VECTORS = Path(os.environ.get("VECTORS_DIR", Path(__file__).parent.parent / "vectors"))
KEYS = [
    *FIELD_OF_KEY,
    *OTHER_SPELLINGS,
    *sorted(SAYS_NOTHING_OF_THE_PICTURE),
    "Infotext version",
    "First pass size-1",
    "First pass size-2",
]
NUMBERS = st.one_of(
    st.integers().map(str), st.floats().map(str), st.sampled_from(["v1.5.1", "Atelier 0.1.0", "[]", "True"])
)
_IGNORED = {"Hires VAE/TE", "VAE/TE"}


@pytest.mark.parametrize("path", sorted(VECTORS.glob("infotext*.json")), ids=lambda path: path.name)
def test_vectors(path: Path) -> None:
    for vector in json.loads(path.read_bytes()):
        read = parse_infotext(vector["infotext"])
        got = {"Prompt": read.prompt, "Negative prompt": read.negative_prompt, **read.parameters}
        expected = {key: value for key, value in vector["parsed"].items() if key not in _IGNORED}
        wrong = {key: (got[key], expected[key]) for key in got.keys() & expected.keys() if got[key] != expected[key]}
        assert not wrong, vector["infotext"]
        # Keys that stand in the text must be there; the rest are defaults that the reference adds.
        line = vector["infotext"].strip().split("\n")[-1]
        assert {key for key in expected if f" {key}:" in line} <= got.keys(), vector["infotext"]


def test_half_characters_are_replaced() -> None:
    read = parse_infotext('p\nSteps: 1, Sampler: "\\ud800, x", Seed: 1')
    assert read.parameters["Sampler"] == "?, x"


@given(st.one_of(st.text(), AWKWARD_TEXT))
def test_any_text_is_read(text: str) -> None:
    request_of(parse_infotext(text))


@settings(max_examples=500)
@given(st.dictionaries(st.sampled_from(KEYS), st.one_of(st.text(), NUMBERS), max_size=6))
def test_any_values_are_read(parameters: dict[str, str]) -> None:
    reading = request_of(Infotext("p", "n", parameters))
    assert reading.request.prompt == "p"


HOSTILE = [
    *[" ", ",", ":", '"', "\\", "-", "/", "_", "a", "x", "1"],
    *[
        "a:",
        "ab:",
        'a: "',
        'ab: "',
        'ab: "x',
        "ab: \\",
        'ab: "\\',
        'ab: "",',
        'ab: "\\",',
        "ab: 1x1, ",
        "ab: [",
        " ,",
        " :",
    ],
    *["Steps: ", "Steps: 1, ", "Size: 64x64, ", 'Styles: "[', "Template: {", "\\u", "Negative prompt:", "é:", "\t:"],
]


@pytest.mark.parametrize("pattern", HOSTILE)
def test_time_grows_no_faster_than_the_text(pattern: str) -> None:
    def best_time(length: int) -> float:
        text = "Steps: 1, Seed: 2, " + (pattern * length)[:length]
        times = []
        for _ in range(3):
            started = time.process_time()
            request_of(parse_infotext(text))
            times.append(time.process_time() - started)
        return min(times)

    # Quadratic behaviour would make it 256 times as long, and take minutes.
    assert best_time(256 * 1024) < 64 * max(best_time(16 * 1024), 0.005)


@pytest.mark.parametrize(
    "pattern", ["\n", "a\n", "Negative prompt:\n", "Negative prompt: Negative prompt:", "Steps: 1\n"]
)
def test_time_grows_no_faster_than_the_lines(pattern: str) -> None:
    started = time.process_time()
    request_of(parse_infotext(pattern * (256 * 1024 // len(pattern)) + "\nSteps: 1, Seed: 2, Size: 64x64"))
    assert time.process_time() - started < 2.0


def test_quotes_in_quotes_are_taken_apart_once() -> None:
    value = "x"
    for _ in range(12):
        value = json.dumps(f"{value}, y")
    assert parse_infotext(f"p\nSteps: 1, Seed: 2, Extra: {value}").parameters["Extra"] == json.loads(value)
