"""Flags of the engine, A1111's among them, become its options."""

from __future__ import annotations

import pytest

from modules.config.command_line import parse_command_line
from modules.services.options import EngineOptions
from webui import engine_options


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("", EngineOptions()),
        ("--precision bfloat16 --use-cpu", EngineOptions(precision="bfloat16", use_cpu=True)),
        ("--precision autocast", EngineOptions()),
        ("--precision full --no-half", EngineOptions(precision="full")),
        ("--no-half --no-half-vae", EngineOptions(precision="full", full_vae=True)),
        ("--upcast-sampling --fp8", EngineOptions(full_attention=True, eight_bit=True)),
        ("--attention sage", EngineOptions(attention="sage")),
        ("--xformers", EngineOptions(attention="xformers")),
        ("--opt-sdp-attention", EngineOptions(attention="sdp")),
        ("--opt-sdp-no-mem-attention", EngineOptions(attention="sdp-no-mem")),
        ("--opt-sub-quad-attention", EngineOptions(attention="sub-quadratic")),
        ("--opt-split-attention", EngineOptions(attention="sub-quadratic")),
        ("--medvram", EngineOptions(memory="medvram")),
        ("--medvram-sdxl", EngineOptions(memory="medvram-sdxl")),
        ("--lowvram", EngineOptions(memory="lowvram")),
    ],
)
def test_flags_before_and_behind_a_command(flags: str, expected: EngineOptions) -> None:
    words = flags.split()
    for arguments in (words, [*words, "doctor"], ["doctor", *words]):
        assert engine_options(parse_command_line(arguments)) == expected


@pytest.mark.parametrize("flags", ["--attention none", "--precision double"])
def test_other_words_are_refused(flags: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_command_line(flags.split())
    assert "invalid choice" in capsys.readouterr().err
