"""Errors of the client that are not about one answer."""

from __future__ import annotations

__all__ = ["QdrantException", "ResourceExhaustedResponse"]


class QdrantException(Exception):  # noqa: N818 (the name is given)
    """Base of these errors."""


class ResourceExhaustedResponse(QdrantException):
    """Tell that a limit on requests is reached, and after how many seconds to try again.

    >>> ResourceExhaustedResponse("too many requests", 2).retry_after_s
    2
    """

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after_s = int(retry_after_s)
