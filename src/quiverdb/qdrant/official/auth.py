"""Tokens for requests of httpx2 and httpx: what the official client hands its HTTP client."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from typing import TYPE_CHECKING, Any

import httpx2

from quiverdb.errors import InvalidInputError
from quiverdb.remote.headers import async_token, token

if TYPE_CHECKING:
    from quiverdb.remote.headers import TokenProvider

__all__ = ["BearerAuth"]


class BearerAuth(httpx2.Auth):
    """Ask a function for a token before each request.

    >>> client = httpx2.Client(auth=BearerAuth(lambda: "secret"))
    """

    def __init__(self, auth_token_provider: TokenProvider) -> None:
        if not callable(auth_token_provider):
            raise InvalidInputError("auth_token_provider must be a function", field="auth_token_provider")
        self.auth_token_provider = auth_token_provider

    def sync_auth_flow(self, request: Any) -> Generator[Any, Any, None]:
        """Give a request its token; raises ``InvalidInputError`` if the function has to be awaited."""
        yield self(request)

    async def async_auth_flow(self, request: Any) -> AsyncGenerator[Any, Any]:
        """Give a request its token, from a function of either kind."""
        request.headers["Authorization"] = f"Bearer {await async_token(self.auth_token_provider)}"
        yield request

    def __call__(self, request: Any) -> Any:
        """Give a request its token, and return it: what httpx asks of anything that is none of its own classes."""
        request.headers["Authorization"] = f"Bearer {token(self.auth_token_provider)}"
        return request
