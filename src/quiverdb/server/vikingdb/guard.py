"""Who asks: signatures, API keys and headers, and what those may do who have them.

A signature is checked before the body is read: it says what the hash of the body is, which ``check_body`` compares as
soon as the body is there. Secrets are compared by their digests or in constant time.
"""

from __future__ import annotations

import calendar
import hashlib
import hmac
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple, TypeAlias

from quiverdb.errors import InvalidInputError, RefusedError
from quiverdb.server.access import FULL, Access
from quiverdb.server.exchange import Scope, headers_of
from quiverdb.server.settings import Settings, VikingKey, key_bytes
from quiverdb.vikingdb import signing
from quiverdb.vikingdb.exceptions import VikingVectorException, failure

__all__ = ["Caller", "Guard", "Proof", "access_of", "check_body"]

_ACCOUNT = "x-top-account-id"
_DATE = re.compile(r"\d{8}T\d{6}Z", re.ASCII)
_FORM = "%Y%m%dT%H%M%SZ"

Authenticate: TypeAlias = Callable[[Mapping[str, str]], Awaitable[Access]]


class Proof(NamedTuple):
    """Hold the signature of a request, which is good for this request only."""

    date: float
    """Seconds since 1970."""
    signature: str
    hashed: str
    """The hash that the body must have."""


class Caller(NamedTuple):
    """Tell what a caller may do, and what proves who it is if that was asked for."""

    access: Access
    proof: Proof | None = None


class Guard:
    """Find out who asks. Where neither the service nor VikingDB's protocol has keys, that is anybody.

    ``authenticate`` tells what those may do who have keys of the service; ``clock`` the seconds since 1970.
    """

    def __init__(self, settings: Settings, authenticate: Authenticate, clock: Callable[[], float] = time.time) -> None:
        self._authenticate = authenticate
        self._clock = clock
        self._settings = settings.vikingdb
        self._served = bool(settings.service.keys)
        keys = settings.vikingdb.keys
        self._open = not (self._served or keys)
        self._signers = {key.access_key: key for key in keys if key.access_key}
        self._bearers = tuple((_digest(key.api_key), access_of(key)) for key in keys if key.api_key)

    async def caller(self, scope: Scope) -> Caller:
        """Return who sent a request, whose body may not have come yet.

        Raises ``InvalidCredential`` or ``SignatureDoesNotMatch`` for those who are not let in.
        """
        if self._open:
            return Caller(FULL)
        headers = headers_of(scope)
        given = headers.get("authorization", "")
        if given.lstrip().startswith(signing.ALGORITHM):
            return self._signer(scope, headers, given)
        scheme, _, word = given.partition(" ")
        access = self._bearer(word.strip()) if scheme.lower() == "bearer" else None
        if access is None and self._settings.header_auth and headers.get(_ACCOUNT):
            access = FULL
        return Caller(await self._served_access(headers) if access is None else access)

    async def _served_access(self, headers: Mapping[str, str]) -> Access:
        """Return what the owner of a key of the service may do, or of a token that is signed with one."""
        if self._served:
            try:
                return await self._authenticate(headers)
            except RefusedError as error:
                raise failure("InvalidCredential", f"{error}.") from error
        raise failure("InvalidCredential", "A signature or an API key is required that is known here.")

    def _bearer(self, word: str) -> Access | None:
        digest, found = _digest(word), None
        for known, access in self._bearers:
            if hmac.compare_digest(digest, known):
                found = access
        return found

    def _signer(self, scope: Scope, headers: Mapping[str, str], given: str) -> Caller:
        try:
            told = signing.read_authorization(given)
        except InvalidInputError as error:
            raise failure("InvalidCredential", f"{error}.") from error
        key = self._signers.get(told.access_key)
        if key is None or key.secret_key is None:
            raise failure("InvalidCredential", f"The access key {told.access_key[:80]!r} is not known.")
        if told.service != signing.SERVICE:
            raise failure("InvalidCredential", f"The signature is for the service {told.service[:40]!r}.")
        date = self._date(headers.get("x-date", "").strip(), told.date)
        hashed = headers.get("x-content-sha256", "").strip()
        if not hashed:
            raise failure("InvalidCredential", "X-Content-Sha256 is required: the hash of the body.")
        expected = signing.expected_signature(
            key.secret_key,
            told,
            method=scope["method"],
            path=scope["raw_path"].decode("ascii"),
            query=scope["query_string"].decode("ascii"),
            headers=headers,
            hashed=hashed,
        )
        if not hmac.compare_digest(expected, told.signature):
            raise _mismatch("The signature is not the one that this request must have.")
        _check_token(key, headers.get("x-security-token", "").strip())
        return Caller(access_of(key), Proof(date, told.signature, hashed))

    def _date(self, text: str, day: str) -> float:
        """Return when a request was signed, if that is not too long ago, or too far ahead."""
        try:
            seconds = float(calendar.timegm(time.strptime(text, _FORM))) if _DATE.fullmatch(text) else None
        except ValueError:
            seconds = None
        if seconds is None:
            raise failure("InvalidCredential", "X-Date is required, in the form 20250102T030405Z.")
        if text[:8] != day:
            raise failure("InvalidCredential", "X-Date is of another day than the Credential.")
        most = self._settings.clock_skew_secs
        if abs(seconds - self._clock()) > most:
            raise failure(
                "InvalidCredential.Expired",
                f"X-Date differs by more than {most} seconds from {signing.stamp(self._clock())}, the time here.",
            )
        return seconds


def check_body(proof: Proof, body: bytes) -> None:
    """Raise ``SignatureDoesNotMatch`` unless a body is the one that was signed."""
    if not hmac.compare_digest(signing.body_hash(body), proof.hashed.encode("ascii", "replace").decode()):
        raise _mismatch("X-Content-Sha256 is not the hash of the body.")


def access_of(key: VikingKey) -> Access:
    """Return what the owner of a key may do.

    >>> access_of(VikingKey(api_key="secret", collections=("docs",)))
    Access(everywhere=None, grants={'docs': 'rw'})
    """
    if key.collections is None:
        return Access("r") if key.read_only else FULL
    return Access(None, dict.fromkeys(key.collections, "r" if key.read_only else "rw"))


def _check_token(key: VikingKey, token: str) -> None:
    if not hmac.compare_digest(_digest(token), _digest(key.session_token)):
        what = "is not the one that belongs to the access key" if key.session_token else "is not known"
        raise failure("InvalidCredential", f"X-Security-Token {what}.")


def _digest(word: str | None) -> bytes:
    return hashlib.sha256(key_bytes(word or "")).digest()


def _mismatch(message: str) -> VikingVectorException:
    return failure("SignatureDoesNotMatch", message)
