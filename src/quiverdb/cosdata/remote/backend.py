"""The two drivers of dialogues with a server: one for threads, one for event loops."""

from __future__ import annotations

import asyncio
import threading
import time
import warnings
from collections.abc import Mapping
from typing import Any

import msgspec

from quiverdb.cosdata.errors import ValidationError
from quiverdb.cosdata.operations import Arguments
from quiverdb.cosdata.remote.dialogue import CAREFUL, Dialogue, Pause, Send, Session, Steps
from quiverdb.remote.http import AsyncHttpTransport, HttpTransport
from quiverdb.remote.owned import Owned, in_loop, in_process
from quiverdb.remote.protocol import TransportError
from quiverdb.remote.retry import Retry
from quiverdb.remote.settings import Settings, resolve
from quiverdb.remote.tls import Cert, Verify
from quiverdb.wire.http_message import Reply

__all__ = ["DEFAULT_HOST", "AsyncHttpBackend", "HttpBackend"]

DEFAULT_HOST = "http://127.0.0.1:8443"
_PORT = 8443
_TIMEOUT = 60.0


def _settings(host: str, timeout: float, headers: Mapping[str, str] | None, **options: Any) -> Settings:
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 < timeout < float("inf"):
        raise ValidationError(f"timeout must be a number of seconds above 0, got {timeout!r}")
    port = None if "://" in host else _PORT
    settings = resolve(host, port=port, headers={"content-type": "application/json", **(headers or {})}, **options)
    address = settings.address
    if address.tls and settings.verify is False and not address.loopback and settings.http_client is None:
        warnings.warn(
            f"the certificate of {address.authority} is not checked, so anybody on the way can take its place and "
            "read the password: pass verify=True, or a file with the authority to trust",
            UserWarning,
            stacklevel=4,
        )
    return msgspec.structs.replace(settings, timeout=float(timeout))


class _Driver:
    """Begin what both drivers share."""

    def __init__(
        self,
        host: str = DEFAULT_HOST,
        username: str = "admin",
        password: str = "admin",  # noqa: S107 (what servers are documented with)
        verify: Verify = False,
        *,
        timeout: float = _TIMEOUT,
        retry: Retry = CAREFUL,
        pool_size: int | None = None,
        headers: Mapping[str, str] | None = None,
        cert: Cert = None,
        http_client: Any = None,
    ) -> None:
        settings = _settings(
            host, timeout, headers, verify=verify, pool_size=pool_size, cert=cert, http_client=http_client
        )
        self._address = settings.address
        self._dialogue = Dialogue(username, password, retry)
        self._open(settings)

    def _open(self, settings: Settings) -> None:
        """Make the transport, and what lets one sign in at a time."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._address.rest_uri}>"


class HttpBackend(_Driver):
    """Carry operations to a Cosdata server; safe to use from several threads, and after a fork.

    Signs in when it is first used, and anew when the session ends. What a server was not asked, what does no harm when
    done twice, and what it put off is repeated as ``retry`` says; a commit that may have been done is not.

    Where a server cannot commit several transactions at once, ``commit_together`` commits one after the other: what
    was committed before an error stays.

    >>> with HttpBackend("http://localhost:8443", "admin", "secret") as backend:
    ...     backend
    <HttpBackend of http://localhost:8443>
    """

    def _open(self, settings: Settings) -> None:
        self._transport = HttpTransport(settings)
        self._turn = Owned(threading.Lock, in_process, lambda _: None)

    def call(self, operation: str, arguments: Arguments) -> Any:
        """Return the result of an operation; see ``Backend.call``.

        Raise ``UnsupportedError`` for what the server lacks.
        """
        return self._drive(self._dialogue.call(operation, arguments))

    def token(self, *, renew: bool = False) -> str:
        """Return a token that the server knows; signs in if there is none, or if asked to ``renew`` it."""
        stale = self._dialogue.usable(None) if renew else None
        return self._signed_in(stale).token

    def _drive(self, steps: Steps) -> Any:
        """Do step after step, and return what they come to."""
        result: Any = None
        while True:
            try:
                step = steps.send(result)
            except StopIteration as end:
                return end.value
            if isinstance(step, Send):
                result = self._send(step)
            elif isinstance(step, Pause):
                time.sleep(step.seconds)
                result = None
            else:
                result = self._signed_in(step.stale)

    def _send(self, step: Send) -> Reply | TransportError:
        try:
            return self._transport.send(step.request, bearer=step.bearer)
        except TransportError as error:
            return error

    def _signed_in(self, stale: Session | None) -> Session:
        with self._turn.get():
            session: Session = self._drive(self._dialogue.sign_in(stale))
            return session

    def close(self) -> None:
        """Close all connections; a second call does nothing."""
        self._transport.close()

    def __enter__(self) -> HttpBackend:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class AsyncHttpBackend(_Driver):
    """Carry operations to a Cosdata server from event loops; what is said of ``HttpBackend`` holds.

    >>> AsyncHttpBackend("https://db.example.com", "admin", "secret", verify=True)
    <AsyncHttpBackend of https://db.example.com>
    """

    def _open(self, settings: Settings) -> None:
        self._transport = AsyncHttpTransport(settings)
        self._turn = Owned(asyncio.Lock, in_loop, lambda _: None)

    async def call(self, operation: str, arguments: Arguments) -> Any:
        """Return the result of an operation; see ``HttpBackend.call``."""
        return await self._drive(self._dialogue.call(operation, arguments))

    async def token(self, *, renew: bool = False) -> str:
        """Return a token that the server knows; see ``HttpBackend.token``."""
        stale = self._dialogue.usable(None) if renew else None
        return (await self._signed_in(stale)).token

    async def _drive(self, steps: Steps) -> Any:
        """Do step after step, and return what they come to."""
        result: Any = None
        while True:
            try:
                step = steps.send(result)
            except StopIteration as end:
                return end.value
            if isinstance(step, Send):
                result = await self._send(step)
            elif isinstance(step, Pause):
                await asyncio.sleep(step.seconds)
                result = None
            else:
                result = await self._signed_in(step.stale)

    async def _send(self, step: Send) -> Reply | TransportError:
        try:
            return await self._transport.send(step.request, bearer=step.bearer)
        except TransportError as error:
            return error

    async def _signed_in(self, stale: Session | None) -> Session:
        async with self._turn.get():
            session: Session = await self._drive(self._dialogue.sign_in(stale))
            return session

    async def close(self) -> None:
        """Close all connections; a second call does nothing."""
        await self._transport.close()

    async def __aenter__(self) -> AsyncHttpBackend:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()
