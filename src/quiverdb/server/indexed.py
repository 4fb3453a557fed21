"""The rule of a server that points are ordered and counted by payload keys with a suitable index only.

The embedded database makes such an index when it needs one; a program that is to run on a real server learns here what
it would be told there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

from quiverdb.database import Database, ScrollRequest
from quiverdb.engine.index.fields import supports
from quiverdb.errors import InvalidInputError
from quiverdb.model.query import FacetQuery, GroupQuery, OrderBy, Query
from quiverdb.model.result import FacetHit, Group, Hit, Page

__all__ = ["indexed"]


def indexed(database: Database) -> Database:
    """Return a database that refuses what a server needs an index for and has none."""
    return cast(Database, _Indexed(database))


class _Indexed:
    def __init__(self, database: Database) -> None:
        self._database = database

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    def query(self, name: str, queries: Sequence[Query]) -> list[list[Hit]]:
        self._check_orders(name, queries)
        return self._database.query(name, queries)

    def query_groups(self, name: str, query: GroupQuery) -> list[Group]:
        self._check_orders(name, (query.query,))
        return self._database.query_groups(name, query)

    def scroll(self, name: str, request: ScrollRequest) -> Page:
        if request.order_by is not None:
            self._check_order(name, request.order_by.key)
        return self._database.scroll(name, request)

    def facet(self, name: str, query: FacetQuery) -> list[FacetHit]:
        if not self._supports(name, query.key, "match"):
            raise InvalidInputError(
                f"No appropriate index for faceting: `{query.key}`. Please create one to facet on this field: "
                "keyword, integer with lookup, uuid or bool",
                field="key",
            )
        return self._database.facet(name, query)

    def _check_orders(self, name: str, queries: Sequence[Query]) -> None:
        for query in queries:
            if isinstance(query.kind, OrderBy) or query.prefetch:
                for key in _ordered_by(query):
                    self._check_order(name, key)

    def _check_order(self, name: str, key: str) -> None:
        if not self._supports(name, key, "range"):
            raise InvalidInputError(
                f"No range index for `order_by` key: `{key}`. Please create one to use `order_by`: "
                "integer with range, float or datetime",
                field="order_by",
            )

    def _supports(self, name: str, key: str, capability: str) -> bool:
        found = self._database.info(name).payload_schema.get(key)
        return found is not None and capability in supports(found.index)


def _ordered_by(query: Query) -> Iterator[str]:
    """Yield the keys that a query or one of its prefetches orders points by."""
    if isinstance(query.kind, OrderBy):
        yield query.kind.key
    for inner in query.prefetch:
        yield from _ordered_by(inner)
