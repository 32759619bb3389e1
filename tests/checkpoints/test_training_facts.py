"""What headers say of training, by trainers' own keys."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from modules.checkpoints.training_facts import MOST_CHARACTERS, MOST_TAGS, TrainingFacts, tag_histogram, training_facts


def test_facts_of_a_trainer() -> None:
    facts = training_facts(
        {
            "ss_output_name": "ink",
            "ss_sd_model_name": "None",
            "ss_base_model_version": "sdxl_base_v1-0",
            "ss_network_dim": "32",
            "ss_resolution": "(1024, 1024)",
            "modelspec.title": " Ink ",
            "modelspec.trigger_phrase": "ink drawing",
            "ss_tag_frequency": json.dumps({"10_ink": {"pen": 3, " line ": 5}, "5_more": {"pen": 4, "cat": 5}}),
        }
    )
    assert (facts.title, facts.trigger_phrase, facts.base_model, facts.rank) == (
        "Ink",
        "ink drawing",
        "sdxl_base_v1-0",
        "32",
    )
    assert facts.tags == (("pen", 7), ("cat", 5), ("line", 5))
    assert training_facts({}) == TrainingFacts()


def test_long_histograms_are_cut_or_left_out() -> None:
    many = {str(number): number + 1 for number in range(MOST_TAGS + 50)}
    found = tag_histogram(json.dumps({"set": many}))
    assert len(found) == MOST_TAGS and found[0] == (str(MOST_TAGS + 49), MOST_TAGS + 50)
    assert tag_histogram(json.dumps({"set": {"x" * MOST_CHARACTERS: 1}})) == ()


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
)


@given(st.text() | JSON.map(json.dumps))
def test_any_text_makes_a_sound_histogram(text: str) -> None:
    found = tag_histogram(text)
    assert all(isinstance(tag, str) and type(count) is int and count > 0 for tag, count in found)
    assert [count for _, count in found] == sorted((count for _, count in found), reverse=True)
