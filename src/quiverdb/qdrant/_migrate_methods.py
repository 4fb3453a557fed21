"""The client's method that copies collections to another client."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from quiverdb.qdrant._connection import Connection
from quiverdb.qdrant.errors import api_errors
from quiverdb.qdrant.migrate import Progress, copy_collections

__all__ = ["MigrateMethods"]


class MigrateMethods(Connection):
    """Move data elsewhere."""

    def migrate(
        self,
        dest_client: Any,
        collection_names: Sequence[str] | None = None,
        batch_size: int = 100,
        recreate_on_collision: bool = False,
        *,
        progress: Progress | None = None,
    ) -> None:
        """Copy collections, by default all, to another client of this or the official package.

        Settings, payload indexes and points with all their vectors are copied; aliases are not. A collection that
        is there already is an error, raised before anything is changed, or with ``recreate_on_collision`` replaced.
        ``progress`` is told the collection, how many of its points are copied, and of how many.
        """
        with api_errors:
            copy_collections(
                self,
                dest_client,
                collection_names,
                batch_size=batch_size,
                recreate=recreate_on_collision,
                progress=progress,
            )
