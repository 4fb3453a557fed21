"""The session of a client."""

from __future__ import annotations

from quiverdb.cosdata._connection import Connection

__all__ = ["Auth"]


class Auth:
    """Tell who is signed in. Requests sign in by themselves; this is for programs that send some of their own.

    >>> from quiverdb.cosdata import Client
    >>> with Client(":memory:", username="reader") as client:
    ...     client.auth.username, client.auth.token
    ('reader', None)
    """

    def __init__(self, connection: Connection, username: str, password: str) -> None:
        self._connection = connection
        self.username = username
        self.password = password

    @property
    def token(self) -> str | None:
        """The token of a session, which begins if there is none; ``None`` without a server."""
        return None if self._connection.embedded else self._connection.token()

    def login(self) -> str:
        """Begin a session, and return its token.

        Raises ``AuthError`` for a wrong password, and ``UnsupportedError`` without a server.
        """
        return self._connection.token(renew=True)

    def get_headers(self) -> dict[str, str]:
        """Return the headers of a request, with the token of a session, which begins if there is none."""
        bearer = {} if self._connection.embedded else {"Authorization": f"Bearer {self._connection.token()}"}
        return {"Content-type": "application/json", **bearer}
