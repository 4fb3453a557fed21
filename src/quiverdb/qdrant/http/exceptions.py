"""Errors as a server of this API would report them.

::

    ApiException
    ├── UnexpectedResponse (ValueError)     a status that means failure    status_code, reason_phrase, content, headers
    └── ResponseHandlingException           an answer that made no sense   source
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

__all__ = ["ApiException", "ResponseHandlingException", "UnexpectedResponse"]


class ApiException(Exception):  # noqa: N818 (the name is given)
    """Base of the errors that a request ends with."""


class UnexpectedResponse(ApiException, ValueError):  # noqa: N818 (the name is given)
    """Tell that a request failed, with the status and body that a server answers.

    >>> error = UnexpectedResponse(404, "Not Found", b'{"status": {"error": "Not found: no such point"}}', {})
    >>> error.structured()["status"]["error"]
    'Not found: no such point'
    """

    def __init__(self, status_code: int | None, reason_phrase: str, content: bytes, headers: Mapping[str, str]) -> None:
        super().__init__(status_code, reason_phrase, content, headers)
        self.status_code = status_code
        self.reason_phrase = reason_phrase
        self.content = content
        self.headers = headers

    def structured(self) -> dict[str, Any]:
        """Return the body, read as JSON."""
        body: dict[str, Any] = json.loads(self.content)
        return body

    def __str__(self) -> str:
        status = "" if self.status_code is None else f"{self.status_code} "
        reason = self.reason_phrase or "Unrecognized Status Code"
        return f"Unexpected Response: {status}({reason})\nRaw response content:\n{self.content!r}"


class ResponseHandlingException(ApiException):
    """Tell that an answer could not be had or read; ``source`` says why."""

    def __init__(self, source: Exception) -> None:
        super().__init__(source)
        self.source = source
