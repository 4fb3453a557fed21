"""Who is let in: passwords, tokens and their ends, and the patience with those who guess."""

from __future__ import annotations

import pytest

from quiverdb.errors import RefusedError
from quiverdb.server.access import FULL, Access
from quiverdb.server.cosdata import sessions as module
from quiverdb.server.cosdata.sessions import Attempts, Passwords, Sessions
from quiverdb.server.settings import Cosdata, Service, Settings

READER = Access("r")
KEYS = Service(api_key="key", alt_api_key="other", read_only_api_key="reader")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("settings", "lets_in"),
    [
        (Settings(), {"admin": FULL, "": None, "Admin": None}),
        (Settings(cosdata=Cosdata(password="")), {"admin": FULL, "": None}),
        (Settings(cosdata=Cosdata(password="test_key")), {"test_key": FULL, "admin": None}),
        (Settings(service=KEYS), {"key": FULL, "other": FULL, "reader": READER, "admin": None, "": None}),
        (Settings(service=KEYS, cosdata=Cosdata(password="ü p")), {"ü p": FULL, "key": FULL, "admin": None}),
        (Settings(service=Service(read_only_api_key="r")), {"r": READER, "admin": None}),
    ],
)
def test_passwords(settings: Settings, lets_in: dict[str, Access | None]) -> None:
    passwords = Passwords(settings)
    for password, access in lets_in.items():
        assert passwords.access_of("admin", password) == access, password
        assert passwords.access_of("somebody", password) is None


def test_the_user_may_have_another_name() -> None:
    passwords = Passwords(Settings(cosdata=Cosdata(username="root")))
    assert passwords.access_of("root", "admin") is FULL
    assert passwords.access_of("admin", "admin") is None


def test_tokens_are_all_different_and_look_like_those_of_cosdata() -> None:
    sessions = Sessions(60)
    tokens = {sessions.open(FULL).access_token for _ in range(100)}
    assert len(tokens) == 100
    assert all(len(token) == 43 for token in tokens)


def test_tokens_expire() -> None:
    clock = Clock()
    sessions = Sessions(60, clock)
    first = sessions.open(READER)
    assert first.expires_at - first.created_at == 60
    clock.now += 30
    second = sessions.open(FULL)
    clock.now += 29.9
    assert sessions.access_of(first.access_token) == READER
    clock.now += 0.1
    assert sessions.access_of(first.access_token) is None
    assert sessions.access_of(second.access_token) is FULL
    assert sessions.access_of(second.access_token[:-1]) is None
    assert sessions.access_of("") is None


def test_tokens_take_no_memory_once_they_are_expired_or_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_SESSIONS", 10)
    clock = Clock()
    sessions = Sessions(60, clock)
    tokens = [sessions.open(FULL).access_token for _ in range(25)]
    assert [sessions.access_of(token) is FULL for token in tokens] == [False] * 15 + [True] * 10
    clock.now += 60
    sessions.open(FULL)
    assert len(sessions._open) == 1


def test_who_guesses_has_one_try_a_second() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    for _ in range(5):
        assert attempts.delay("10.0.0.1") == 0
        attempts.failed("10.0.0.1")
    waits = [attempts.delay("10.0.0.1") for _ in range(11)]
    assert waits == [float(second) for second in range(11)]
    with pytest.raises(RefusedError) as caught:
        attempts.delay("10.0.0.1")
    assert caught.value.status == 429
    assert attempts.delay("10.0.0.2") == 0
    clock.now += 5
    assert attempts.delay("10.0.0.1") == 6
    clock.now += 301
    assert attempts.delay("10.0.0.1") == 0


def test_failures_are_forgiven_after_a_while() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    for _ in range(20):
        attempts.failed("10.0.0.1")
        clock.now += 301
        assert [attempts.delay("10.0.0.1") for _ in range(3)] == [0, 0, 0]


def test_all_addresses_of_one_network_count_as_one() -> None:
    attempts = Attempts(Clock())
    for number in range(5):
        attempts.failed(f"2001:db8::{number:x}")
        attempts.failed("::ffff:10.0.0.1")
    for address in ("2001:db8::ffff", "10.0.0.1"):
        assert [attempts.delay(address) for _ in range(2)] == [0, 1]
    for address in ("2001:db8:0:1::", "", "10.0.0.2", "not an address"):
        assert [attempts.delay(address) for _ in range(2)] == [0, 0]


def test_many_addresses_take_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_ADDRESSES", 100)
    attempts = Attempts(Clock())
    for number in range(1000):
        attempts.failed(f"10.0.{number // 250}.{number % 250}")
    assert len(attempts._failures) == 100
