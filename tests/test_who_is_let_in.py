"""What the front door starts with and refuses: addresses, logins, certificates, public links."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

import webui
from modules.config.command_line import parse_command_line
from modules.config.host_names import HostName
from modules.config.paths import ROOT, Paths
from modules.errors import InvalidSetting
from modules.services.account_file import AccountFile
from modules.services.accounts import Accounts, add_user
from modules.ui import sharing

LOGIN = ["--gradio-auth", "ann:annes own words"]


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def has_address(host: str) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as taken:
            taken.bind((host, 0))
    except OSError:
        return False
    return True


@pytest.mark.parametrize("login", ["none", "flag", "file"])
@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "0.0.0.0", "::", "192.168.77.5"])
def test_the_table_of_addresses(paths: Paths, host: str, login: str) -> None:
    """Beyond this machine nothing is bound without a login; with one, all that this machine has."""
    if login == "file":
        add_user(AccountFile(paths), "ann", "annes own words")
    given = ["--server-name", host, "--port", str(free_port()), *(LOGIN if login == "flag" else [])]
    options = parse_command_line(given)
    if login == "none" and host not in ("127.0.0.1", "::1", "localhost"):
        with pytest.raises(InvalidSetting, match=f"Answering on {host} lets strangers in"):
            webui.check_address(options, paths)
    elif has_address(host):
        assert webui.check_address(options, paths) == host
    else:
        with pytest.raises(InvalidSetting, match="cannot be used"):
            webui.check_address(options, paths)


def test_listening_without_a_login_ends_at_once_in_a_sentence(tmp_path: Path) -> None:
    before = os.times()
    command = [sys.executable, "webui.py", "--listen", "--data-dir", str(tmp_path)]
    refused = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    assert refused.stderr.startswith("Answering on 0.0.0.0 lets strangers in.")
    after = os.times()
    work = after.children_user + after.children_system - before.children_user - before.children_system
    assert work < 2  # the seconds of a processor, which do not tell what else the machine was busy with


def test_a_public_link_needs_a_login(paths: Paths) -> None:
    with pytest.raises(InvalidSetting, match="--share lets strangers in"):
        webui.check_address(parse_command_line(["--share", "--port", str(free_port())]), paths)
    options = parse_command_line(["--share", "--port", str(free_port()), *LOGIN])
    assert webui.check_address(options, paths) == "127.0.0.1"


def test_a_public_link_is_told_and_answered_to(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: dict[str, object] = {}

    def tunnel(**given: object) -> str:
        asked.update(given)
        return "https://abc.gradio.live"

    monkeypatch.setattr(sharing, "setup_tunnel", tunnel)
    names: list[HostName] = []
    assert sharing.share("127.0.0.1", 7860, names.append) == "https://abc.gradio.live"
    assert names == [HostName("abc.gradio.live", None)]
    assert (asked["local_host"], asked["local_port"]) == ("127.0.0.1", 7860)
    assert len(str(asked["share_token"])) > 40
    assert "Public address: https://abc.gradio.live" in capsys.readouterr().out


def test_without_the_network_there_is_no_public_link(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def tunnel(**given: object) -> str:
        raise RuntimeError("Could not get share link from Gradio API Server.")

    monkeypatch.setattr(sharing, "setup_tunnel", tunnel)
    assert sharing.share("127.0.0.1", 7860, lambda name: pytest.fail(str(name))) is None
    assert "There is no public address" in capsys.readouterr().out


def test_certificates_are_looked_at_before_the_start(paths: Paths, tmp_path: Path) -> None:
    (tmp_path / "cert.pem").write_text("no certificate")
    (tmp_path / "key.pem").write_text("no key")
    both = ["--tls-certfile", str(tmp_path / "cert.pem"), "--tls-keyfile", str(tmp_path / "key.pem")]
    port = ["--port", str(free_port())]
    for arguments, sentence in (
        (both[:2], "belong together"),
        (both[2:], "belong together"),
        (both, "cannot be used with"),
        ([*both[:3], str(tmp_path / "none.pem")], "cannot be used with"),
        ([*both, "--share", *LOGIN], "has a certificate of its own"),
    ):
        with pytest.raises(InvalidSetting, match=sentence):
            webui.check_address(parse_command_line([*port, *arguments]), paths)
    assert issubclass(ssl.SSLError, OSError)


def atelier(*arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "webui.py", *arguments]
    return subprocess.run(command, cwd=ROOT, input=typed, capture_output=True, text=True, timeout=60, check=False)


def test_users_and_tokens_from_the_command_line(tmp_path: Path, paths: Paths) -> None:
    folder = ("--data-dir", str(tmp_path))
    assert "is an owner" in atelier("user", "add", "ann", *folder, typed="annes own words\n").stdout
    assert "is an owner" not in atelier("user", "add", "bob", *folder, typed="bobs own words\n").stdout
    assert atelier("user", "list", *folder).stdout.splitlines() == ["ann (owner)", "bob"]
    short = atelier("user", "add", "cleo", *folder, typed="short\n")
    assert (short.returncode, short.stderr.strip()) == (
        2,
        "The password is too short. Choose one of at least 8 characters.",
    )
    secret = atelier("token", "new", "bob", "plug-in", *folder).stdout.strip()
    accounts = Accounts(AccountFile(paths))
    known = accounts.of_token(secret, "1.1.1.1")
    assert known is not None and known.name == "bob"
    id = atelier("token", "list", *folder).stdout.split()[0]
    assert atelier("token", "revoke", id, *folder).returncode == 0
    assert accounts.of_token(secret, "1.1.1.1") is None
    assert atelier("token", "new", "nobody", *folder).returncode == 2
    assert atelier("user", "remove", "bob", *folder).returncode == 0
    assert atelier("user", "remove", "bob", *folder).returncode == 2
