"""Transactions: changes that become visible together, or not at all.

``Transaction`` changes one collection and begins at once; ``JointTransaction`` names the collection with each change,
and begins a transaction of the server for each of them with its first change.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Self, overload

from quiverdb.cosdata._arguments import Numbers, VectorId, VectorLike, given, mapping, sequence, vector_id
from quiverdb.cosdata._batches import batches
from quiverdb.cosdata._twins import Begun, gather, pause
from quiverdb.cosdata.errors import (
    ConflictError,
    ConnectionFailedError,
    CosdataError,
    NotFoundError,
    RequestTimeoutError,
    ServerError,
    ValidationError,
)

if TYPE_CHECKING:
    from quiverdb.cosdata._client import Client
    from quiverdb.cosdata._collections import Collection
    from quiverdb.cosdata._indexes import Index

__all__ = ["JointTransaction", "Registry", "Transaction", "Transactions"]

_COMPLETE = "complete"
_PATIENCE = 600.0
"""Seconds to wait for a server to index what was committed."""
_SHORTEST, _LONGEST = 0.02, 1.0
"""Seconds between two questions about that."""
_FIRST_REST = 0.25
"""Seconds before a part is sent again; each time it is twice as long."""


class Registry:
    """Hold the transactions of a client that are open."""

    def __init__(self) -> None:
        self._held: dict[int, Changes] = {}

    def add(self, changes: Changes) -> None:
        """Hold a transaction until it is dropped."""
        self._held[id(changes)] = changes

    def drop(self, changes: Changes) -> None:
        """Hold a transaction no longer."""
        self._held.pop(id(changes), None)

    def all(self) -> list[Changes]:
        """Return those that are open."""
        return list(self._held.values())

    def find(self, transaction_id: str, collection_name: str | None = None) -> Changes:
        """Return the one of this id; raises ``NotFoundError``, and ``ValidationError`` if several have it."""
        found = [changes for changes in self.all() if changes.transaction_id == transaction_id]
        if collection_name is not None:
            found = [changes for changes in found if changes.collections() == [collection_name]]
        if not found:
            message = f"Transaction Not Found! {transaction_id} was not begun by this client, or has ended"
            raise NotFoundError(message, status=400)
        if len(found) > 1:
            message = f"several collections have a transaction {transaction_id}: give the name of one of them"
            raise ValidationError(message)
        return found[0]


class Changes(Begun):
    """Collect changes until ``commit`` or ``abort``; a ``with`` block does either in its end."""

    transaction_id: str | None
    """What names the transaction."""
    _ended: str = ""
    """How it ended. Servers are not asked about it again: some then drop the transaction that is open."""

    def __init__(self, client: Client, wait: bool) -> None:
        self.client = client
        self._wait = wait
        super().__init__()

    def commit(self, wait: bool = False) -> None:
        """Make all changes visible at once; with ``wait`` return when servers have indexed them."""
        raise NotImplementedError

    def abort(self) -> None:
        """Forget all changes."""
        raise NotImplementedError

    def collections(self) -> list[str]:
        """Return the names of the collections that are changed."""
        raise NotImplementedError

    def _require_open(self) -> None:
        self._begin()
        if self._ended:
            message = f"Transaction Not Found! {self.transaction_id} was {self._ended} before: begin a new one"
            raise NotFoundError(message, status=400)

    def _end(self, how: str) -> None:
        self._ended = how
        self.client._open.drop(self)

    def _leave(self, *, failed: bool) -> None:
        if self._ended:
            return
        if failed:
            self._discard()
            return
        try:
            self.commit(self._wait)
        except BaseException:
            self._discard()
            raise

    def _discard(self) -> None:
        """Abort after something else went wrong, which is what counts."""
        if not self._ended:
            with suppress(Exception):
                self.abort()
            self._end("aborted")

    def _await_index(self, collection_name: str, transaction_id: str) -> None:
        """Wait until a transaction is indexed; raises ``RequestTimeoutError``."""
        deadline, rest = time.monotonic() + _PATIENCE, _SHORTEST
        while self._status(collection_name, transaction_id)["status"] != _COMPLETE:
            if time.monotonic() > deadline:
                message = f"{transaction_id} was committed, but is not indexed after {_PATIENCE:.0f} s"
                raise RequestTimeoutError(message)
            pause(rest)
            rest = min(2 * rest, _LONGEST)

    def _status(self, collection_name: str, transaction_id: str) -> dict[str, Any]:
        status: dict[str, Any] = self.client._connection.call(
            "transaction_status", collection=collection_name, transaction_id=transaction_id
        )
        return status


class Transaction(Changes):
    """Change one collection: nothing is visible before ``commit``, then everything is, and nothing after ``abort``.

    A collection has one transaction at a time. Vectors that are there already are replaced. If a vector is in a
    transaction more than once, what was sent last counts, unless several threads send.

    >>> from quiverdb.cosdata import Client
    >>> with Client(":memory:") as client:
    ...     collection = client.create_collection("docs", dimension=2)
    ...     with collection.transaction() as txn:
    ...         txn.upsert_vector({"id": "a", "dense_values": [1.0, 0.0]})
    ...         before = collection.vectors.exists("a")
    ...     print(before, collection.vectors.exists("a"))
    False True
    """

    batch_size = 200
    """How many vectors a server is sent at a time."""

    def __init__(self, collection: Collection | Index, wait: bool = False, transaction_id: str | None = None) -> None:
        self.collection: Collection = vars(collection).get("collection", collection)
        self.transaction_id = transaction_id
        super().__init__(self.collection.client, wait)

    @property
    def collection_name(self) -> str:
        """The collection that is changed."""
        return self.collection.name

    def collections(self) -> list[str]:
        """Return the name of the collection, alone."""
        return [self.collection.name]

    def _begin(self) -> None:
        if self.transaction_id is None:
            answer = self.client._connection.call("create_transaction", collection=self.collection.name)
            self.transaction_id = answer["transaction_id"]
            self.client._open.add(self)

    def _call(self, operation: str, **arguments: Any) -> Any:
        self._require_open()
        return self.client._connection.call(
            operation, collection=self.collection.name, transaction_id=self.transaction_id, **arguments
        )

    def upsert_vector(self, vector: VectorLike) -> None:
        """Store a vector, in place of one of the same id if there is one."""
        self._call("upsert_in_transaction", vectors=[vector])

    def create_vector(self, vector: VectorLike) -> None:
        """Store a vector unless there is one of this id; raises ``ConflictError`` if there is."""
        if "id" in mapping(vector, "a vector") and self.collection.vectors.exists(vector["id"]):
            raise ConflictError(f"Vector ID already exists: {vector['id']}", status=400)
        self.upsert_vector(vector)

    def batch_upsert_vectors(
        self, vectors: Iterable[VectorLike], max_workers: int | None = None, max_retries: int = 3
    ) -> None:
        """Store vectors, in place of those of the same ids.

        A server is sent parts of ``batch_size`` vectors and 8 MB at most, by ``max_workers`` threads, by default as
        many as there are processors. A part that fails for other reasons than what is in it is sent up to
        ``max_retries`` times.
        """
        rows = sequence(vectors)
        if self.client._connection.embedded:
            self._call("upsert_in_transaction", vectors=rows)
            return
        workers = max(1, (os.cpu_count() or 4) if max_workers is None else max_workers)
        parts = list(batches(rows, self.batch_size))
        self._require_open()
        gather(partial(self._send, attempts=max(1, max_retries)), parts, max(1, min(workers, len(parts))))

    def _send(self, part: Sequence[VectorLike], *, attempts: int) -> None:
        """Send a part, again if the server could not take it for the moment."""
        rest = _FIRST_REST
        while True:
            attempts -= 1
            try:
                self._call("upsert_in_transaction", vectors=part)
            except CosdataError as error:
                if attempts <= 0 or not _passes(error):
                    raise
            else:
                return
            pause(rest)
            rest *= 2

    def upsert(self, vectors: VectorLike | Iterable[VectorLike]) -> Self:
        """Store one or more vectors one part after the other, and return the transaction."""
        self.batch_upsert_vectors(sequence(vectors), max_workers=1)
        return self

    def add_vector(
        self,
        vector_id: VectorId,
        dense_values: Numbers | None = None,
        sparse_indices: Sequence[int] | None = None,
        sparse_values: Numbers | None = None,
        text: str | None = None,
        document_id: str | None = None,
        metadata: dict[str, str | int] | None = None,
    ) -> Self:
        """Store a vector that is given in pieces, and return the transaction."""
        pieces = given(
            dense_values=dense_values,
            sparse_indices=sparse_indices,
            sparse_values=sparse_values,
            text=text,
            document_id=document_id,
            metadata=metadata,
        )
        self._call("add_to_transaction", vector={"id": _id(vector_id), **pieces})
        return self

    def delete_vector(self, vector_id: VectorId) -> Self:
        """Delete a vector, and return the transaction; nothing happens if there is none of this id."""
        self._call("delete_in_transaction", id=_id(vector_id))
        return self

    def commit(self, wait: bool = False) -> None:
        """Make all changes visible at once; with ``wait`` return when servers have indexed them.

        Raises ``NotFoundError`` if the transaction has ended, also because it was idle for too long.
        """
        self._call("commit")
        self._end("committed")
        if wait:
            self._await_index(self.collection.name, str(self.transaction_id))

    def abort(self) -> None:
        """Forget all changes; raises ``NotFoundError`` if the transaction has ended."""
        self._call("abort")
        self._end("aborted")

    def get_status(self, collection_name: str | None = None, transaction_id: str | None = None) -> dict[str, Any]:
        """Return the status of this transaction, or of another one.

        Its ``status`` is ``not_started`` before the commit, then ``indexing_in_progress`` or ``complete``.
        """
        self._begin()
        return self._status(collection_name or self.collection.name, transaction_id or str(self.transaction_id))

    def poll_completion(
        self,
        target_status: str = _COMPLETE,
        max_attempts: int = 10,
        sleep_interval: float = 1.0,
        collection_name: str | None = None,
        transaction_id: str | None = None,
    ) -> tuple[str, bool]:
        """Ask for the status until it is this one; return the last one, and whether it is."""
        status = "unknown"
        for attempt in range(max_attempts):
            if attempt:
                pause(sleep_interval)
            answer = self.get_status(collection_name, transaction_id)
            status = answer["status"]
            if status == target_status:
                return status, True
        return status, False


class JointTransaction(Changes):
    """Change any collections, all together: made by ``client.transactions.create()``.

    A transaction takes 200 vectors at most, from one thread; ``Collection.transaction`` takes any number for one
    collection. A server that cannot commit several collections together commits one after the other.

    >>> from quiverdb.cosdata import Client
    >>> with Client(":memory:") as client:
    ...     names = [client.collections.create(name, dimension=2).name for name in ("red", "blue")]
    ...     with client.transactions.create() as txn:
    ...         for name in names:
    ...             _ = txn.upsert(name, [{"id": 1, "values": [1.0, 0.0]}])
    ...     client.vectors.exists("red", 1), client.vectors.exists("blue", 1)
    (True, True)
    """

    max_vectors = 200
    """How many vectors a transaction takes."""

    def __init__(self, client: Client, wait: bool = False) -> None:
        self.transaction_id = f"joint-{uuid.uuid4().hex}"
        self._parts: dict[str, str] = {}
        self._count = 0
        super().__init__(client, wait)

    def collections(self) -> list[str]:
        """Return the names of the collections that were changed so far."""
        return list(self._parts)

    def _begin(self) -> None:
        if not self._ended:
            self.client._open.add(self)

    def _call(self, operation: str, collection_name: str, **arguments: Any) -> None:
        """Change a collection, by its own transaction, which begins with its first change."""
        self._require_open()
        if collection_name not in self._parts:
            answer = self.client._connection.call("create_transaction", collection=collection_name)
            self._parts[collection_name] = answer["transaction_id"]
        self.client._connection.call(
            operation, collection=collection_name, transaction_id=self._parts[collection_name], **arguments
        )

    def upsert(self, collection_name: str, vectors: VectorLike | Iterable[VectorLike]) -> Self:
        """Store one or more vectors, in place of those of the same ids, and return the transaction.

        Raises ``ValidationError`` for more than ``max_vectors`` in the transaction.
        """
        rows = sequence(vectors)
        count = self._count + len(rows)
        if count > self.max_vectors:
            most = f"a transaction takes {self.max_vectors} vectors at most, and this would make {count}"
            advice = f"client.get_collection({collection_name!r}).transaction() takes more by batch_upsert_vectors"
            raise ValidationError(f"{most}: use several, or {advice}")
        self._call("upsert_in_transaction", collection_name, vectors=rows)
        self._count = count
        return self

    def delete(self, collection_name: str, vector_id: VectorId) -> Self:
        """Delete a vector, and return the transaction; nothing happens if there is none of this id."""
        self._call("delete_in_transaction", collection_name, id=_id(vector_id))
        return self

    def commit(self, wait: bool = False) -> None:
        """Make all changes visible at once; with ``wait`` return when servers have indexed them.

        Raises ``NotFoundError`` if the transaction has ended, also because it was idle for too long.
        """
        self._require_open()
        parts = [{"collection": name, "transaction_id": part} for name, part in self._parts.items()]
        if len(parts) == 1:
            self.client._connection.call("commit", **parts[0])
        elif parts:
            self.client._connection.call("commit_together", transactions=parts)
        self._end("committed")
        if wait:
            for name, part in self._parts.items():
                self._await_index(name, part)

    def abort(self) -> None:
        """Forget all changes; raises ``NotFoundError`` if the transaction has ended."""
        self._require_open()
        self._end("aborted")
        failure: Exception | None = None
        for name, part in self._parts.items():
            try:
                self.client._connection.call("abort", collection=name, transaction_id=part)
            except CosdataError as error:
                failure = failure or error
        if failure is not None:
            raise failure


class Transactions:
    """Begin and end transactions.

    >>> from quiverdb.cosdata import Client
    >>> with Client(":memory:") as client:
    ...     collection = client.collections.create("docs", dimension=2)
    ...     txn = client.transactions.create().upsert("docs", [{"id": 1, "values": [1.0, 0.0]}])
    ...     client.transactions.commit(txn.transaction_id)["collections"]
    ['docs']
    """

    def __init__(self, client: Client) -> None:
        self.client = client

    @overload
    def create(self, collection_name: None = None, wait: bool = False) -> JointTransaction: ...

    @overload
    def create(self, collection_name: str, wait: bool = False) -> Transaction: ...

    def create(self, collection_name: str | None = None, wait: bool = False) -> Transaction | JointTransaction:
        """Begin a transaction: of a collection, or one that names a collection with each change.

        In a ``with`` block it is committed at the end, and aborted if the block fails. With ``wait`` the block ends
        when all is indexed, which takes time on servers that index in the background.
        """
        if collection_name is None:
            return JointTransaction(self.client, wait)
        return _of_collection(self.client, collection_name, wait=wait)

    def transaction(self, collection_name: str) -> Transaction:
        """Begin a transaction of a collection, see ``create``."""
        return _of_collection(self.client, collection_name, wait=False)

    def commit(self, transaction_id: str, collection_name: str | None = None) -> dict[str, Any]:
        """Commit a transaction by its id, and return that and the names of its collections.

        One that this client did not begin needs the name of its collection. Raises ``NotFoundError``.
        """
        changes = self._begun(transaction_id, collection_name)
        changes.commit()
        return {"transaction_id": transaction_id, "collections": changes.collections()}

    def abort(self, transaction_id: str, collection_name: str | None = None) -> None:
        """Abort a transaction by its id, see ``commit``."""
        changes = self._begun(transaction_id, collection_name)
        changes.abort()

    def _begun(self, transaction_id: str, collection_name: str | None) -> Changes:
        """Return a transaction by its id, as an object of this client also if another one began it."""
        try:
            return self.client._open.find(transaction_id, collection_name)
        except NotFoundError:
            if collection_name is None:
                raise
        return _of_collection(self.client, collection_name, wait=False, transaction_id=transaction_id)


_id = vector_id


def _passes(error: CosdataError) -> bool:
    """Tell whether sending something again may help."""
    return isinstance(error, ConnectionFailedError | RequestTimeoutError | ServerError) or error.status == 429


def _of_collection(
    client: Client, collection_name: str, *, wait: bool, transaction_id: str | None = None
) -> Transaction:
    from quiverdb.cosdata._collections import Collection

    return Transaction(Collection(client, collection_name), wait, transaction_id)
