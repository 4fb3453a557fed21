"""The arguments of a client, checked and brought into the form that the transports work with."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from numbers import Real
from types import MappingProxyType
from typing import Any

import msgspec

from quiverdb.errors import InvalidInputError
from quiverdb.remote.address import Address
from quiverdb.remote.address import resolve as resolve_address
from quiverdb.remote.headers import USER_AGENT, Pairs, TokenProvider, checked
from quiverdb.remote.pool import Limits
from quiverdb.remote.tls import Cert, Verify

__all__ = ["Settings", "resolve", "whole_seconds"]

DEFAULT_TIMEOUT = 5.0
"""Seconds."""
DEFAULT_CHANNELS = 3
_LONGEST = 10**9
"""Seconds, which is some decades: more than that, sockets cannot wait."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Say which server to talk to, and how.

    >>> resolve(url="localhost", timeout=0.5).timeout
    1.0
    """

    address: Address
    headers: Pairs
    """Of all requests over HTTP; names in lower case."""
    metadata: Pairs
    """Of all requests over gRPC."""
    token_provider: TokenProvider | None = None
    timeout: float = DEFAULT_TIMEOUT
    limits: Limits = Limits()
    verify: Verify = True
    cert: Cert = None
    http_client: Any = None
    """A client to send with."""
    http_options: Mapping[str, Any] = MappingProxyType({})
    """What only a client of httpx2 or httpx can do."""
    prefer_grpc: bool = False
    channels: int = DEFAULT_CHANNELS
    grpc_options: Mapping[str, Any] = MappingProxyType({})
    grpc_compression: Any = None

    def __repr__(self) -> str:
        return f"<Settings of {self.address.rest_uri}>"  # without keys


def resolve(
    url: str | None = None,
    *,
    host: str | None = None,
    port: int | None = 6333,
    grpc_port: int = 6334,
    prefer_grpc: bool = False,
    prefix: str | None = None,
    https: bool | None = None,
    api_key: str | None = None,
    auth_token_provider: TokenProvider | None = None,
    timeout: float | None = None,
    pool_size: int | None = None,
    headers: Mapping[str, str] | None = None,
    metadata: Mapping[str, str] | None = None,
    limits: Any = None,
    verify: Verify = True,
    cert: Cert = None,
    http2: bool = False,
    http_client: Any = None,
    grpc_options: Mapping[str, Any] | None = None,
    grpc_compression: Any = None,
    **options: Any,
) -> Settings:
    """Return settings from the arguments of a client, which mean what they mean to the official one.

    ``limits`` has the attributes of ``httpx.Limits``. Further options are those of a client of httpx. Warns of what
    travels unencrypted and should not. Raise ``InvalidInputError`` for contradictions.
    """
    if pool_size is not None and limits is not None:
        raise InvalidInputError("give only one of pool_size and limits", field="pool_size")
    if auth_token_provider is not None and not callable(auth_token_provider):
        raise InvalidInputError("auth_token_provider must be a function", field="auth_token_provider")
    options |= {"http2": True} if http2 else {}
    if http_client is not None and options:
        raise InvalidInputError(f"http_client leaves no use for {', '.join(options)}", field="http_client")
    _check_compression(grpc_compression)
    address = resolve_address(
        url, host=host, port=port, grpc_port=grpc_port, prefix=prefix, https=https, api_key=api_key
    )
    _warn_of_secrets(address, api_key, auth_token_provider)
    pool_size = None if pool_size is None else max(1, pool_size)
    _warn_of_headers(headers or {}, api_key, grpc_options or {})
    given = checked(headers or {}) | ({} if api_key is None else checked({"api-key": api_key}))
    return Settings(
        address=address,
        headers=tuple({**checked(metadata or {}), **given, "user-agent": USER_AGENT}.items()),
        metadata=tuple((name, value) for name, value in given.items() if name != "user-agent"),
        token_provider=auth_token_provider,
        timeout=DEFAULT_TIMEOUT if timeout is None else _seconds(timeout),
        limits=_limits(limits, pool_size),
        verify=verify,
        cert=cert,
        http_client=http_client,
        http_options=options,
        prefer_grpc=prefer_grpc,
        channels=pool_size or DEFAULT_CHANNELS,
        grpc_options={**(grpc_options or {}), "grpc.primary_user_agent": USER_AGENT},
        grpc_compression=grpc_compression,
    )


def whole_seconds(timeout: float) -> int:
    """Return a timeout in whole seconds, which are all that servers know; ``InvalidInputError`` for what is none.

    >>> whole_seconds(0.5)
    1
    """
    if not isinstance(timeout, Real) or isinstance(timeout, bool) or not 0 <= timeout <= _LONGEST:
        raise InvalidInputError(f"timeout must be a number of seconds, got {timeout!r}", field="timeout")
    return math.ceil(timeout)


def _seconds(timeout: float) -> float:
    seconds = whole_seconds(timeout)
    if not seconds:
        raise InvalidInputError(f"timeout must be more than 0 seconds, got {timeout!r}", field="timeout")
    return float(seconds)


def _limits(limits: Any, pool_size: int | None) -> Limits:
    if limits is None:
        return Limits() if pool_size is None else Limits(connections=pool_size, idle=pool_size)
    return Limits(limits.max_connections, limits.max_keepalive_connections, limits.keepalive_expiry)


def _check_compression(compression: Any) -> None:
    """Refuse what is no ``grpc.Compression``, and the kind that servers do not know."""
    if compression is None:
        return
    if type(compression).__name__ != "Compression":
        raise TypeError(f"grpc_compression must be a grpc.Compression, got {type(compression).__name__}")
    if compression.name == "Deflate":
        raise InvalidInputError("grpc_compression must be Gzip or NoCompression", field="grpc_compression")


def _warn_of_secrets(address: Address, api_key: str | None, provider: TokenProvider | None) -> None:
    for name, secret in (("Api key", api_key), ("Auth token provider", provider)):
        if secret is not None and not address.tls:
            _warn(f"{name} is used with an insecure connection: anybody on the way can read it. Use https.")


def _warn_of_headers(headers: Mapping[str, str], api_key: str | None, grpc_options: Mapping[str, Any]) -> None:
    names = {name.lower() for name in headers}
    if api_key is not None and "api-key" in names:
        _warn("`api-key` in headers gives way to the parameter api_key")
    if "user-agent" in names:
        _warn(f"`User-Agent` in headers gives way to `{USER_AGENT}`")
    if "grpc.primary_user_agent" in grpc_options:
        _warn(f"`grpc.primary_user_agent` gives way to `{USER_AGENT}`")


def _warn(message: str) -> None:
    warnings.warn(message, UserWarning, stacklevel=5)
