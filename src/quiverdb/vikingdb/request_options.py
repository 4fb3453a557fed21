"""What holds for one request only."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field

__all__ = ["RequestOptions", "ensure_request_options"]


@dataclass
class RequestOptions:
    """Say what is different for one request.

    >>> options = RequestOptions(request_id="import-7", max_attempts=1, timeout=5)
    >>> options.merge_headers({"X-Trace": "1"})
    {'X-Trace': '1'}
    """

    headers: MutableMapping[str, str] = field(default_factory=dict)
    query: MutableMapping[str, str] = field(default_factory=dict)
    request_id: str | None = None
    """Sent as ``X-Tt-Logid``, and returned by servers as the id of the request."""
    max_attempts: int | None = None
    """In place of the client's; None or 0 leaves that."""
    timeout: float | None = None
    """Seconds to wait for a connection, and for an answer."""
    repeatable: bool | None = None
    """Whether carrying the request out twice does no harm, so that it may be sent again when nobody knows whether it
    arrived. By default that is so of all that reads, updates or deletes by id, but not of an upsert, since rows whose
    primary key the server makes up would be stored twice."""

    def merge_headers(self, headers: Mapping[str, str] | None) -> dict[str, str]:
        """Return headers, overridden by those of the options."""
        return {**(headers or {}), **self.headers}

    def merge_query(self, query: Mapping[str, str] | None) -> dict[str, str]:
        """Return parameters of a query, overridden by those of the options."""
        return {**(query or {}), **self.query}


def ensure_request_options(options: RequestOptions | None) -> RequestOptions:
    """Return the options, or such as change nothing."""
    return RequestOptions() if options is None else options
