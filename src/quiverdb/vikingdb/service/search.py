"""The operations that search an index."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from quiverdb.vikingdb.operations import Payload
from quiverdb.vikingdb.service.layout import Index, Schema

if TYPE_CHECKING:
    from quiverdb.vikingdb.service.service import Service

__all__ = ["SEARCHES", "Search"]

Search: TypeAlias = "Callable[[Service, Schema, Index, Payload], Mapping[str, Any]]"

SEARCHES: Mapping[str, Search] = {}
