"""The session of a client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from quiverdb.errors import UnsupportedError

if TYPE_CHECKING:
    from quiverdb.cosdata._client import Client

__all__ = ["Auth"]


class Auth:
    """Tell who is signed in; signing in happens by itself.

    >>> from quiverdb.cosdata import Client
    >>> with Client(":memory:", username="reader") as client:
    ...     client.auth.username, client.auth.token
    ('reader', None)
    """

    def __init__(self, client: Client, username: str, password: str) -> None:
        self.client = client
        self.username = username
        self.password = password

    @property
    def token(self) -> str | None:
        """The token of the session; ``None`` before the first request, and without a server."""
        token: str | None = getattr(self.client._connection.backend, "token", None)
        return token

    def login(self) -> str:
        """Begin a session, which only checks the password: each request that needs one does it by itself.

        Raises ``AuthError`` for a wrong password, and ``UnsupportedError`` without a server.
        """
        if self.client._connection.embedded:
            raise UnsupportedError("Signing in", "an embedded database", "It has no users.")
        backend: Any = self.client._connection.backend
        token: str = backend.login()
        return token

    def get_headers(self) -> dict[str, str]:
        """Return the headers of a request, with the token if there is one."""
        token = self.token
        return {"Content-type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
