"""What routes share."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fastapi import HTTPException
from hypothesis import given
from hypothesis import strategies as st

from modules.api.exchange import MOST_COMMAS, Teller, fields_of, readable
from modules.config.paths import resolve_paths
from modules.errors import ModelNotFound, NotFound, QueueFull

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters()), inner, max_size=4),
    max_leaves=12,
)


@given(ANYTHING)
def test_what_is_readable_can_be_sent(value: object) -> None:
    sent = json.dumps(readable(value), ensure_ascii=False).encode()
    assert json.loads(sent) == readable(value) == readable(readable(value))
    if "\\ud" not in json.dumps(value):
        assert readable(value) == value


@pytest.mark.parametrize(
    ("sentence", "shown"),
    [
        ("It is taken in /data/models/Lora.", "It is taken in Lora."),
        ("'/data/models/Lora/a.safetensors' is there.", "'Lora/a.safetensors' is there."),
        ("No room on /data/models/VAE/x and /data/outputs.", "No room on VAE/x and data/outputs."),
        ("Full: /data", "Full: data"),
        ("https://example.com/data/models/x was tried", "https://example.com/data/models/x was tried"),
        ("/database/x and /data-old/x", "/database/x and /data-old/x"),
        ("a lone \ud800", "a lone ?"),
    ],
)
def test_folders_are_called_by_their_last_part(sentence: str, shown: str) -> None:
    assert Teller(resolve_paths(data_dir=Path("/data"))).shown(sentence) == shown


@pytest.mark.parametrize(("error", "status"), [(NotFound, 404), (ModelNotFound, 422), (QueueFull, 429)])
def test_refusals_have_a_status(error: type[Exception], status: int) -> None:
    def refused(sentence: str) -> None:
        raise error(sentence)

    tell = Teller(resolve_paths(data_dir=Path("/data")))
    with pytest.raises(HTTPException) as raised:
        tell.told(refused, "No.")
    assert (raised.value.status_code, raised.value.detail) == (status, "No.")
    assert tell.told(str.upper, "yes") == "YES"


@pytest.mark.parametrize("depth", [500, 900, 5000, 100_000])
def test_bodies_that_are_deep_are_no_fault(depth: int) -> None:
    try:
        fields_of(b'{"a":' + b"[" * depth + b"]" * depth + b"}")
    except HTTPException as error:
        assert error.status_code == 400


@pytest.mark.parametrize("value", [b"[]", b'""', b"1"])
def test_bodies_of_millions_of_values_are_not_looked_at(value: bytes) -> None:
    with pytest.raises(HTTPException) as raised:
        fields_of(b'{"a":[' + b",".join([value] * (MOST_COMMAS + 2)) + b"]}")
    assert raised.value.status_code == 413
    assert fields_of(b'{"a":"' + b"A" * 2**20 + b'"}') == {"a": "A" * 2**20}
