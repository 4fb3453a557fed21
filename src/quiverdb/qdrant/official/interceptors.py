"""Interceptors of gRPC that give calls headers and a token. Importing this module needs grpc."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import grpc
import grpc.aio

from quiverdb.qdrant.common.client_exceptions import ResourceExhaustedResponse
from quiverdb.remote.headers import async_token, context_headers, token

if TYPE_CHECKING:
    from quiverdb.remote.headers import TokenProvider

__all__ = ["AsyncHeaders", "Headers"]


class _Details(NamedTuple):
    """Describe a call."""

    method: str
    timeout: float | None
    metadata: Any
    credentials: Any
    wait_for_ready: bool | None
    compression: Any


class _Adder:
    def __init__(self, metadata: Sequence[tuple[str, str]], provider: TokenProvider | None) -> None:
        self._metadata = tuple(metadata)
        self._provider = provider

    def _all(self, details: Any, bearer: str | None) -> list[tuple[str, str]]:
        authorization = () if bearer is None else (("authorization", f"Bearer {bearer}"),)
        return [*(details.metadata or ()), *self._metadata, *authorization, *context_headers().items()]


class Headers(_Adder, grpc.UnaryUnaryClientInterceptor):  # type: ignore[misc]
    """Give calls headers and a token, and raise ``ResourceExhaustedResponse`` when a server says to come back later."""

    def intercept_unary_unary(self, continuation: Callable[[Any, Any], Any], details: Any, request: Any) -> Any:
        """Make a call."""
        rest = [getattr(details, name, None) for name in ("credentials", "wait_for_ready", "compression")]
        metadata = self._all(details, token(self._provider))
        call = continuation(_Details(details.method, details.timeout, metadata, *rest), request)
        if call.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
            _raise_if_told(call.trailing_metadata(), call.details())
        return call


class AsyncHeaders(_Adder, grpc.aio.UnaryUnaryClientInterceptor):  # type: ignore[misc]
    """Do as ``Headers`` does in event loops."""

    async def intercept_unary_unary(
        self, continuation: Callable[[Any, Any], Awaitable[Any]], details: Any, request: Any
    ) -> Any:
        """Make a call."""
        metadata = grpc.aio.Metadata(*self._all(details, await async_token(self._provider)))
        call = await continuation(details._replace(metadata=metadata), request)
        if await call.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
            _raise_if_told(await call.trailing_metadata(), await call.details())
        return call


def _raise_if_told(metadata: Iterable[tuple[str, Any]], details: str | None) -> None:
    wait = dict(metadata or ()).get("retry-after", "")
    if isinstance(wait, str) and wait.isdigit():
        raise ResourceExhaustedResponse(details or "", int(wait))
