"""Channels for the gRPC API as programs make them for stubs of their own; ``client.grpc_points`` needs none of this.

gRPC is imported when the first channel is made.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from quiverdb.errors import MissingLibraryError

if TYPE_CHECKING:
    from quiverdb.remote.headers import TokenProvider

__all__ = [
    "get_async_channel",
    "get_channel",
    "header_adder_async_interceptor",
    "header_adder_interceptor",
    "parse_channel_options",
    "parse_ssl_credentials",
]

_UNLIMITED = {"grpc.max_send_message_length": -1, "grpc.max_receive_message_length": -1}
_CREDENTIALS = ("root_certificates", "private_key", "certificate_chain")

Metadata = Sequence[tuple[str, str]] | None


def parse_channel_options(options: Mapping[str, Any] | None = None) -> list[tuple[str, Any]]:
    """Return options of a channel as pairs; messages are unlimited unless the options say otherwise."""
    given = options or {}
    return list({**given, **{name: value for name, value in _UNLIMITED.items() if name not in given}}.items())


def parse_ssl_credentials(options: dict[str, Any] | None = None) -> dict[str, bytes | None]:
    """Take the certificates out of options; ``TypeError`` for one that is not of bytes."""
    found: dict[str, bytes | None] = {}
    for name in _CREDENTIALS:
        if options is not None and f"grpc.{name}" in options:
            warnings.warn(f"`{name}` goes without `grpc.` before it", UserWarning, stacklevel=2)
        value = None if options is None else options.pop(name, None)
        if not isinstance(value, bytes | None):
            message = f"{name} must be bytes"
            raise TypeError(message)
        found[name] = value
    return found


def header_adder_interceptor(
    new_metadata: Sequence[tuple[str, str]], auth_token_provider: TokenProvider | None = None
) -> Any:
    """Return an interceptor that adds headers and a token to calls, and tells when a busy server can be asked again."""
    from quiverdb.qdrant.official.interceptors import Headers

    return Headers(new_metadata, auth_token_provider)


def header_adder_async_interceptor(
    new_metadata: Sequence[tuple[str, str]], auth_token_provider: TokenProvider | None = None
) -> Any:
    """Return such an interceptor for asynchronous channels; see ``header_adder_interceptor``."""
    from quiverdb.qdrant.official.interceptors import AsyncHeaders

    return AsyncHeaders(new_metadata, auth_token_provider)


def get_channel(
    host: str,
    port: int,
    ssl: bool,
    metadata: Metadata = None,
    options: Mapping[str, Any] | None = None,
    compression: Any = None,
    auth_token_provider: TokenProvider | None = None,
) -> Any:
    """Return a channel whose calls carry headers and a token.

    Raise ``MissingLibraryError`` without the extra ``grpc``.
    """
    grpc, own, pairs = _prepared(options)
    interceptor = header_adder_interceptor(metadata or (), auth_token_provider)
    if ssl:
        channel = grpc.secure_channel(f"{host}:{port}", grpc.ssl_channel_credentials(**own), pairs, compression)
    else:
        channel = grpc.insecure_channel(f"{host}:{port}", pairs, compression)
    return grpc.intercept_channel(channel, interceptor)


def get_async_channel(
    host: str,
    port: int,
    ssl: bool,
    metadata: Metadata = None,
    options: Mapping[str, Any] | None = None,
    compression: Any = None,
    auth_token_provider: TokenProvider | None = None,
) -> Any:
    """Return a channel for event loops; see ``get_channel``."""
    grpc, own, pairs = _prepared(options)
    interceptors = [header_adder_async_interceptor(metadata or (), auth_token_provider)]
    if ssl:
        credentials = grpc.ssl_channel_credentials(**own)
        return grpc.aio.secure_channel(f"{host}:{port}", credentials, pairs, compression, interceptors=interceptors)
    return grpc.aio.insecure_channel(f"{host}:{port}", pairs, compression, interceptors=interceptors)


def _prepared(options: Mapping[str, Any] | None) -> tuple[Any, dict[str, bytes | None], list[tuple[str, Any]]]:
    """Return the library, the certificates, and the options without them."""
    try:
        import grpc
        import grpc.aio
    except ImportError as error:
        raise MissingLibraryError("gRPC", library="grpcio", extra="grpc") from error
    given = dict(options or {})
    return grpc, parse_ssl_credentials(given), parse_channel_options(given)
