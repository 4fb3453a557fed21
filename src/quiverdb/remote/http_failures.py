"""What went wrong with an exchange over HTTP, whichever library noticed, in the words of this package."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator
from types import TracebackType

from quiverdb.errors import InvalidInputError, QuiverError
from quiverdb.remote.protocol import TransportError
from quiverdb.remote.retry import LostError, NotSentError, TimedOutError

__all__ = ["Failures", "failure"]

_NOT_SENT = {"ConnectError"}
_LOST = {"ReadError", "WriteError", "RemoteProtocolError"}
"""Errors of httpx, its successors and httpcore, by name, since any of them may be in use."""
_LOST_HERE = (ConnectionError, http.client.IncompleteRead, ssl.SSLEOFError, ssl.SSLZeroReturnError)


def failure(error: Exception, *, connected: bool) -> Exception:
    """Return the error to raise for one of an HTTP library; ``connected`` tells whether there was a connection."""
    told = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    names = {kind.__name__ for kind in type(error).__mro__}
    if isinstance(error, TimeoutError) or "TimeoutException" in names:
        return TimedOutError(f"the server did not answer in time ({told}): give a longer timeout, or look after it")
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in _causes(error)):
        return TransportError(f"the server's certificate is not trusted ({told}): pass verify=")
    if names & _NOT_SENT or (not connected and isinstance(error, ConnectionError)):
        return NotSentError(f"the server cannot be reached ({told}): is it running, and is the address right?")
    if names & _LOST or isinstance(error, _LOST_HERE):
        return LostError(f"the connection was lost before the answer was complete ({told})")
    if isinstance(error, ValueError) and not isinstance(error, http.client.HTTPException):
        return InvalidInputError(f"the request has no form in HTTP: {error}")
    return TransportError(f"the server could not be asked ({told})")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


class Failures:
    """Translate the errors of a block; set ``connected`` once there is a connection."""

    def __init__(self, *, connected: bool = False) -> None:
        self.connected = connected

    def __enter__(self) -> Failures:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(exc, Exception) and not isinstance(exc, QuiverError | TransportError):
            raise failure(exc, connected=self.connected) from exc
