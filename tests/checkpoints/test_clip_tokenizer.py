"""CLIP's tokenizer made from the vocabulary that a package carries."""

from __future__ import annotations

import importlib.util
import socket

import pytest

from modules.checkpoints.clip_tokenizer import clip_tokenizer
from modules.errors import BrokenInstallation


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        # As published with CLIP and with Stable Diffusion's own tokenizer folder.
        ("a photo of a cat", [49406, 320, 1125, 539, 320, 2368, 49407]),
        ("A Photo  of a CAT", [49406, 320, 1125, 539, 320, 2368, 49407]),
        ("hello world!", [49406, 3306, 1002, 256, 49407]),
        ("", [49406, 49407]),
    ],
)
def test_known_token_ids(text: str, ids: list[int]) -> None:
    assert clip_tokenizer()(text).input_ids == ids


def test_vocabulary_is_complete_and_padding_is_chosen() -> None:
    assert len(clip_tokenizer()) == 49408
    assert clip_tokenizer().pad_token_id == 49407
    assert clip_tokenizer(padding="!").pad_token_id == 0


@pytest.mark.parametrize("text", ["naïve café", "日本語", "emoji 🎨", "tab\tand\nline", "x" * 300])
def test_any_text_comes_back(text: str) -> None:
    tokenizer = clip_tokenizer()
    ids = tokenizer(text).input_ids[1:-1]
    assert tokenizer.decode(ids).strip() == " ".join(text.lower().split())


def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BrokenInstallation, match=r"open_clip_torch.*--reinstall"):
        clip_tokenizer()
