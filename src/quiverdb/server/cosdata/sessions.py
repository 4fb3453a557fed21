"""Who is logged in: passwords become tokens, which live in memory and expire.

Passwords and tokens are compared by their digests, so that how long an answer takes tells nothing of them. All of this
is used on one event loop.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from quiverdb.errors import RefusedError
from quiverdb.server.access import FULL, Access
from quiverdb.server.settings import Settings, key_bytes

__all__ = ["Attempts", "Passwords", "Session", "Sessions"]

DEFAULT_PASSWORD = "admin"  # noqa: S105
MOST_SESSIONS = 10_000
_TOKEN_BYTES = 32
_MOST_ADDRESSES = 10_000
_TOO_MANY_REQUESTS = 429
_NETWORK = 64
"""Bits of an IPv6 address that its owner cannot choose."""


class Passwords:
    """Know what those may do who log in: the keys of the service are passwords, and the one that is set for Cosdata.

    >>> from quiverdb.server.settings import Service
    >>> passwords = Passwords(Settings(service=Service(api_key="all", read_only_api_key="some")))
    >>> [passwords.access_of("admin", word) for word in ("some", "admin")]
    [Access(everywhere='r', grants={}), None]
    """

    def __init__(self, settings: Settings) -> None:
        service, cosdata = settings.service, settings.cosdata
        password = cosdata.password or (None if service.keys else DEFAULT_PASSWORD)
        self._username = _digest(cosdata.username)
        self._known = tuple(
            (_digest(word), access)
            for word, access in (
                (password, FULL),
                (service.api_key, FULL),
                (service.alt_api_key, FULL),
                (service.read_only_api_key, Access("r")),
            )
            if word
        )

    def access_of(self, username: str, password: str) -> Access | None:
        """Return what a user may do; None for one that is not let in. Everything is compared, come what may."""
        named = hmac.compare_digest(_digest(username), self._username)
        given, found = _digest(password), None
        for known, access in reversed(self._known):
            if hmac.compare_digest(given, known):
                found = access
        return found if named else None


class Session(msgspec.Struct, frozen=True):
    """Tell a client of its login; times are seconds since 1970."""

    access_token: str
    created_at: int
    expires_at: int


class _Open(NamedTuple):
    until: float
    access: Access


class Sessions:
    """Give out tokens, and know them until they expire; of too many, the oldest goes.

    >>> sessions = Sessions(lifetime=3600)
    >>> sessions.access_of(sessions.open(FULL).access_token) is FULL
    True
    """

    def __init__(self, lifetime: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._lifetime = lifetime
        self._clock = clock
        self._open: OrderedDict[bytes, _Open] = OrderedDict()
        """By digest, in the order of their ends."""

    def open(self, access: Access) -> Session:
        """Log in somebody who may do what ``access`` says."""
        self._forget()
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        self._open[_digest(token)] = _Open(self._clock() + self._lifetime, access)
        now = int(time.time())
        return Session(token, now, now + self._lifetime)

    def access_of(self, token: str) -> Access | None:
        """Return what the owner of a token may do; None for one that is unknown or expired."""
        session = self._open.get(_digest(token))
        return session.access if session is not None and session.until > self._clock() else None

    def _forget(self) -> None:
        now = self._clock()
        while self._open:
            oldest = next(iter(self._open.values()))
            if oldest.until > now and len(self._open) < MOST_SESSIONS:
                break
            self._open.popitem(last=False)


class _Failures(NamedTuple):
    number: int
    last: float
    turn: float
    """When the next password is looked at."""


class Attempts:
    """Slow down those who guess: after some failures in a row, an address has one try a second.

    >>> attempts = Attempts()
    >>> for _ in range(Attempts.FREE):
    ...     attempts.failed("10.0.0.1")
    >>> attempts.delay("10.0.0.1"), attempts.delay("10.0.0.1") > 0.9, attempts.delay("10.0.0.2")
    (0.0, True, 0.0)
    """

    FREE = 5
    PAUSE = 1.0
    PATIENCE = 10.0
    """More seconds nobody has to wait for a turn, but to ask again."""
    MEMORY = 300.0
    """Seconds without a failure that make up for all before."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, _Failures] = OrderedDict()

    def delay(self, address: str) -> float:
        """Return how long to wait before a password from an address is looked at.

        Raise ``RefusedError`` (429) if too many wait already.
        """
        now, name = self._clock(), _owner(address)
        failures = self._failures.get(name)
        if failures is None or failures.number < self.FREE or now - failures.last > self.MEMORY:
            return 0.0
        turn = max(now, failures.turn)
        if turn - now > self.PATIENCE:
            raise RefusedError("Too many logins failed: try again later", status=_TOO_MANY_REQUESTS, plain=True)
        self._failures[name] = failures._replace(turn=turn + self.PAUSE)
        return turn - now

    def failed(self, address: str) -> None:
        """Note that a password was wrong."""
        now, name = self._clock(), _owner(address)
        former = self._failures.pop(name, None)
        if former is None or now - former.last > self.MEMORY:
            former = _Failures(0, now, now)
        self._failures[name] = former._replace(number=former.number + 1, last=now)
        if len(self._failures) > _MOST_ADDRESSES:
            self._failures.popitem(last=False)


def _owner(address: str) -> str:
    """Return what stands for whoever has an address, since those with IPv6 have many."""
    try:
        parsed = ipaddress.IPv6Address(address)
    except ValueError:
        return address
    return str(parsed.ipv4_mapped or ipaddress.IPv6Network((int(parsed), _NETWORK), strict=False))


def _digest(word: str) -> bytes:
    return hashlib.sha256(key_bytes(word)).digest()
