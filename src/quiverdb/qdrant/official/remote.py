"""What the official clients keep in ``_client`` in front of a server; none is such an object here."""

from __future__ import annotations

from typing import Any

from quiverdb.errors import UnsupportedError
from quiverdb.qdrant.official.bases import AsyncQdrantBase, QdrantBase

__all__ = ["AsyncQdrantRemote", "QdrantRemote", "get_async_channel", "get_channel", "parse_channel_options"]

_BACKEND = "this release"


class QdrantRemote(QdrantBase):
    """Refuse to be made: there are no remote servers."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ARG002
        raise UnsupportedError("A remote server", _BACKEND)


class AsyncQdrantRemote(AsyncQdrantBase):
    """Refuse to be made: there are no remote servers."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ARG002
        raise UnsupportedError("A remote server", _BACKEND)


def parse_channel_options(options: dict[str, Any] | None = None) -> list[tuple[str, Any]]:
    """Return options of a gRPC channel as pairs; messages are unlimited unless the options say otherwise."""
    unlimited = {"grpc.max_send_message_length": -1, "grpc.max_receive_message_length": -1}
    return list({**(options or {}), **{k: v for k, v in unlimited.items() if k not in (options or {})}}.items())


def get_channel(*args: Any, **kwargs: Any) -> Any:  # noqa: ARG001
    """Refuse: there is no gRPC."""
    raise UnsupportedError("gRPC", _BACKEND)


def get_async_channel(*args: Any, **kwargs: Any) -> Any:  # noqa: ARG001
    """Refuse: there is no gRPC."""
    raise UnsupportedError("gRPC", _BACKEND)
