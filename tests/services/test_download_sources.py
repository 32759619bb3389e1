"""Addresses and names: what people write, what servers say, and what may be told of it."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from modules.config.files import safe_name
from modules.services.download_sources import (
    CIVITAI,
    HUB,
    authorization,
    name_in_header,
    source_of,
    without_secrets,
)


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
        ("https://a.org/x?apikey=1&hfToken=2&AWSAccessKeyId=3&accesstoken=4&PASSWORD=5", "https://a.org/x"),
        ("https://a.org/x?X-Amz-Date=1&x-amz-expires=2&X-Goog-Signature=3&sig=4&auth=5", "https://a.org/x"),
        ("https://a.org/x?author=me&design=1&keyword=2", "https://a.org/x?author=me&design=1&keyword=2"),
        ("https://a.org/x?monkey=1&assignee=2&tokenizer=3", "https://a.org/x?monkey=1&assignee=2&tokenizer=3"),
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
