"""Infotext is read as the established implementation reads it, and survives the way out and back."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.schema.infotext import parse_infotext, request_of, write_infotext
from modules.schema.requests import ResolvedTxt2Img
from tests.schema.test_requests import RESOLVED

VECTORS = Path(os.environ.get("VECTORS_DIR", Path(__file__).parent.parent / "vectors"))
_IGNORED = {"Hires VAE/TE", "VAE/TE"}
NO_SURROGATES = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00\r"), max_size=200)
AWKWARD = st.text(st.sampled_from('ab:,"\\\n Negative prompt:Steps-/x1_'), max_size=120)


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


@settings(max_examples=500, deadline=None)
@given(
    prompt=st.one_of(NO_SURROGATES, AWKWARD),
    negative=st.one_of(NO_SURROGATES, AWKWARD),
    steps=st.integers(1, 150),
    cfg=st.floats(0, 100, allow_subnormal=False),
    seed=st.integers(0, 2**63 - 1),
    width=st.integers(8, 512).map(lambda eighth: eighth * 8),
    clip_skip=st.integers(1, 12),
    rng=st.sampled_from(["NV", "CPU", "GPU"]),
    scheduler=st.sampled_from(["Normal", "Karras"]),
    model=st.sampled_from(["m", "a/b c", "my model, v2", 'x"y', "512x768", " led by a space"]),
)
def test_request_to_infotext_to_request_is_the_identity(
    prompt: str,
    negative: str,
    steps: int,
    cfg: float,
    seed: int,
    width: int,
    clip_skip: int,
    rng: str,
    scheduler: str,
    model: str,
) -> None:
    request = ResolvedTxt2Img.of(
        {
            **RESOLVED,
            "prompt": prompt,
            "negative_prompt": negative,
            "steps": steps,
            "cfg_scale": cfg,
            "seed": seed,
            "width": width,
            "clip_skip": clip_skip,
            "rng": rng,
            "scheduler": scheduler,
            "model": model,
        }
    )
    reading = request_of(parse_infotext(write_infotext(request, index=0, model_hash="0123456789")))
    assert reading.not_honoured == ()
    assert reading.request.model_dump() == request.model_dump()


def test_each_picture_carries_its_own_seed() -> None:
    request = ResolvedTxt2Img.of({**RESOLVED, "batch_size": 2, "seed": 41})
    assert "Seed: 42" in write_infotext(request, index=1, model_hash="0123456789")


def test_a1111_text_becomes_a_request() -> None:
    text = (
        "a lighthouse on a cliff\nNegative prompt: blurry\nSteps: 25, Sampler: Euler a, Schedule type: Karras, "
        "CFG scale: 6.5, Seed: 12345, Size: 512x768, Model hash: 6ce0161689, Model: v1-5, Denoising strength: 0.4"
    )
    reading = request_of(parse_infotext(text))
    assert reading.request.prompt == "a lighthouse on a cliff"
    assert (reading.request.steps, reading.request.width, reading.request.height) == (25, 512, 768)
    assert reading.request.rng == "GPU"
    assert reading.not_honoured == ("Denoising strength: 0.4",)


def test_half_characters_are_replaced() -> None:
    read = parse_infotext('p\nSteps: 1, Sampler: "\\ud800, x", Seed: 1')
    assert read.parameters["Sampler"] == "?, x"


def test_bad_values_are_listed_not_raised() -> None:
    reading = request_of(parse_infotext("p\nSteps: -3, Sampler: Euler, Size: 100x64, CFG scale: high"))
    assert reading.request.steps is None
    assert set(reading.not_honoured) == {"Steps: -3", "Size-1: 100", "CFG scale: high"}


@given(st.one_of(st.text(), AWKWARD))
def test_any_text_is_read(text: str) -> None:
    parse_infotext(text)


@pytest.mark.parametrize("pattern", [" ", ",", ":", '"', "\\", "a:", 'a: "', "-", "ab: \\"])
def test_time_grows_no_faster_than_the_text(pattern: str) -> None:
    def best_time(length: int) -> float:
        text = "Steps: 1, " + (pattern * length)[:length]
        times = []
        for _ in range(3):
            started = time.perf_counter()
            parse_infotext(text)
            times.append(time.perf_counter() - started)
        return min(times)

    assert best_time(64 * 1024) < 1.0  # quadratic behaviour would take minutes
