"""Transactions: what callers stage until they commit or abort it. They live in this process and nowhere else.

A collection has at most one that is open. It ends when it is committed, aborted, or not used for too long; what became
of the last ones is remembered for a while.
"""

from __future__ import annotations

import re
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

from quiverdb.cosdata.errors import ConflictError, NotFoundError
from quiverdb.cosdata.service.changes import Batch, Change

__all__ = ["Transaction", "Transactions", "rfc3339"]

_REMEMBERED = 1000
_ID = re.compile("0x[0-9A-Fa-f]{8}")

Outcome: TypeAlias = Literal["open", "committed", "aborted", "timed out"]
_ENDINGS = {
    "committed": "it was committed",
    "aborted": "it was aborted",
    "timed out": "it timed out, because it was not used for {timeout:g} seconds, and nothing of it was stored",
}


def rfc3339(seconds: float) -> str:
    """Return a time since 1970 as text.

    >>> rfc3339(0)
    '1970-01-01T00:00:00Z'
    """
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


class Transaction:
    """Hold what is staged for one collection, or what became of it. Used under its ``lock``."""

    def __init__(self, id: str, collection: str, uid: str, now: float, used: float) -> None:
        self.id = id
        self.collection = collection
        self.uid = uid
        self.lock = threading.RLock()
        self.outcome: Outcome = "open"
        self.created_at = self.updated_at = now
        self.used = used
        self.changes: list[Change] = []
        self.upserted = 0
        self.deleted = 0
        self.seconds = 0.0
        """How long the commit took."""
        self.number: int | None = None
        """Of the commit."""

    def stage(self, change: Change, now: float) -> None:
        """Add a change to those that a commit will carry out."""
        if change.ids:
            self.changes.append(change)
            if isinstance(change, Batch):
                self.upserted += len(change.ids)
            else:
                self.deleted += len(change.ids)
            self.updated_at = now

    def end(self, outcome: Outcome, now: float) -> None:
        """Note the outcome and let go of what was staged."""
        self.outcome = outcome
        self.updated_at = now
        self.changes = []

    def status(self) -> dict[str, Any]:
        """Return how far the transaction has come, as Cosdata reports it."""
        if self.outcome != "committed":
            message = "Indexing has not started yet." if self.outcome == "open" else f"The transaction {self.outcome}."
            return {"status": "not_started", "message": message, "last_updated": rfc3339(self.updated_at)}
        total = self.upserted + self.deleted
        stats = {
            "records_upserted": self.upserted,
            "records_deleted": self.deleted,
            "total_operations": total,
            "percentage_complete": 100.0,
            "processing_time_seconds": self.seconds,
            "average_throughput": total / self.seconds if self.seconds > 0 else None,
            "version_created": self.number,
        }
        times = {"started_at": rfc3339(self.created_at), "last_updated": rfc3339(self.updated_at)}
        return {"status": "complete", "stats": stats, **times}


class Transactions:
    """Know the transactions by their ids. Safe for threads."""

    def __init__(self, timeout: float, clock: Callable[[], float], now: Callable[[], float]) -> None:
        self.timeout = timeout
        self._clock = clock
        self._now = now
        self._mutex = threading.Lock()
        self._open: dict[str, Transaction] = {}
        """By the collection's uid."""
        self._known: OrderedDict[str, Transaction] = OrderedDict()
        """By id: those that are open, and the last ones that ended."""

    def create(self, collection: str, uid: str) -> Transaction:
        """Open a transaction; raises ``ConflictError`` if the collection has one that is open."""
        with self._mutex:
            for other in list(self._open.values()):
                self._expire(other)
            if uid in self._open:
                raise ConflictError(
                    f"There is an on-going transaction! Commit or abort {self._open[uid].id} of '{collection}' first;"
                    f" it ends by itself when it is not used for {self.timeout:g} seconds"
                )
            while (id := f"0x{secrets.randbits(32):08X}") in self._known:
                continue
            transaction = Transaction(id, collection, uid, self._now(), self._clock())
            self._open[uid] = self._known[id] = transaction
            self._forget()
            return transaction

    def _forget(self) -> None:
        ended = [id for id, transaction in self._known.items() if transaction.outcome != "open"]
        for id in ended[: max(0, len(ended) - _REMEMBERED)]:
            del self._known[id]

    def known(self, uid: str, id: Any) -> Transaction:
        """Return a transaction of a collection, be it open or not; raises ``NotFoundError`` if there is none."""
        if not isinstance(id, str) or not _ID.fullmatch(id):
            raise NotFoundError(f"Transaction Not Found! {id!r} is no id of a transaction: 0x and 8 hexadecimal digits")
        with self._mutex:
            transaction = self._known.get(f"0x{id[2:].upper()}")
            if transaction is not None:
                self._expire(transaction)
        if transaction is None or transaction.uid != uid:
            raise NotFoundError(f"Transaction Not Found! The collection has none with the id {id}", status=400)
        return transaction

    def _expire(self, transaction: Transaction) -> None:
        """End a transaction whose time is over, unless somebody is using it right now."""
        if transaction.outcome != "open" or self._clock() - transaction.used <= self.timeout:
            return
        if transaction.lock.acquire(blocking=False):
            try:
                self._end(transaction, "timed out")
            finally:
                transaction.lock.release()

    def require_open(self, transaction: Transaction) -> None:
        """Note that a transaction is used, under its lock; raises ``NotFoundError`` if it has ended."""
        if transaction.outcome != "open":
            ending = _ENDINGS[transaction.outcome].format(timeout=self.timeout)
            raise NotFoundError(f"Transaction Not Found! {transaction.id} has ended: {ending}", status=400)
        transaction.used = self._clock()

    def end(self, transaction: Transaction, outcome: Outcome) -> None:
        """End a transaction, under its lock, so that its collection may have another."""
        with self._mutex:
            self._end(transaction, outcome)

    def _end(self, transaction: Transaction, outcome: Outcome) -> None:
        transaction.end(outcome, self._now())
        if self._open.get(transaction.uid) is transaction:
            del self._open[transaction.uid]

    def open_of(self, uid: str) -> Transaction | None:
        """Return the transaction of a collection that is open, if there is one."""
        with self._mutex:
            return self._open.get(uid)
