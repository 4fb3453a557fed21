"""What is served, described for machines."""

from __future__ import annotations

__all__ = ["openapi_json"]


def openapi_json() -> bytes:
    """Return the description."""
    return b"{}"
