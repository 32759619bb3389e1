"""The command line: what is understood, what is refused, and where pytest's own flags go."""

from __future__ import annotations

from pathlib import Path

import pytest

from modules.config.command_line import DEFAULT_PORT, parse_command_line, split_words


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMMANDLINE_ARGS", raising=False)


def test_no_arguments_open_the_ui() -> None:
    options = parse_command_line([])
    assert (options.command, options.port, options.listen) == ("ui", DEFAULT_PORT, False)


def test_flags_count_before_and_after_the_command() -> None:
    before = parse_command_line(["--data-dir", "there", "generate", "a red house"])
    after = parse_command_line(["generate", "a red house", "--data-dir", "there"])
    assert before.data_dir == after.data_dir == Path("there")
    assert before.command == after.command == "generate"


def test_generate_takes_every_field_as_typed() -> None:
    options = parse_command_line(["generate", "", "--steps", "many", "--cfg", "7.5", "--clip-skip", "2"])
    assert (options.prompt, options.steps, options.cfg, options.clip_skip) == ("", "many", "7.5", "2")


def test_pytest_gets_what_follows_test_but_our_flags() -> None:
    options = parse_command_line(["test", "--skip-install", "-k", "stamp", "-x", "tests/test_launch.py", "--reinstall"])
    assert options.command == "test"
    assert options.skip_install and options.reinstall
    assert options.pytest_arguments == ["-k", "stamp", "-x", "tests/test_launch.py"]


def test_folder_named_test_is_not_the_command() -> None:
    assert parse_command_line(["--data-dir", "test", "test", "-q"]).pytest_arguments == ["-q"]
    assert parse_command_line(["--data-dir", "test"]).command == "ui"


def test_environment_stands_before_the_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMMANDLINE_ARGS", "--port 7000 --data-dir 'my pictures' --listen")
    options = parse_command_line(["--port", "7001"])
    assert (options.port, options.data_dir, options.listen) == (7001, Path("my pictures"), True)


def test_unreadable_environment_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COMMANDLINE_ARGS", "--data-dir 'open")
    with pytest.raises(SystemExit) as stopped:
        parse_command_line([])
    assert stopped.value.code == 2
    assert "COMMANDLINE_ARGS cannot be read" in capsys.readouterr().err


def test_words_are_unquoted() -> None:
    assert split_words("--a 'b c' \"d e\"") == ["--a", "b c", "d e"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--nonsense"], "unknown arguments: --nonsense"),
        (["doctor", "--nonsense"], "unknown arguments: --nonsense"),
        (["--port", "0"], "from 1 to 65535"),
        (["--port", "eighty"], "from 1 to 65535"),
        (["--gradio-auth", "nobody"], "USER:PASSWORD"),
        (["--precision", "double"], "invalid choice: 'double'"),
        (["generate"], "prompt"),
        (["paint"], "invalid choice: 'paint'"),
    ],
)
def test_bad_arguments_are_refused(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        parse_command_line(arguments)
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err
