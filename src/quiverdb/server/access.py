"""Who may do what: what every operation needs, and what a caller has.

A caller has access everywhere, to read (``r``) or to manage (``m``), or to some collections: to read (``r``), to read
and write (``rw``), or to read and write points and nothing else (``prw``). The rules and the words of refusal are
Qdrant's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

import msgspec

from quiverdb.errors import RefusedError

__all__ = ["FULL", "NEEDS", "NOBODY", "Access", "Grant", "Need", "collections_named", "is_open"]

Grant: TypeAlias = Literal["r", "rw", "prw"]


class Need(msgspec.Struct, frozen=True):
    """Say what an operation needs."""

    scope: Literal["open", "any", "collection", "global"]
    """``open`` asks for no key; ``any`` lets in whoever has one, and shows of the collections those it may see."""
    write: bool = False
    manage: bool = False
    extras: bool = False
    """More of a collection than its points: snapshots, indexes."""
    lookups: bool = False
    """The request may name other collections."""


_OPEN = Need("open")
_ANY = Need("any")
_READ = Need("collection")
_QUERY = Need("collection", lookups=True)
_EXTRAS = Need("collection", extras=True)
_WRITE = Need("collection", write=True)
_WRITE_EXTRAS = Need("collection", write=True, extras=True)
_GLOBAL = Need("global")
_MANAGE = Need("global", manage=True)

_OPERATIONS: tuple[tuple[Need, str], ...] = (
    (_OPEN, "info healthz livez readyz"),
    (_ANY, "get_collections get_aliases cluster_telemetry telemetry get_issues openapi reflection"),
    (_READ, "get_collection collection_exists get_collection_aliases get_optimizations"),
    (_READ, "collection_cluster_info list_shard_keys"),
    (_READ, "retrieve get_point scroll count facet search_matrix_pairs search_matrix_offsets"),
    (_QUERY, "query_points query_batch_points query_points_groups search search_batch search_groups"),
    (_QUERY, "recommend recommend_batch recommend_groups discover discover_batch"),
    (_EXTRAS, "list_snapshots download_snapshot list_shard_snapshots download_shard_snapshot"),
    (_WRITE, "upsert update_vectors delete_vectors delete batch_update_points"),
    (_WRITE, "set_payload overwrite_payload delete_payload clear_payload"),
    (_WRITE_EXTRAS, "create_payload_index delete_payload_index create_vector_name delete_vector_name"),
    (_WRITE_EXTRAS, "create_snapshot delete_snapshot create_shard_snapshot delete_shard_snapshot"),
    (_WRITE_EXTRAS, "stream_shard_snapshot"),
    (_GLOBAL, "cluster_status metrics list_full_snapshots download_full_snapshot get_quotas"),
    (_MANAGE, "create_collection update_collection delete_collection recreate_collection"),
    (_MANAGE, "update_collection_aliases create_shard_key delete_shard_key cluster_collection_update"),
    (_MANAGE, "recover_snapshot upload_snapshot recover_shard_snapshot upload_shard_snapshot"),
    (_MANAGE, "create_full_snapshot delete_full_snapshot recover_current_peer remove_peer"),
    (_MANAGE, "clear_issues update_quotas"),
)

NEEDS: Mapping[str, Need] = MappingProxyType({name: need for need, names in _OPERATIONS for name in names.split()})
"""What every operation needs, by its name; those that no client method asks for have names of their own."""


class Access(msgspec.Struct, frozen=True):
    """Tell what a caller may do.

    >>> reader = Access(None, {"docs": "r"})
    >>> reader.require("scroll", "docs")
    >>> reader.visible(["docs", "other"])
    ['docs']
    >>> reader.require("upsert", "docs")
    Traceback (most recent call last):
    quiverdb.errors.RefusedError: Forbidden: Write access to collection docs is required
    """

    everywhere: Literal["r", "m"] | None
    """Access to all there is; ``None`` for whoever has ``grants`` only."""
    grants: Mapping[str, Grant] = {}

    def require(self, operation: str, collection: str | None = None, request: object = None) -> None:
        """Raise ``RefusedError`` (403) unless the caller may carry out an operation.

        ``request`` is its arguments or its body, as plain data; collections that it looks things up in must be
        readable too. Raises ``KeyError`` for an operation that ``NEEDS`` does not know.
        """
        self.check(NEEDS[operation], collection, request)

    def check(self, need: Need, collection: str | None = None, request: object = None) -> None:
        """Raise ``RefusedError`` (403) unless the caller has what an operation needs; see ``require``."""
        if need.scope in ("open", "any"):
            return
        if self.everywhere is not None:
            if (need.write or need.manage) and self.everywhere == "r":
                raise _forbidden("Global manage access is required")
            return
        if need.scope == "global" or collection is None:
            raise _forbidden("Global access is required")
        self._check_grant(collection, need)
        if need.lookups:
            for other in collections_named(request):
                self._check_grant(other, _READ)

    def _check_grant(self, collection: str, need: Need) -> None:
        grant = self.grants.get(collection)
        if grant is None:
            raise _forbidden(f"Access to collection {collection} is required")
        if need.extras and grant == "prw":
            raise _forbidden(f"Only points access is allowed for collection {collection}")
        if need.write and grant == "r":
            raise _forbidden(f"Write access to collection {collection} is required")

    def sees(self, collection: str) -> bool:
        """Tell whether the caller may know of a collection."""
        return self.everywhere is not None or collection in self.grants

    def visible(self, collections: Iterable[str]) -> list[str]:
        """Return those of the collections that the caller may know of."""
        return [name for name in collections if self.sees(name)]


FULL = Access("m")
"""What everybody has where no key is set."""
NOBODY = Access(None)
"""What those have who are not known."""


def is_open(operation: str) -> bool:
    """Tell whether an operation is for everybody, with or without a key."""
    return NEEDS[operation].scope == "open"


def collections_named(request: object) -> Iterator[str]:
    """Find the collections that a plain request looks vectors or payloads up in, at any depth.

    >>> list(collections_named({"prefetch": [{"lookup_from": {"collection": "a"}}], "with_lookup": "b"}))
    ['b', 'a']
    """
    rest = [request]
    while rest:
        one = rest.pop()
        if isinstance(one, Mapping):
            for name, value in one.items():
                if name in ("lookup_from", "with_lookup"):
                    yield from _named_by(value)
                rest.append(value)
        elif isinstance(one, list | tuple):
            rest.extend(value for value in one if not isinstance(value, float | int | str))


def _named_by(lookup: Any) -> Iterator[str]:
    if isinstance(lookup, Mapping):
        lookup = lookup.get("collection")
    if isinstance(lookup, str):
        yield lookup


def _forbidden(reason: str) -> RefusedError:
    return RefusedError(f"Forbidden: {reason}", status=403)
