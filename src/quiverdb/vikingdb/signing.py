"""Signatures of Volcano Engine, version 4: who holds a secret key proves it without sending it.

Both directions are here: ``signed`` for who asks, ``expected_signature`` for who is asked. Nothing is sent or read.

::

    canonical request   method, path, query, the signed headers and the hash of the body, in one form
    text to sign        its hash, with the time and the scope DATE/REGION/SERVICE/request
    signing key         secret key -> date -> region -> service, each step a HMAC-SHA256
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from hmac import digest
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, unquote

from quiverdb.errors import InvalidInputError

__all__ = [
    "ALGORITHM",
    "BODY_HASH",
    "DATE",
    "SERVICE",
    "TOKEN",
    "Authorization",
    "body_hash",
    "canonical_query",
    "canonical_request",
    "expected_signature",
    "read_authorization",
    "sent_query",
    "signature",
    "signed",
    "signing_key",
    "stamp",
]

ALGORITHM = "HMAC-SHA256"
SERVICE = "vikingdb"
DATE, BODY_HASH, TOKEN = "X-Date", "X-Content-Sha256", "X-Security-Token"

_ALWAYS = ("content-type", "content-md5", "host")
"""Headers that are signed besides those that begin with ``X-``."""
_DEFAULT_PORTS = ("80", "443")

_AUTHORIZATION = re.compile(
    r"HMAC-SHA256 +Credential=([^/\s,]+)/(\d{8})/([^/\s,]+)/([^/\s,]+)/request *, *"
    r"SignedHeaders=([^\s,]+) *, *Signature=([0-9a-f]{64})",
    re.ASCII,
)


class Authorization(NamedTuple):
    """Hold what the header ``Authorization`` of a signed request says.

    >>> text = "HMAC-SHA256 Credential=AK/20250102/cn/vikingdb/request, SignedHeaders=host;x-date, Signature="
    >>> read_authorization(text + "0" * 64).signed_headers
    ('host', 'x-date')
    """

    access_key: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    """In lower case, as they were signed."""
    signature: str

    @property
    def scope(self) -> str:
        """What the signature holds for."""
        return f"{self.date}/{self.region}/{self.service}/request"


def read_authorization(text: str) -> Authorization:
    """Return what a header ``Authorization`` says; raises ``InvalidInputError`` for what is no signature."""
    found = _AUTHORIZATION.fullmatch(text.strip())
    if found is None:
        raise InvalidInputError(f"Authorization must be: {ALGORITHM} Credential=…, SignedHeaders=…, Signature=…")
    access_key, date, region, service, names, proof = found.groups()
    return Authorization(access_key, date, region, service, tuple(names.lower().split(";")), proof)


def stamp(seconds: float) -> str:
    """Return a time as the header ``X-Date`` has it.

    >>> stamp(1735787045.0)
    '20250102T030405Z'
    """
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(seconds))


def body_hash(body: bytes) -> str:
    """Return the hash of a body as the header ``X-Content-Sha256`` has it."""
    return sha256(body).hexdigest()


@lru_cache(maxsize=256)
def signing_key(secret_key: str, date: str, region: str, service: str = SERVICE) -> bytes:
    """Return the key that signs the requests of a day."""
    key = secret_key.encode()
    for step in (date, region, service, "request"):
        key = digest(key, step.encode(), "sha256")
    return key


@lru_cache(maxsize=256)
def _canonical_path(path: str) -> str:
    return quote(path or "/")


def canonical_query(pairs: Iterable[tuple[str, str]]) -> str:
    """Return the parameters of a query in the form that is signed; names that occur twice keep their order.

    >>> canonical_query([("b", "x y/z"), ("a", "1~2")])
    'a=1~2&b=x%20y%2Fz'
    """
    ordered = sorted(pairs, key=lambda pair: pair[0])
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in ordered)


def sent_query(text: str) -> str:
    """Return the query of a URL in the form that was signed.

    >>> sent_query("b=x+y%2Fz&a=1~2")
    'a=1~2&b=x%20y%2Fz'
    """
    return canonical_query(parse_qsl(text, keep_blank_values=True)) if text else ""


def canonical_request(
    method: str, path: str, query: str, headers: Mapping[str, str], names: Sequence[str], hashed: str
) -> str:
    """Return a request in the form that is signed.

    ``path`` is not quoted; ``query`` is canonical; ``headers`` go by names in lower case, ``names`` are those to sign,
    and ``hashed`` is the hash of the body. A header that is missing counts as empty.
    """
    lines = [f"{name}:{_value(name, headers.get(name, ''))}\n" for name in names]
    return f"{method}\n{_canonical_path(path)}\n{query}\n{''.join(lines)}\n{';'.join(names)}\n{hashed}"


def _value(name: str, value: str) -> str:
    value = value.strip()
    if name == "host":
        host, separator, port = value.rpartition(":")
        return host if separator and port in _DEFAULT_PORTS else value
    return value


def signature(key: bytes, canonical: str, at: str, scope: str) -> str:
    """Return the signature of a canonical request; ``at`` is its ``X-Date``."""
    text = f"{ALGORITHM}\n{at}\n{scope}\n{sha256(canonical.encode()).hexdigest()}"
    return digest(key, text.encode(), "sha256").hex()


def signed(
    method: str,
    path: str,
    query: Iterable[tuple[str, str]],
    headers: Mapping[str, str],
    body: bytes,
    *,
    access_key: str,
    secret_key: str,
    region: str,
    at: str,
    service: str = SERVICE,
    session_token: str = "",
) -> dict[str, str]:
    """Return the headers that prove who asks, to be sent besides those given.

    ``path`` and ``query`` are not quoted. Of ``headers``, the type of the content, the host and all that begin with
    ``X-`` are signed, whatever the case of their names.

    >>> added = signed("POST", "/", (), {}, b"", access_key="AK", secret_key="SK", region="cn", at="20250102T030405Z")
    >>> added["Authorization"][:76]
    'HMAC-SHA256 Credential=AK/20250102/cn/vikingdb/request, SignedHeaders=x-cont'
    """
    hashed = body_hash(body)
    added = {DATE: at, BODY_HASH: hashed}
    if session_token:
        added[TOKEN] = session_token
    values = {name.lower(): value for name, value in headers.items()}
    values |= {"x-date": at, "x-content-sha256": hashed}
    if session_token:
        values["x-security-token"] = session_token
    names = sorted(name for name in values if name.startswith("x-") or name in _ALWAYS)
    scope = f"{at[:8]}/{region}/{service}/request"
    canonical = canonical_request(method, path, canonical_query(query) if query else "", values, names, hashed)
    proof = signature(signing_key(secret_key, at[:8], region, service), canonical, at, scope)
    added["Authorization"] = (
        f"{ALGORITHM} Credential={access_key}/{scope}, SignedHeaders={';'.join(names)}, Signature={proof}"
    )
    return added


def expected_signature(
    secret_key: str,
    authorization: Authorization,
    *,
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    hashed: str,
) -> str:
    """Return the signature that a request as it was received must have, if who sent it holds the secret key.

    ``path`` and ``query`` are quoted, as they stand in the request; ``headers`` go by names in lower case; ``hashed``
    is the hash of the body that was received. Whether the signed headers are enough and the time is right is for the
    caller to decide, and that the two signatures be compared by ``hmac.compare_digest``.

    >>> parts = {"method": "POST", "path": "/", "query": "", "headers": {"x-date": "20250102T030405Z"}, "hashed": ""}
    >>> len(expected_signature("SK", Authorization("AK", "20250102", "cn", "vikingdb", ("x-date",), ""), **parts))
    64
    """
    names = authorization.signed_headers
    canonical = canonical_request(method, unquote(path), sent_query(query), headers, names, hashed)
    key = signing_key(secret_key, authorization.date, authorization.region, authorization.service)
    return signature(key, canonical, headers.get("x-date", "").strip(), authorization.scope)
