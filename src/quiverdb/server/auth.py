"""Who asks: keys and tokens, checked in the headers of a request.

A key or a token comes as ``api-key: …`` or ``authorization: Bearer …``. Tokens are JWTs signed with a key (HS256);
their claims are Qdrant's: ``exp``, ``access``, ``value_exists``, ``subject``. Keys are compared by their digests, all
of them, in constant time: how long an answer takes tells neither which key was nearly right nor how long it is.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import msgspec

from quiverdb.database import Database, ScrollRequest
from quiverdb.errors import InvalidInputError, NotFoundError, RefusedError
from quiverdb.model.filter import Filter, MatchValue
from quiverdb.server.access import FULL, Access, Grant
from quiverdb.server.settings import Service, key_bytes

if TYPE_CHECKING:
    from jwt import PyJWS

__all__ = ["Authenticator", "ValueExists", "exists_in"]

LEEWAY = 30
"""Seconds that clocks may differ by."""
MAX_CREDENTIAL = 64 * 1024
TOKEN_KEY_BYTES = 32
"""A key that signs tokens should not be shorter than the hash that it is mixed into."""

_log = logging.getLogger("quiverdb.server")

_MISSING = "Must provide an API key or an Authorization bearer token"
_INVALID = "Invalid API key or JWT"
_NO_VALUE = "Invalid JWT, stateful validation failed"
_CONSTRAINED = "The 'payload' constraint is deprecated and should not be used"
_REPEATED = "Collection name should be unique"


class _Pair(msgspec.Struct, frozen=True):
    key: str
    value: str | int | bool


class ValueExists(msgspec.Struct, frozen=True):
    """Tell that a token is good only while a collection holds a point with all these values."""

    collection: str
    matches: tuple[_Pair, ...]


class _CollectionClaim(msgspec.Struct, frozen=True):
    collection: str
    access: Grant
    payload: Any = None


class _Claims(msgspec.Struct, frozen=True):
    exp: Annotated[int, msgspec.Meta(ge=0)] | None = None
    access: Literal["r", "m"] | tuple[_CollectionClaim, ...] = "m"
    value_exists: ValueExists | None = None
    subject: str | None = None
    sub: str | None = None


Checker: TypeAlias = Callable[[ValueExists], bool]


class Authenticator:
    """Find out by the headers of a request what its caller may do.

    ``value_exists`` tells whether the data holds what a token asks for (``exists_in``); it may take as long as a query.

    >>> guard = Authenticator(Service(api_key="secret"), lambda claim: False)
    >>> guard.authenticate({"api-key": "secret"}).everywhere
    'm'
    >>> guard.authenticate({"authorization": "Bearer guess"})
    Traceback (most recent call last):
    quiverdb.errors.RefusedError: Invalid API key or JWT
    """

    def __init__(self, service: Service, value_exists: Checker) -> None:
        self._open = not service.keys
        self._writers = _digests(service.api_key, service.alt_api_key)
        self._readers = _digests(service.read_only_api_key)
        self._signers = tuple(map(key_bytes, service.signing_keys))
        if any(len(key) < TOKEN_KEY_BYTES for key in self._signers):
            _log.warning("a key that signs tokens should have %d bytes or more", TOKEN_KEY_BYTES)
        self._verifier = _verifier() if self._signers else None
        self._value_exists = value_exists

    def authenticate(self, headers: Mapping[str, str]) -> Access:
        """Return what the caller may do; the names of headers are in lower case.

        Raises ``RefusedError`` with status 401 (nobody that is known) or 403 (known, and not let in).
        """
        access, claim = self._identify(headers)
        if claim is not None:
            self._confirm(claim)
        return access

    async def authenticate_async(
        self, headers: Mapping[str, str], run: Callable[[Callable[[], None]], Awaitable[object]]
    ) -> Access:
        """Do what ``authenticate`` does; ``run`` carries out what may take long, such as in a thread."""
        access, claim = self._identify(headers)
        if claim is not None:
            await run(lambda: self._confirm(claim))
        return access

    def _identify(self, headers: Mapping[str, str]) -> tuple[Access, ValueExists | None]:
        """Return what the caller may do, provided that a value exists."""
        if self._open:
            return FULL, None
        text = _credential(headers)
        if text is None:
            raise _unauthorized(_MISSING)
        if len(text) > MAX_CREDENTIAL:
            raise _unauthorized(_INVALID)
        credential = _octets(text)
        digest = hashlib.sha256(credential).digest()
        writes, reads = _is_one_of(digest, self._writers), _is_one_of(digest, self._readers)
        if writes:
            return FULL, None
        if reads:
            return Access("r"), None
        claims = self._claims_of(credential)
        return _access_of(claims), claims.value_exists

    def _claims_of(self, token: bytes) -> _Claims:
        """Return the claims of a token that one of the keys signed, or raise what the first key says of it."""
        refused: RefusedError | None = None
        for key in self._signers:
            try:
                claims = self._verified(token, key)
                if claims is not None:
                    return claims
            except RefusedError as error:
                refused = refused or error
        raise refused or _unauthorized(_INVALID)

    def _verified(self, token: bytes, key: bytes) -> _Claims | None:
        """Return the claims of a token; None if it is no token, and ``RefusedError`` if it is not good."""
        from jwt.exceptions import InvalidSignatureError, PyJWTError

        if self._verifier is None:
            return None
        try:
            payload = self._verifier.decode(token, key, algorithms=["HS256"])
            claims = msgspec.json.decode(payload, type=_Claims)
        except InvalidSignatureError as error:
            raise _not_good("InvalidSignature") from error
        except (PyJWTError, msgspec.MsgspecError, ValueError, RecursionError):
            return None
        if claims.exp is not None and claims.exp < time.time() - LEEWAY:
            raise _not_good("ExpiredSignature")
        problem = next(_problems(claims), None)
        if problem is not None:
            raise _unauthorized(problem)
        return claims

    def _confirm(self, claim: ValueExists) -> None:
        try:
            exists = self._value_exists(claim)
        except NotFoundError as error:
            raise _not_good(_NO_VALUE) from error
        if not exists:
            raise _unauthorized(_NO_VALUE)


def exists_in(database: Database) -> Checker:
    """Return a function that tells whether a database holds the value that a token asks for."""

    def value_exists(claim: ValueExists) -> bool:
        conditions = tuple(MatchValue(pair.key, pair.value) for pair in claim.matches)
        request = ScrollRequest(filter=Filter(must=conditions), limit=1, with_payload=False)
        try:
            return bool(database.scroll(claim.collection, request).records)
        except InvalidInputError:  # such as a key that is no path
            return False

    return value_exists


def _credential(headers: Mapping[str, str]) -> str | None:
    key = headers.get("api-key")
    if key is not None:
        return key
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else None


def _octets(text: str) -> bytes:
    """Return what went over the wire: servers read headers as Latin-1, whatever a client meant."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def _digests(*keys: str | None) -> tuple[bytes, ...]:
    return tuple(hashlib.sha256(key_bytes(key)).digest() for key in keys if key)


def _is_one_of(digest: bytes, known: Sequence[bytes]) -> bool:
    """Tell whether a digest is known; all are compared, so that time tells nothing."""
    found = False
    for one in known:
        found |= hmac.compare_digest(digest, one)
    return found


def _verifier() -> PyJWS:
    """Return a verifier of signatures that knows HS256 only, with keys of any length as Qdrant takes them."""
    from jwt import PyJWS
    from jwt.algorithms import HMACAlgorithm

    class AnyLength(HMACAlgorithm):
        def check_key_length(self, key: Any) -> str | None:  # noqa: ARG002 — Authenticator says so once
            return None

    verifier = PyJWS()
    for name in verifier.get_algorithms():
        verifier.unregister_algorithm(name)
    verifier.register_algorithm("HS256", AnyLength(HMACAlgorithm.SHA256))
    return verifier


def _problems(claims: _Claims) -> Iterator[str]:
    seen = set()
    for number, claim in enumerate(claims.access if isinstance(claims.access, tuple) else ()):
        if claim.payload is not None:
            yield f"access[{number}].payload: {_CONSTRAINED}"
        if claim.collection in seen:
            yield f"access[{number}].collection: {_REPEATED}"
        seen.add(claim.collection)


def _access_of(claims: _Claims) -> Access:
    if isinstance(claims.access, str):
        return Access(claims.access)
    return Access(None, {claim.collection: claim.access for claim in claims.access})


def _unauthorized(message: str) -> RefusedError:
    return RefusedError(message, status=401, plain=True)


def _not_good(message: str) -> RefusedError:
    return RefusedError(message, status=403, plain=True)
