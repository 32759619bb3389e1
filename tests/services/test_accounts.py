"""Who gets in, for how long, and how often somebody may be wrong."""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.config.logins import GivenUser
from modules.config.paths import Paths
from modules.errors import InvalidSetting, NotFound, TooManyAttempts
from modules.services.account_file import AccountFile
from modules.services.accounts import Accounts, Visitor, add_user, new_token, remove_user
from modules.services.login_attempts import MOST_FAILURES, SECONDS, LoginAttempts, address_key

ANN = GivenUser("ann", "säcret:x", is_owner=True)
BOB = GivenUser("bob", "bobs own words", is_owner=False)


@pytest.fixture
def file(paths: Paths) -> AccountFile:
    return AccountFile(paths)


@pytest.fixture
def accounts(file: AccountFile) -> Accounts:
    return Accounts(file, [ANN, BOB])


def test_nobody_is_needed_where_nobody_is_known(file: AccountFile) -> None:
    assert not Accounts(file).needed
    assert not file.path.exists()
    assert Accounts(file, always=True).needed


def test_passwords(accounts: Accounts) -> None:
    assert accounts.of_password("ann", "säcret:x", "1.1.1.1") == Visitor("ann", is_owner=True)
    assert accounts.of_password("bob", "bobs own words", "1.1.1.1") == Visitor("bob", is_owner=False)
    decomposed = "sa\u0308cret:x"
    assert accounts.of_password("ann", decomposed, "1.1.1.1") is not None
    for name, password in (("ann", "bobs own words"), ("ANN", "säcret:x"), ("", ""), ("ann", "x" * 2000)):
        assert accounts.of_password(name, password, "1.1.1.1") is None


def test_nothing_that_was_given_is_on_the_disk(accounts: Accounts, file: AccountFile) -> None:
    add_user(file, "cleo", "a canary of hers")
    _, secret = new_token(file, "cleo", "plug-in")
    text = file.path.read_text()
    assert not any(canary in text for canary in (ANN.password, "a canary of hers", secret, secret[8:]))
    assert "$argon2id$v=19$m=65536" in text


@pytest.mark.skipif(os.name == "nt", reason="Windows has other rights")
def test_nobody_else_may_read_the_file(file: AccountFile) -> None:
    add_user(file, "cleo", "long enough")
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert file.path.parent.stat().st_mode & 0o777 == 0o700


def test_users_of_the_file_come_and_go_while_a_server_runs(file: AccountFile, paths: Paths) -> None:
    accounts = Accounts(AccountFile(paths))
    assert not accounts.needed
    assert add_user(file, "cleo", "long enough")  # the first is an owner
    assert not add_user(file, "dan", "longer than that")
    assert accounts.needed
    assert accounts.of_password("dan", "longer than that", "1.1.1.1") == Visitor("dan", is_owner=False)
    _, secret = new_token(file, "dan", "plug-in")
    assert accounts.of_token(secret, "1.1.1.1") == Visitor("dan", is_owner=False)
    remove_user(file, "dan")
    remove_user(file, "cleo")
    assert accounts.needed  # a server that asked for a login goes on asking
    assert accounts.of_token(secret, "1.1.1.1") is None
    assert accounts.of_password("dan", "longer than that", "1.1.1.1") is None


@pytest.mark.parametrize("name", ["", " ", "a:b", "a\n", "x" * 65])
def test_names_that_cannot_be_typed_are_refused(file: AccountFile, name: str) -> None:
    with pytest.raises(InvalidSetting, match="cannot be used"):
        add_user(file, name, "long enough")


def test_a_damaged_file_lets_nobody_in(file: AccountFile) -> None:
    add_user(file, "cleo", "long enough")
    accounts = Accounts(file)
    file.path.write_text('{"users": [')
    with pytest.raises(InvalidSetting, match="is damaged"):
        _ = accounts.of_password("cleo", "long enough", "1.1.1.1")


def test_a_session_outlives_the_server_but_not_the_password(paths: Paths) -> None:
    session = Accounts(AccountFile(paths), [ANN]).begin_session(Visitor("ann", True))
    assert Accounts(AccountFile(paths), [ANN]).of_session(session) == Visitor("ann", True)
    assert Accounts(AccountFile(paths), [GivenUser("ann", "another", True)]).of_session(session) is None
    assert Accounts(AccountFile(paths), [BOB]).of_session(session) is None


def test_a_session_ends_when_the_password_of_the_file_changes(file: AccountFile) -> None:
    add_user(file, "cleo", "long enough")
    accounts = Accounts(file)
    session = accounts.begin_session(Visitor("cleo", True))
    assert accounts.of_session(session) is not None
    add_user(file, "cleo", "even longer")
    assert accounts.of_session(session) is None
    assert accounts.of_password("cleo", "long enough", "1.1.1.1") is None


def test_logging_out_ends_that_session_alone_also_after_a_restart(accounts: Accounts, paths: Paths) -> None:
    first, second = (accounts.begin_session(Visitor("ann", True)) for _ in range(2))
    accounts.end_session(first)
    for one in (accounts, Accounts(AccountFile(paths), [ANN])):
        assert one.of_session(first) is None
        assert one.of_session(second) is not None


def test_logged_out_sessions_are_kept_in_mind_up_to_a_number_and_none_of_the_others_comes_to_life(
    accounts: Accounts, file: AccountFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modules.services.accounts.MOST_ENDED", 3)
    now = time.time()
    bobs = accounts.begin_session(Visitor("bob", False))
    ended = []
    for hour in range(6):
        monkeypatch.setattr(time, "time", lambda then=now + 3600 * hour: then)
        ended.append(accounts.begin_session(Visitor("ann", True)))
        assert accounts.of_session(bobs) is not None or hour > 3
        accounts.end_session(ended[-1])
    monkeypatch.setattr(time, "time", lambda: now + 3600 * 6)
    assert len(file.read().ended_sessions) == 3
    assert [accounts.of_session(one) for one in ended] == [None] * 6
    assert accounts.of_session(bobs) is None  # it began before one that is no longer known to be over
    assert accounts.of_session(accounts.begin_session(Visitor("bob", False))) == Visitor("bob", False)


def test_a_session_ends_by_itself(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    session = accounts.begin_session(Visitor("ann", True))
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 15 * 86_400)
    assert accounts.of_session(session) is None


@given(st.text(max_size=200))
def test_forged_sessions_are_none(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    from modules.config.paths import resolve_paths

    accounts = Accounts(AccountFile(resolve_paths(data_dir=tmp_path_factory.getbasetemp())), always=True)
    assert accounts.of_session(text) is None


def test_every_changed_letter_breaks_a_session(accounts: Accounts) -> None:
    session = accounts.begin_session(Visitor("bob", False))
    for place, letter in enumerate(session):
        forged = f"{session[:place]}{'A' if letter != 'A' else 'B'}{session[place + 1 :]}"
        # The last letter of base64 has bits that say nothing.
        assert place == len(session) - 1 or accounts.of_session(forged) is None


def test_tokens_are_of_a_user(accounts: Accounts) -> None:
    token, secret = accounts.new_token("bob", "plug-in")
    assert accounts.of_token(secret, "1.1.1.1") == Visitor("bob", is_owner=False)
    assert accounts.of_token(secret[:-1], "1.1.1.1") is None
    assert [one.id for one in accounts.tokens("bob")] == [token.id]
    assert accounts.tokens("ann") == []
    with pytest.raises(NotFound):
        accounts.revoke_token(token.id, "ann")
    accounts.revoke_token(token.id, "bob")
    assert accounts.of_token(secret, "1.1.1.1") is None
    with pytest.raises(NotFound):
        accounts.new_token("nobody", "plug-in")


def test_five_wrong_ones_a_minute(accounts: Accounts) -> None:
    """500 at once from one address, and 500 from as many addresses for one name: five of each are looked at."""

    def asked(address: Callable[[int], str]) -> list[str]:
        def one(number: int) -> str:
            try:
                return str(accounts.of_password("bob", f"wrong {number}", address(number)))
            except TooManyAttempts as error:
                assert 0 < error.seconds <= 61
                return "later"

        with ThreadPoolExecutor(8) as pool:
            return list(pool.map(one, range(500)))

    assert sorted(asked(lambda number: "1.1.1.1")) == ["None"] * 5 + ["later"] * 495
    with pytest.raises(TooManyAttempts):
        accounts.of_password("ann", ANN.password, "1.1.1.1")
    accounts._attempts = LoginAttempts()
    assert sorted(asked(lambda number: f"10.0.{number // 250}.{number % 250}")) == ["None"] * 5 + ["later"] * 495


def test_who_was_right_is_not_kept_out_by_what_others_guess(accounts: Accounts) -> None:
    assert accounts.of_password("bob", BOB.password, "192.168.0.7") is not None
    for number in range(5):
        assert accounts.of_password("bob", "wrong", f"10.0.0.{number}") is None
    with pytest.raises(TooManyAttempts):
        accounts.of_password("bob", BOB.password, "10.0.0.99")
    assert accounts.of_password("bob", BOB.password, "192.168.0.7") is not None


def test_wrong_tokens_count_too(accounts: Accounts) -> None:
    for _ in range(MOST_FAILURES):
        assert accounts.of_token("atelier_x", "1.1.1.1") is None
    with pytest.raises(TooManyAttempts):
        accounts.of_token("atelier_x", "1.1.1.1")


def test_attempts_are_forgotten_after_a_minute() -> None:
    now = 0.0
    attempts = LoginAttempts(lambda: now)
    for second in range(MOST_FAILURES):
        now = float(second)
        assert attempts.begin("a") == 0
    assert attempts.begin("a", "b") == SECONDS - 4
    assert attempts.wait("b") == 0
    now = SECONDS + 0.5
    assert attempts.begin("a") == 0
    assert attempts.begin("a") > 0
    attempts.succeeded("a")
    assert attempts.begin("a") == 0


def test_addresses_without_end_do_not_fill_the_memory() -> None:
    attempts = LoginAttempts()
    for number in range(10_500):
        attempts.begin(str(number))
    assert len(attempts._failures) == 10_000


@pytest.mark.parametrize(
    ("address", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:10.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("fe80::1%eth0", "fe80::2", True),
    ],
)
def test_addresses_of_one_customer_count_together(address: str, other: str, same: bool) -> None:
    assert (address_key(address) == address_key(other)) == same


def test_two_processes_do_not_lose_one_anothers_users(paths: Paths) -> None:
    files = [AccountFile(paths) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: add_user(files[number % 4], f"user{number}", "long enough"), range(12)))
    assert sorted(one.name for one in files[0].read().users) == sorted(f"user{number}" for number in range(12))
    assert json.loads(Path(files[0].path).read_text())["session_key"] == files[1].read().session_key


@pytest.mark.slow
def test_time_does_not_tell_whether_a_user_exists(accounts: Accounts) -> None:
    """Medians of unknown user and wrong password, taken in turn, differ by less than 5 %."""
    times: dict[str, list[float]] = {"bob": [], "nobody": []}
    for number in range(2000):
        for name, taken in times.items():
            accounts._attempts = LoginAttempts()
            began = time.perf_counter()
            assert accounts.of_password(name, f"wrong {number}", "1.1.1.1") is None
            taken.append(time.perf_counter() - began)
    known, unknown = (statistics.median(taken) for taken in times.values())
    assert abs(known - unknown) / known < 0.05
