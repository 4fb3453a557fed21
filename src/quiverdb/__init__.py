"""QuiverDB: a vector database in a Python process that speaks the APIs of Qdrant, Cosdata and VikingDB."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from quiverdb._version import __version__

if TYPE_CHECKING:
    from quiverdb.database import Database

__all__ = ["__version__", "open"]


def open(location: str | os.PathLike[str], **options: Any) -> Database:
    """Open the database at a location.

    That is a folder, made if it is not there; ``":memory:"``, a new one in memory; or a Qdrant server, as in
    ``"qdrant://localhost:6333"``, ``"qdrants://example.com?api_key=…"`` or an ``https://`` URL. Options are for
    servers: ``api_key``, ``prefer_grpc``, ``grpc_port``, ``timeout``, ``headers``, and others of a ``QdrantClient``.

    Raises ``LockedError`` when another process has the folder open, ``FormatError`` for a folder of another
    version, ``CorruptionError`` for a damaged one, ``InvalidInputError`` for a location that makes no sense.

    >>> import quiverdb
    >>> with quiverdb.open(":memory:") as database:
    ...     database.collection_names()
    []
    """
    if isinstance(location, str) and "://" in location:
        from quiverdb.remote.location import is_remote

        if is_remote(location):
            from quiverdb.remote.database import RemoteDatabase

            return RemoteDatabase.open(location, **options)
    if options:
        from quiverdb.errors import InvalidInputError

        raise InvalidInputError(f"{', '.join(options)}: options are for servers, not for folders", field="options")
    from quiverdb.engine.database import EngineDatabase

    return EngineDatabase.open(location)
