"""Requests over gRPC: several channels to one server, taken in turn.

Messages travel as bytes; who calls says which class reads the reply. Like those over HTTP, a transport tries once.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from http import HTTPStatus
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from quiverdb.errors import ClosedError, MissingLibraryError
from quiverdb.remote.address import Address
from quiverdb.remote.headers import async_token, merged, token
from quiverdb.remote.owned import Owned, in_loop, in_process
from quiverdb.remote.protocol import ResponseError, TransportError
from quiverdb.remote.retry import LostError, NotSentError
from quiverdb.remote.settings import Settings

try:
    import grpc
    import grpc.aio
    from google.protobuf.message import DecodeError
except ImportError as error:
    raise MissingLibraryError("gRPC", library="grpcio", extra="grpc") from error

if TYPE_CHECKING:
    from quiverdb.remote.headers import Pairs

__all__ = ["AsyncGrpcTransport", "GrpcTransport", "failure"]

R = TypeVar("R", covariant=True)

_STATUSES: Mapping[str, HTTPStatus] = MappingProxyType({
    "INVALID_ARGUMENT": HTTPStatus.BAD_REQUEST,
    "OUT_OF_RANGE": HTTPStatus.BAD_REQUEST,
    "DATA_LOSS": HTTPStatus.BAD_REQUEST,
    "UNAUTHENTICATED": HTTPStatus.UNAUTHORIZED,
    "PERMISSION_DENIED": HTTPStatus.FORBIDDEN,
    "NOT_FOUND": HTTPStatus.NOT_FOUND,
    "DEADLINE_EXCEEDED": HTTPStatus.REQUEST_TIMEOUT,
    "ALREADY_EXISTS": HTTPStatus.CONFLICT,
    "ABORTED": HTTPStatus.CONFLICT,
    "FAILED_PRECONDITION": HTTPStatus.PRECONDITION_FAILED,
    "RESOURCE_EXHAUSTED": HTTPStatus.TOO_MANY_REQUESTS,
    "UNIMPLEMENTED": HTTPStatus.NOT_IMPLEMENTED,
})  # fmt: skip
"""What REST says where gRPC says this; anything else is an error of the server."""

_UNLIMITED = {"grpc.max_send_message_length": -1, "grpc.max_receive_message_length": -1}
_OWN_CONNECTIONS = {"grpc.use_local_subchannel_pool": 1}
"""Otherwise channels to one server share a connection."""
_CREDENTIALS = ("root_certificates", "private_key", "certificate_chain")
_LOCAL_DEADLINE = "Deadline Exceeded"
_UNREACHABLE = ("failed to connect", "DNS resolution failed", "connections to all backends failing")
_TOO_LARGE = "CLIENT: Received message larger than max"


class Message(Protocol):
    """Write a message as bytes."""

    def SerializeToString(self) -> bytes:  # noqa: N802 (the name is protobuf's)
        ...


class ReplyClass(Protocol[R]):
    """Read a message from bytes."""

    def FromString(self, data: bytes, /) -> R:  # noqa: N802 (the name is protobuf's)
        ...


def failure(error: grpc.RpcError) -> ResponseError | TransportError:
    """Return what a failed call means: that the server refused it, or that there is no answer."""
    code, told = error.code().name, error.details() or ""
    if code == "DEADLINE_EXCEEDED" and told == _LOCAL_DEADLINE:
        return TransportError(f"the server did not answer in time ({told}): give a longer timeout, or look after it")
    if code == "UNAVAILABLE" and told.startswith(_UNREACHABLE):
        return NotSentError(f"the server cannot be reached ({told}): is it running, and is the address right?")
    if code == "UNAVAILABLE":
        return LostError(f"the connection was lost before the answer was complete ({told})")
    if code == "CANCELLED" or _TOO_LARGE in told:
        return TransportError(f"the server could not be asked ({code}: {told})")
    status = _STATUSES.get(code, HTTPStatus.INTERNAL_SERVER_ERROR)
    body = json.dumps({"status": {"error": told}, "time": 0.0}).encode()
    headers = {name: value for name, value in error.trailing_metadata() or () if isinstance(value, str)}
    return ResponseError(status.value, status.phrase, body, headers)


def _written(message: Message | bytes) -> bytes:
    return message if isinstance(message, bytes) else message.SerializeToString()


def _read(reply: ReplyClass[R], data: bytes) -> R:
    try:
        return reply.FromString(data)
    except DecodeError as error:
        raise TransportError(f"the server's reply is not what Qdrant replies: {error}") from error


def _closed() -> ClosedError:
    return ClosedError("the client was closed before the answer came: make a new one")


class _Channels:
    """Hold channels, and the calls that are known of each."""

    def __init__(self, settings: Settings, library: Any) -> None:
        target, compression = settings.address.grpc_target, settings.grpc_compression
        options = {**_UNLIMITED, **_OWN_CONNECTIONS, **settings.grpc_options}
        own = _own_credentials(settings)
        own.update({name: given for name in _CREDENTIALS if (given := options.pop(name, None)) is not None})
        arguments: dict[str, Any] = {"options": list(options.items()), "compression": compression}
        if settings.address.tls:
            arguments["credentials"] = grpc.ssl_channel_credentials(**own)
        make = library.secure_channel if settings.address.tls else library.insecure_channel
        self.channels = [make(target, **arguments) for _ in range(settings.channels)]
        self._calls: list[dict[str, Any]] = [{} for _ in self.channels]
        self._turn = count()

    def next(self, path: str) -> Any:
        """Return what calls a method, over the channel whose turn it is."""
        number = next(self._turn) % len(self.channels)
        known = self._calls[number]
        call = known.get(path)
        if call is None:
            call = known[path] = self.channels[number].unary_unary(path)
        return call


def _own_credentials(settings: Settings) -> dict[str, bytes]:
    """Return the certificates that are given for HTTP as files."""
    found: dict[str, bytes] = {}
    if isinstance(settings.verify, str) and Path(settings.verify).is_file():
        found["root_certificates"] = Path(settings.verify).read_bytes()
    if settings.cert is not None:
        chain, key = settings.cert[:2] if isinstance(settings.cert, tuple) else (settings.cert, settings.cert)
        found["certificate_chain"], found["private_key"] = Path(chain).read_bytes(), Path(key).read_bytes()
    return found


_left: list[_Channels] = []
"""Channels of a parent process: closing them in a child may wait forever, so they are kept untouched."""


class _Grpc:
    """Prepare calls: everything that waits for nobody."""

    def __init__(self, settings: Settings) -> None:
        for name in _CREDENTIALS:
            if not isinstance(settings.grpc_options.get(name, b""), bytes | None):
                raise TypeError(f"{name} in grpc_options must be bytes")
        self._settings = settings

    @property
    def address(self) -> Address:
        """Where the server is."""
        return self._settings.address

    def _terms(self, bearer: str | None, timeout: float | None) -> dict[str, Any]:
        metadata: Pairs = merged(self._settings.metadata, bearer)
        return {"timeout": self._settings.timeout if timeout is None else timeout, "metadata": metadata or None}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._settings.address.grpc_target}>"


class GrpcTransport(_Grpc):
    """Talk to a server over gRPC; safe to use from several threads, and after a fork.

    >>> from quiverdb.remote.settings import resolve
    >>> with GrpcTransport(resolve("localhost")) as transport:
    ...     transport
    <GrpcTransport of localhost:6334>
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._channels = Owned(lambda: _Channels(settings, grpc), in_process, _left.append)

    def call(self, path: str, message: Message | bytes, reply: ReplyClass[R], timeout: float | None = None) -> R:
        """Return a server's reply to a message.

        Raise ``ResponseError`` if it refuses, and ``TransportError`` if there is no answer. The cause of both is the
        ``grpc.RpcError``.
        """
        terms, written = self._terms(token(self._settings.token_provider), timeout), _written(message)
        channels = self._channels.get()
        try:
            data = channels.next(path)(written, **terms)
        except grpc.RpcError as error:
            raise failure(error) from error
        except ValueError as error:  # another thread closed the channel
            raise _closed() from error
        return _read(reply, data)

    def channel(self) -> grpc.Channel:
        """Return one of the channels, for calls of another kind."""
        return self._channels.get().channels[0]

    def close(self) -> None:
        """Close all channels, and end the calls under way; a second time does nothing."""
        if (channels := self._channels.close()) is not None:
            for channel in channels.channels:
                channel.close()

    def __enter__(self) -> GrpcTransport:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class AsyncGrpcTransport(_Grpc):
    """Talk to a server over gRPC from event loops; what is said of ``GrpcTransport`` holds.

    >>> from quiverdb.remote.settings import resolve
    >>> AsyncGrpcTransport(resolve("localhost", grpc_port=7000))
    <AsyncGrpcTransport of localhost:7000>
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._channels = Owned(lambda: _Channels(settings, grpc.aio), in_loop, _left.append)

    async def call(self, path: str, message: Message | bytes, reply: ReplyClass[R], timeout: float | None = None) -> R:
        """Return a server's reply to a message; raises like ``GrpcTransport.call``."""
        terms, written = self._terms(await async_token(self._settings.token_provider), timeout), _written(message)
        channels = self._channels.get()
        try:
            data = await channels.next(path)(written, **terms)
        except grpc.RpcError as error:
            raise failure(error) from error
        except grpc.aio.UsageError as error:
            raise _closed() from error
        except asyncio.CancelledError as error:
            if (task := asyncio.current_task()) is None or task.cancelling():
                raise
            raise _closed() from error  # nobody gave the task up: the channel gave up the call
        return _read(reply, data)

    def channel(self) -> grpc.aio.Channel:
        """Return one of the running event loop's channels, for calls of another kind."""
        return self._channels.get().channels[0]

    async def close(self, grace: float | None = None) -> None:
        """Close all channels, and end the calls under way after so many seconds; a second time does nothing."""
        if (channels := self._channels.close()) is not None:
            for channel in channels.channels:
                await channel.close(grace)

    async def __aenter__(self) -> AsyncGrpcTransport:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()
