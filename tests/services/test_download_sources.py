"""Addresses and names: what people write, what servers say, and what may be told of it."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from modules.services.download_sources import (
    CIVITAI,
    HUB,
    LONGEST_NAME,
    authorization,
    name_in_header,
    safe_name,
    source_of,
    without_secrets,
)

WINDOWS = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(10))}


@given(st.text() | st.text("./\\: \x00~conCON1", max_size=12))
@example("con.safetensors")
@example("..")
@example("x" * 300 + ".safetensors")
@example("é" * 300 + ".safetensors")
@example("x." + "y" * 300)
@example("a/b\\c.safetensors ")
@example("\ud800.safetensors")
def test_names_are_safe_everywhere(text: str) -> None:
    name = safe_name(text)
    assert not set(name) & set('<>:"/\\|?*') and all(ord(letter) >= 32 for letter in name)
    assert len(name.encode()) <= 255
    assert not name or (name[0] not in ". " and name[-1] not in ". ")
    assert name.split(".")[0].strip().lower() not in WINDOWS
    assert safe_name(name) == name


def test_a_long_name_keeps_its_suffix() -> None:
    name = safe_name("x" * 500 + ".safetensors")
    assert name.endswith("x.safetensors") and len(name) == LONGEST_NAME


@given(st.text())
@example("attachment; filename*=no-such-charset''x.safetensors")
@example("attachment; filename*=UTF-8''%ff%fe")
def test_any_header_gives_a_safe_name(text: str) -> None:
    name = name_in_header(text)
    assert name == safe_name(name)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://a.org/x?y=1#z", "https://a.org/x?y=1"),
        ("https://u:p@a.org/x", "https://a.org/x"),
        ("https://a.org/x?token=1&b=2", "https://a.org/x?b=2"),
        ("https://a.org/x?X-Amz-Signature=1&X-Amz-Credential=2", "https://a.org/x"),
        ("https://a.org/x?Key-Pair-Id=1&Policy=2&Signature=3&v=4", "https://a.org/x?v=4"),
        ("https://a.org/x?api_key=1", "https://a.org/x"),
    ],
)
def test_secrets_are_left_out(url: str, shown: str) -> None:
    assert without_secrets(url) == shown


def test_pages_become_downloads() -> None:
    assert source_of(f"{CIVITAI}/models/12/ink?modelVersionId=345").url == f"{CIVITAI}/api/download/models/345"
    source = source_of(f"{HUB}/a/b/blob/v1/sub/x%20y.safetensors?download=true")
    assert (source.url, source.name) == (f"{HUB}/a/b/resolve/v1/sub/x%20y.safetensors", "x y.safetensors")
    mirrored = source_of(f"{HUB}/a/b/resolve/main/x.safetensors", endpoint="https://mirror.org")
    assert mirrored.url == "https://mirror.org/a/b/resolve/main/x.safetensors"


def test_tokens_are_for_their_origin_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hub")
    monkeypatch.setenv("CIVITAI_TOKEN", "civitai")
    assert authorization(f"{HUB}/a", HUB) == "Bearer hub"
    assert authorization(f"{CIVITAI}/a", HUB) == "Bearer civitai"
    for other in (
        "http://huggingface.co/a",
        "https://huggingface.co:8443/a",
        "https://huggingface.co.evil.org/a",
        "https://evil.org/huggingface.co",
        "http://civitai.com/a",
    ):
        assert authorization(other, HUB) is None
