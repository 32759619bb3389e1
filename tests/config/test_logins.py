"""The users of the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from modules.config.command_line import parse_command_line
from modules.config.logins import GivenUser, given_users
from modules.errors import InvalidSetting


def users(*arguments: str) -> list[GivenUser]:
    return given_users(parse_command_line(list(arguments)))


def test_the_first_is_an_owner_or_those_who_are_named() -> None:
    ann, bob = GivenUser("ann", "a:b", True), GivenUser("bob", "c", False)
    assert users() == []
    assert users("--gradio-auth", "ann:a:b, bob:c") == [ann, bob]
    assert users("--api-auth", "bob:c", "--gradio-auth", "ann:a:b") == [ann, bob]
    named = users("--gradio-auth", "ann:a:b,bob:c", "--owner", "bob")
    assert [(one.name, one.is_owner) for one in named] == [("ann", False), ("bob", True)]


def test_a_file_of_users(tmp_path: Path) -> None:
    file = tmp_path / "users.txt"
    file.write_bytes("\ufeffann:säcret\r\n\r\nbob:x,cleo:y\n".encode())
    assert [one.name for one in users("--gradio-auth-path", str(file))] == ["ann", "bob", "cleo"]
    assert users("--gradio-auth-path", str(file))[0].password == "säcret"


@pytest.mark.parametrize("content", [b"ann", b"ann:", b"\xff", None])
def test_a_file_that_cannot_be_used_is_told_without_its_content(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "users.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InvalidSetting, match="--gradio-auth-path .* cannot be read"):
        users("--gradio-auth-path", str(file))


def test_contradictions_are_refused() -> None:
    assert len(users("--gradio-auth", "ann:a", "--api-auth", "ann:a")) == 1
    with pytest.raises(InvalidSetting, match="User ann is given two passwords"):
        users("--gradio-auth", "ann:a", "--api-auth", "ann:b")
    with pytest.raises(InvalidSetting, match="--owner bob is none of the users"):
        users("--gradio-auth", "ann:a", "--owner", "bob")


@pytest.mark.parametrize("text", ["canary", "canary:", ":canary", ","])
def test_a_broken_flag_is_refused_without_repeating_it(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_command_line(["--gradio-auth", text])
    assert "canary" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "flag", ["--cors-allow-origins=*", "--cors-allow-origins=evil.example", "--allow-host=http://a"]
)
def test_origins_and_hosts_are_exact(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_command_line([flag])
    assert "is no" in capsys.readouterr().err
    options = parse_command_line(["--cors-allow-origins", "https://A.example/,http://b:1"])
    assert options.cors_allow_origins == ["https://a.example", "http://b:1"]
