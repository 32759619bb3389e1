"""The memory of encoded texts: what it gives back, what it forgets, what it counts."""

from __future__ import annotations

import torch

from modules.diffusion.conditioning import TextConditioning
from modules.pipeline.text_cache import Encoded, Reuse, TextCache


def encoded(number: float) -> Encoded:
    """100 numbers, 400 bytes."""
    return [TextConditioning(torch.full((1, 10, 10), float(number)))]


def test_same_key_is_encoded_once() -> None:
    cache = TextCache()
    first = cache.get("a", lambda: encoded(1))
    assert cache.get("a", lambda: encoded(2)) is first
    assert cache.take_reuse() == Reuse(found=1, encoded=1)
    assert cache.take_reuse() == Reuse()


def test_longest_unused_is_forgotten_first() -> None:
    cache = TextCache(most_bytes=800)
    cache.get("a", lambda: encoded(1))
    cache.get("b", lambda: encoded(2))
    cache.get("a", lambda: encoded(1))
    cache.get("c", lambda: encoded(3))
    cache.take_reuse()
    cache.get("a", lambda: encoded(1))
    cache.get("c", lambda: encoded(3))
    cache.get("b", lambda: encoded(2))
    assert cache.take_reuse() == Reuse(found=2, encoded=1)


def test_what_is_too_large_is_given_and_not_kept() -> None:
    cache = TextCache(most_bytes=100)
    assert cache.get("a", lambda: encoded(1))[0].states.sum() == 100
    cache.get("a", lambda: encoded(1))
    assert cache.take_reuse() == Reuse(found=0, encoded=2)
