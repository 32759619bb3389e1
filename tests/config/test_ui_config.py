"""ui-config.json is read with A1111's keys and ours, and says what it cannot use."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from modules.config.request_words import REQUEST_WORDS
from modules.config.ui_config import PROPERTIES, UiConfig, read_ui_config


def written(folder: Path, content: Any) -> UiConfig:
    path = folder / "ui-config.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return read_ui_config(path)


@pytest.mark.parametrize(
    ("key", "place"),
    [
        ("txt2img/Sampling steps/value", ("txt2img", "steps", "value")),
        ("txt2img/Sampling method/value", ("txt2img", "sampler_name", "value")),
        ("customscript/sampler.py/img2img/Sampling steps/maximum", ("img2img", "steps", "maximum")),
        ("customscript/seed.py/txt2img/Seed/value", ("txt2img", "seed", "value")),
        ("customscript/seed.py/txt2img/Variation strength/step", ("txt2img", "subseed_strength", "step")),
        ("customscript/refiner.py/txt2img/Checkpoint/value", ("txt2img", "refiner_checkpoint", "value")),
        ("img2img/CFG Scale/visible", ("img2img", "cfg_scale", "visible")),
        ("img2img/Only masked padding, pixels/value", ("img2img", "inpaint_full_res_padding", "value")),
        ("txt2img/denoising_strength/minimum", ("txt2img", "denoising_strength", "minimum")),
    ],
)
def test_keys_of_both_kinds_lead_to_fields(tmp_path: Path, key: str, place: tuple[str, str, str]) -> None:
    task, name, what = place
    found = written(tmp_path, {key: 7})
    assert found.of(task) == {name: {what: 7}} and found.unknown == ()


@pytest.mark.parametrize("name", REQUEST_WORDS)
def test_every_field_answers_to_its_name_and_its_label(tmp_path: Path, name: str) -> None:
    by_name = written(tmp_path, {f"txt2img/{name}/value": 1}).of("txt2img")
    by_label = written(tmp_path, {f"txt2img/{REQUEST_WORDS[name].label}/value": 1}).of("txt2img")
    assert set(by_name) == {name} and len(by_label) == 1


def test_unknown_keys_are_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    wrong = ["txt2img/Sampling steps/colour", "extras/Width/value", "txt2img/Restore faces/value", "width", "a/b", ""]
    with caplog.at_level(logging.WARNING):
        found = written(tmp_path, {**dict.fromkeys(wrong, 1), "txt2img/Width/value": 640})
    assert found.unknown == tuple(wrong) and found.of("txt2img") == {"width": {"value": 640}}
    (line,) = caplog.messages
    assert "6 keys that are not known here: txt2img/Sampling steps/colour, " in line


def test_many_unknown_keys_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        written(tmp_path, {f"tab/control {number}/value": 1 for number in range(50)})
    assert "50 keys" in caplog.text and "and 30 more" in caplog.text


@pytest.mark.parametrize("content", ["", "[]", '{"a": ', "\x00", "[" * 100_000])
def test_a_broken_file_changes_nothing_and_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: str
) -> None:
    with caplog.at_level(logging.WARNING):
        assert written(tmp_path, content) == UiConfig()
    assert "ui-config.json" in caplog.text


def test_without_a_file_nothing_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert read_ui_config(tmp_path / "ui-config.json").of("txt2img") == {}
    assert not caplog.messages and PROPERTIES == ("value", "minimum", "maximum", "step", "visible")
