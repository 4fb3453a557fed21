"""The official package's function that copies collections, which its clients have as a method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["migrate"]


def migrate(
    source_client: Any,
    dest_client: Any,
    collection_names: Sequence[str] | None = None,
    recreate_on_collision: bool = False,
    batch_size: int = 100,
) -> None:
    """Copy collections, by default all, from one client to another."""
    source_client.migrate(dest_client, collection_names, batch_size, recreate_on_collision)
