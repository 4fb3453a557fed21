"""A Qdrant server or cluster behind the ``Database`` protocol.

Requests of the model are written as bodies of the REST API, their answers read back; a ``Caller`` carries them. Where
the API cannot say what the protocol asks for, ``UnsupportedError`` does. Two promises are weaker than the engine's:

- A ``write`` of several operations on points is one request, but a server applies them one after the other, and
  schema operations are requests of their own: after an error, those before the one at fault stay.
- A server does not tell the versions of stored points: those of records are 0.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import groupby
from types import TracebackType
from typing import Any, Self, TypeVar

from quiverdb.database import AliasChange, ScrollRequest
from quiverdb.errors import ClosedError, LimitError, UnsupportedError
from quiverdb.model.collection import CollectionInfo, CollectionPatch, CollectionSpec
from quiverdb.model.filter import Filter
from quiverdb.model.point import PointId
from quiverdb.model.query import FacetQuery, GroupQuery, MatrixQuery, PayloadSelector, Query, VectorSelector
from quiverdb.model.result import FacetHit, Group, Hit, Matrix, Page, Record, WriteResult
from quiverdb.model.shard import ShardKey, ShardSelector
from quiverdb.model.snapshot import Snapshot
from quiverdb.model.work import WorkReport
from quiverdb.model.write import WriteOperation
from quiverdb.remote import replies, requests
from quiverdb.remote.failures import error_of, strange_answer
from quiverdb.remote.location import read_location
from quiverdb.remote.protocol import Caller, ResponseError, TransportError
from quiverdb.remote.replies import Asked
from quiverdb.remote.requests import Change
from quiverdb.wire.operations import OPERATIONS, Operation
from quiverdb.wire.rest import body_arguments

__all__ = ["RemoteDatabase"]

_T = TypeVar("_T")

_PARTS = ["queued", "completed", "idle_segments"]
_COMPLETED = 64
"""How many pieces of finished background work a report lists at most."""


class RemoteDatabase:
    """Ask a Qdrant server what the engine would be asked; ``url`` tells people which one.

    Closing it closes the caller.

    >>> class Nobody:
    ...     def call(self, operation, arguments):
    ...         return {"count": 3}
    ...     def close(self):
    ...         pass
    >>> with RemoteDatabase(Nobody(), url="qdrant://nowhere") as database:
    ...     database.count("docs")
    3
    """

    def __init__(self, caller: Caller, *, url: str = "a Qdrant server") -> None:
        self.url = url
        self._caller = caller
        self._closed = False

    @classmethod
    def open(cls, location: str, **options: Any) -> RemoteDatabase:
        """Connect to the server at a location (see ``quiverdb.remote.location``); nothing is sent yet.

        Options are those of ``quiverdb.remote.connect.connect`` and come before what the location says.

        >>> RemoteDatabase.open("qdrant://localhost:6333", timeout=10)
        <RemoteDatabase qdrant://localhost:6333>
        """
        from quiverdb.remote.connect import connect

        url, shown, given = read_location(location)
        return cls(connect(url, **{**given, **options}), url=shown)

    def _ask(
        self,
        read: Callable[[Any], _T],
        operation: str,
        collection: str | None = None,
        body: Any = None,
        /,
        **others: Any,
    ) -> _T:
        """Ask for an operation, given its REST body and the arguments that stand elsewhere, and read the answer."""
        if self._closed:
            raise ClosedError(f"the database {self.url} is closed: open it again")
        row = OPERATIONS[operation]
        arguments = {**row.left_out, **dict(body_arguments(row, body) if row.body else ()), **others}
        if collection is not None:
            arguments["collection_name"] = collection
        try:
            result = self._caller.call(operation, arguments)
        except (ResponseError, TransportError) as error:
            raise error_of(error, operation, self.url) from error
        try:
            return read(result)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise strange_answer(operation, self.url) from error

    # Collections

    def create_collection(self, name: str, spec: CollectionSpec) -> None:
        self._ask(bool, "create_collection", name, requests.collection(spec))

    def update_collection(self, name: str, patch: CollectionPatch) -> None:
        self._ask(bool, "update_collection", name, requests.patch(patch))

    def delete_collection(self, name: str) -> bool:
        return self._ask(bool, "delete_collection", name)

    def collection_names(self) -> list[str]:
        return self._ask(replies.names, "get_collections")

    def has_collection(self, name: str) -> bool:
        return self._ask(replies.exists, "collection_exists", name)

    def info(self, name: str) -> CollectionInfo:
        return self._ask(replies.info, "get_collection", name)

    def spec(self, name: str) -> CollectionSpec:
        return self.info(name).spec

    def create_shard_key(self, name: str, key: ShardKey) -> None:
        self._ask(bool, "create_shard_key", name, {"shard_key": key})

    def delete_shard_key(self, name: str, key: ShardKey) -> None:
        self._ask(bool, "delete_shard_key", name, {"shard_key": key})

    def shard_keys(self, name: str) -> list[ShardKey]:
        return self._ask(replies.shard_keys, "list_shard_keys", name)

    def update_aliases(self, changes: Sequence[AliasChange]) -> None:
        actions = list(map(requests.alias_change, changes))
        self._ask(bool, "update_collection_aliases", None, {"actions": actions})

    def aliases(self) -> Mapping[str, str]:
        return self._ask(replies.aliases, "get_aliases")

    # Points

    def write(self, name: str, operations: Sequence[WriteOperation], *, wait: bool = True) -> list[WriteResult]:
        results: list[WriteResult] = []
        changes = map(requests.write, operations)
        for of_points, run in groupby(changes, lambda change: change.of_points):
            if of_points:
                results += self._change_points(name, list(run), wait)
            else:
                results += [self._change(name, change, wait) for change in run]
        return results

    def _change(self, name: str, change: Change, wait: bool) -> WriteResult:
        return self._ask(replies.write_result, change.operation, name, change.body, **change.path, wait=wait)

    def _change_points(self, name: str, changes: list[Change], wait: bool) -> list[WriteResult]:
        """Ask for changes in one request: that of its own for a single one, if that can say everything."""
        if len(changes) == 1 and changes[0].body.keys() <= _body_fields(OPERATIONS[changes[0].operation]):
            return [self._change(name, changes[0], wait)]
        batch = {"operations": [{change.operation: change.body} for change in changes]}
        return self._ask(replies.write_results, "batch_update_points", name, batch, wait=wait)

    def query(self, name: str, queries: Sequence[Query]) -> list[list[Hit]]:
        bodies = list(map(requests.query, queries))
        asked = [Asked.of(query.with_payload, query.with_vectors) for query in queries]
        if len(bodies) == 1:
            return [self._ask(partial(replies.found, asked=asked[0]), "query_points", name, bodies[0])]
        read = partial(replies.found_each, asked=asked)
        return self._ask(read, "query_batch_points", name, {"searches": bodies})

    def query_groups(self, name: str, query: GroupQuery) -> list[Group]:
        asked = Asked.of(query.query.with_payload, query.query.with_vectors)
        looked_up = Asked.of(query.lookup_with_payload, query.lookup_with_vectors)
        read = partial(replies.groups, asked=asked, looked_up=looked_up)
        return self._ask(read, "query_points_groups", name, requests.groups(query))

    def matrix(self, name: str, query: MatrixQuery) -> Matrix:
        return self._ask(replies.matrix, "search_matrix_offsets", name, requests.matrix(query))

    def scroll(self, name: str, request: ScrollRequest) -> Page:
        read = partial(replies.page, asked=Asked.of(request.with_payload, request.with_vectors))
        return self._ask(read, "scroll", name, requests.scroll(request))

    def retrieve(
        self,
        name: str,
        ids: Sequence[PointId],
        with_payload: PayloadSelector = True,
        with_vectors: VectorSelector = False,
        *,
        shard_keys: ShardSelector | None = None,
    ) -> list[Record]:
        body = requests.retrieve(ids, with_payload, with_vectors, shard_keys)
        read = partial(replies.records, asked=Asked.of(with_payload, with_vectors))
        return self._ask(lambda result: replies.in_order(read(result), ids), "retrieve", name, body)

    def count(
        self,
        name: str,
        filter: Filter | None = None,
        *,
        exact: bool = True,
        shard_keys: ShardSelector | None = None,
    ) -> int:
        return self._ask(replies.count, "count", name, requests.count(filter, shard_keys, exact=exact))

    def facet(self, name: str, query: FacetQuery) -> list[FacetHit]:
        return self._ask(replies.facet, "facet", name, requests.facet(query))

    # The server

    def check_timeout(self, name: str, seconds: float) -> None:
        limits = self.info(name).spec.strict_mode
        most = limits.max_timeout if limits is not None and limits.enabled else None
        if most is not None and seconds > most:
            advice = f'Reduce the "timeout" parameter to or below {most}.'
            raise LimitError(f'Limit exceeded {seconds} > {most} for "timeout". Help: {advice}', limit="max_timeout")

    def work(self, name: str) -> WorkReport:
        return self._ask(replies.work, "get_optimizations", name, with_=_PARTS, completed_limit=_COMPLETED)

    def peer(self) -> int:
        """Return the number of the node that is asked.

        A server outside of a cluster tells its number only along with that of a collection; without one it is 0.
        """
        number = self._ask(replies.peer, "cluster_status")
        if number is None and (names := self.collection_names()):
            number = self._ask(replies.peer, "collection_cluster_info", names[0])
        return number or 0

    # Snapshots

    def create_snapshot(
        self, collection: str | None = None, *, shard: int | None = None, wait: bool = True
    ) -> Snapshot | None:
        kind, owner = _owner(collection, shard)
        folder = _folder(collection, shard)
        return self._ask(
            lambda made: replies.snapshot(made, folder) if wait else None, f"create_{kind}snapshot", **owner, wait=wait
        )

    def snapshots(self, collection: str | None = None, *, shard: int | None = None) -> list[Snapshot]:
        kind, owner = _owner(collection, shard)
        folder = _folder(collection, shard)
        return self._ask(
            lambda found: [replies.snapshot(described, folder) for described in found],
            f"list_{kind}snapshots",
            **owner,
        )

    def delete_snapshot(self, collection: str | None, name: str, *, shard: int | None = None) -> None:
        kind, owner = _owner(collection, shard)
        self._ask(bool, f"delete_{kind}snapshot", **owner, snapshot_name=name, wait=True)

    def recover_snapshot(
        self,
        collection: str | None,
        location: str | os.PathLike[str],
        *,
        shard: int | None = None,
        checksum: str | None = None,
        wait: bool = True,
    ) -> None:
        """Make a collection what a snapshot holds that the server can read.

        The location is a URL in the eyes of the server, or the name of a snapshot where a server takes names.
        """
        kind, owner = _owner(collection, shard)
        if collection is None:
            raise UnsupportedError("Recovering all collections at once", self.url, "Recover one after the other.")
        if not isinstance(location, str) or ("://" not in location and ("/" in location or "\\" in location)):
            raise UnsupportedError(
                "Recovering from a file of this machine", self.url, "Give a URL that the server can read."
            )
        body = {"location": location} | ({} if checksum is None else {"checksum": checksum})
        self._ask(bool, f"recover_{kind}snapshot", None, body, **owner, wait=wait)

    # Closing

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._caller.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<RemoteDatabase {self.url}{' closed' if self._closed else ''}>"


def _body_fields(operation: Operation) -> set[str]:
    return {field for fields in operation.body.values() for field in fields.split("|")}


def _owner(collection: str | None, shard: int | None) -> tuple[str, dict[str, Any]]:
    """Return what kind of snapshots is meant, and whose."""
    if collection is None:
        return "full_", {}
    if shard is None:
        return "", {"collection_name": collection}
    return "shard_", {"collection_name": collection, "shard_id": shard}


def _folder(collection: str | None, shard: int | None) -> str:
    """Return the path under which the REST API offers snapshots for download."""
    owner = "" if collection is None else f"/collections/{collection}"
    return f"{owner}/snapshots" if shard is None else f"{owner}/shards/{shard}/snapshots"
