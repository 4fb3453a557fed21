"""QuiverDB: a vector database in a Python process that speaks the Qdrant API."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from quiverdb._version import __version__

if TYPE_CHECKING:
    from quiverdb.database import Database

__all__ = ["__version__", "open"]


def open(location: str | os.PathLike[str]) -> Database:
    """Open the database in a folder, made if it is not there, or a new one in memory (``":memory:"``).

    Raises ``LockedError`` when another process has the folder open, ``FormatError`` for a folder of another
    version, ``CorruptionError`` for a damaged one.

    >>> import quiverdb
    >>> with quiverdb.open(":memory:") as database:
    ...     database.collection_names()
    []
    """
    from quiverdb.engine.database import EngineDatabase

    return EngineDatabase.open(location)
