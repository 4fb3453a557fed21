"""Who asks: what a client puts into the headers of its requests to prove it.

A strategy of your own derives from ``Auth`` and overrides ``sign_request``, or ``apply`` as former releases of the
official SDK call it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias
from urllib.parse import urlencode

import msgspec

from quiverdb.errors import InvalidInputError
from quiverdb.vikingdb import signing

__all__ = ["IAM", "APIKey", "Auth", "AuthStrategy", "HeaderAuth", "Outgoing", "Signer"]


class Outgoing(msgspec.Struct):
    """Be a request that is about to be sent, whose headers may be changed.

    >>> Outgoing("POST", "https", "db.example.com", "/api", {"a": "1"}, {}, b"{}").url
    'https://db.example.com/api?a=1'
    """

    method: str
    scheme: str
    host: str
    """With the port, unless it is the usual one."""
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def url(self) -> str:
        """Where the request goes."""
        query = f"?{urlencode(self.query)}" if self.query else ""
        return f"{self.scheme}://{self.host}{self.path}{query}"


Signer: TypeAlias = Callable[[Outgoing], Any]
"""Puts into the headers of a request what proves who asks."""


class Auth:
    """Base of the ways to prove who asks."""

    def initialize(self, *, service: str, region: str) -> Any:
        """Be told for which service and region requests will be signed."""

    def sign_request(self, request: Any) -> None:
        """Put into the headers of a request what proves who asks."""
        self.apply(request)

    def apply(self, request: Any) -> None:
        """Do what ``sign_request`` does, under its former name."""
        raise NotImplementedError(f"{type(self).__name__} must override sign_request")

    def signer(self, *, service: str, region: str, session_token: str = "") -> Signer:
        """Return what signs requests for one service and region; one object may serve several.

        Raises ``InvalidInputError`` for a session token, unless it is an access key that proves who asks.
        """
        if session_token:
            raise InvalidInputError("sts_token goes with an access key: give auth=IAM(…)", field="sts_token")
        self.initialize(service=service, region=region)
        return self.sign_request


AuthStrategy = Auth


class IAM(Auth):
    """Sign requests with an access key and its secret, which is never sent.

    ``session_token`` belongs to keys of the Security Token Service. ``clock`` tells the seconds since 1970.

    >>> IAM("AK", "SK") == IAM(ak="AK", sk="SK")
    True
    >>> IAM("AK", "SK", session_token="TOKEN")
    IAM(access_key='AK', secret_key=…, session_token=…)
    """

    def __init__(
        self,
        access_key: str | None = None,
        secret_key: str | None = None,
        *,
        ak: str | None = None,
        sk: str | None = None,
        session_token: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._access_key = _one("access_key", access_key, "ak", ak)
        self._secret_key = _one("secret_key", secret_key, "sk", sk)
        self._session_token = session_token or ""
        self._clock = clock
        self._signer: Signer | None = None

    def initialize(self, *, service: str = signing.SERVICE, region: str) -> None:
        """Let ``sign_request`` sign for a service and a region from here on.

        Clients do not need it: each asks for a signer of its own.
        """
        self._signer = self.signer(service=service, region=region)

    configure = initialize

    def sign_request(self, request: Any) -> None:
        """Sign a request for the service and region of the last ``initialize``."""
        if self._signer is None:
            raise InvalidInputError("IAM signs for a region: call initialize(service=…, region=…) first")
        self._signer(request)

    apply = sign_request

    def signer(self, *, service: str, region: str, session_token: str = "") -> Signer:
        if not service or not region:
            raise InvalidInputError("IAM signs for a service and a region: give both", field="region")
        terms = {
            "access_key": self._access_key,
            "secret_key": self._secret_key,
            "service": service,
            "region": region,
            "session_token": session_token or self._session_token,
        }

        def sign(request: Outgoing) -> None:
            request.headers.update(
                signing.signed(
                    request.method,
                    request.path,
                    request.query.items(),
                    request.headers,
                    request.body,
                    at=signing.stamp(self._clock()),
                    **terms,
                )
            )

        return sign

    def __eq__(self, other: object) -> bool:
        return isinstance(other, IAM) and self._secrets() == other._secrets()

    def __hash__(self) -> int:
        return hash(self._secrets())

    def _secrets(self) -> tuple[str, str, str]:
        return self._access_key, self._secret_key, self._session_token

    def __repr__(self) -> str:
        token = ", session_token=…" if self._session_token else ""
        return f"IAM(access_key={self._access_key!r}, secret_key=…{token})"


class APIKey(Auth):
    """Send an API key with each request.

    >>> APIKey("secret")
    APIKey(api_key=…)
    """

    def __init__(self, api_key: str) -> None:
        self.api_key = _text("api_key", api_key)

    def sign_request(self, request: Any) -> None:
        """Put the key into the headers of a request."""
        request.headers["Authorization"] = f"Bearer {self.api_key}"

    apply = sign_request

    def __repr__(self) -> str:
        return "APIKey(api_key=…)"


class HeaderAuth(Auth):
    """Send headers that a private deployment asks for.

    >>> HeaderAuth({"X-Top-Account-Id": "1", "X-Top-Role-Id": "data"})
    HeaderAuth(headers=['X-Top-Account-Id', 'X-Top-Role-Id'])
    """

    def __init__(self, headers: Mapping[str, str]) -> None:
        self.headers = dict(headers)

    def sign_request(self, request: Any) -> None:
        """Put the headers into a request."""
        request.headers.update(self.headers)

    apply = sign_request

    def __repr__(self) -> str:
        return f"HeaderAuth(headers={list(self.headers)})"


def _one(name: str, value: str | None, short: str, other: str | None) -> str:
    """Return a secret that goes by two names, and is to be given by one."""
    if value is not None and other is not None:
        raise InvalidInputError(f"give only one of {name} and {short}", field=name)
    return _text(name, other if value is None else value)


def _text(name: str, value: Any) -> str:
    """Return a secret; what is refused is not shown."""
    if not isinstance(value, str) or not value or not value.isascii() or not value.isprintable():
        raise InvalidInputError(f"{name} must be a text of printable ASCII characters", field=name)
    return value
