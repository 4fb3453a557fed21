"""Operations that write vectors: through transactions, and at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from reprlib import repr as short
from typing import Any

from quiverdb.cosdata.errors import ValidationError
from quiverdb.cosdata.operations import Arguments
from quiverdb.cosdata.service.changes import Change, Removal
from quiverdb.cosdata.service.commits import changing, commit, current
from quiverdb.cosdata.service.context import Context
from quiverdb.cosdata.service.failures import required
from quiverdb.cosdata.service.staging import read_id, staged
from quiverdb.cosdata.service.state import State
from quiverdb.cosdata.service.transactions import Transaction, rfc3339

__all__ = ["WRITES", "commit_together"]


def _create(context: Context, state: State, _: Arguments) -> dict[str, Any]:
    transaction = context.transactions.create(state.name, state.settings.uid)
    return {"transaction_id": transaction.id, "created_at": rfc3339(transaction.created_at)}


def _named(context: Context, state: State, arguments: Arguments) -> Transaction:
    return context.transactions.known(state.settings.uid, required(arguments, "transaction_id"))


def _stage(context: Context, transaction: Transaction, change: Change) -> None:
    with transaction.lock:
        context.transactions.require_open(transaction)
        transaction.stage(change, context.now())


def _upsert(context: Context, state: State, arguments: Arguments) -> None:
    transaction = _named(context, state, arguments)
    _stage(context, transaction, staged(state.settings, required(arguments, "vectors")))


def _add(context: Context, state: State, arguments: Arguments) -> None:
    transaction = _named(context, state, arguments)
    _stage(context, transaction, staged(state.settings, [required(arguments, "vector")]))


def _delete(context: Context, state: State, arguments: Arguments) -> None:
    transaction = _named(context, state, arguments)
    _stage(context, transaction, Removal([read_id(required(arguments, "id"))]))


def _commit(context: Context, state: State, arguments: Arguments) -> None:
    _commit_all(context, [(state, _named(context, state, arguments))])


def _abort(context: Context, state: State, arguments: Arguments) -> None:
    transaction = _named(context, state, arguments)
    with transaction.lock:
        context.transactions.require_open(transaction)
        context.transactions.end(transaction, "aborted")


def _status(context: Context, state: State, arguments: Arguments) -> dict[str, Any]:
    return _named(context, state, arguments).status()


def commit_together(context: Context, arguments: Arguments) -> None:
    """Commit transactions of several collections, all or none."""
    named = required(arguments, "transactions")
    if not isinstance(named, Sequence) or not all(isinstance(item, Mapping) for item in named):
        raise ValidationError(
            f'`transactions` is a list of objects with "collection" and "transaction_id", got {short(named)}'
        )
    parts: dict[str, tuple[State, Transaction]] = {}
    for item in named:
        state = current(context, required(item, "collection"))
        transaction = _named(context, state, item)
        if transaction.id in parts:
            raise ValidationError(f"the transaction {transaction.id} is named twice")
        parts[transaction.id] = state, transaction
    _commit_all(context, [parts[id] for id in sorted(parts)])


def _commit_all(context: Context, parts: Sequence[tuple[State, Transaction]]) -> None:
    """Commit transactions, all or none; each is open and holds what it held if the attempt fails."""
    with ExitStack() as locks:
        for _, transaction in parts:
            locks.enter_context(transaction.lock)
            context.transactions.require_open(transaction)
        started = context.clock()

        def decided() -> None:
            for _, transaction in parts:
                transaction.seconds = context.clock() - started
                context.transactions.end(transaction, "committed")

        full = [(state, transaction) for state, transaction in parts if transaction.changes]
        with changing(context, [state for state, _ in full]) as states:
            for state, (_, transaction) in zip(states, full, strict=True):
                transaction.number = state.head.number + 1
            changes = [transaction.changes for _, transaction in full]
            commit(context, list(zip(states, changes, strict=True)), decided)


def _stream_upsert(context: Context, state: State, arguments: Arguments) -> None:
    _at_once(context, state, staged(state.settings, required(arguments, "vectors")))


def _stream_delete(context: Context, state: State, arguments: Arguments) -> None:
    _at_once(context, state, Removal([read_id(required(arguments, "id"))]))


def _at_once(context: Context, state: State, change: Change) -> None:
    if change.ids:
        with changing(context, [state]) as [now]:
            commit(context, [(now, [change])])


WRITES = {
    "create_transaction": _create,
    "upsert_in_transaction": _upsert,
    "add_to_transaction": _add,
    "delete_in_transaction": _delete,
    "commit": _commit,
    "abort": _abort,
    "transaction_status": _status,
    "stream_upsert": _stream_upsert,
    "stream_delete": _stream_delete,
}
