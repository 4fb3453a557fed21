"""Commits: a change of one collection is one write of the database, in which the head gets the number of the commit.

Changes of several collections go to the journal first, with the numbers that their commits will have. From then on
they are decided: each is carried out, now or when the journal is read again, and readers wait in between. A Qdrant
server applies a write piece by piece, so there every commit takes this way, and the head is written last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from quiverdb.cosdata.errors import ServerError
from quiverdb.cosdata.service import journal
from quiverdb.cosdata.service.changes import Change, operations, touched
from quiverdb.cosdata.service.context import Context
from quiverdb.cosdata.service.journal import Part
from quiverdb.cosdata.service.layout import HEAD, Head
from quiverdb.cosdata.service.revisions import archived
from quiverdb.cosdata.service.state import State, load_state, unknown
from quiverdb.errors import NotFoundError as MissingError
from quiverdb.model.filter import Filter, Range
from quiverdb.model.point import Points
from quiverdb.model.write import OverwritePayload, PointOperation, Upsert

__all__ = ["apply", "changing", "commit", "current", "recover", "rows_at_once", "vectors_count"]

_WRITE_BYTES, _REQUEST_BYTES = 64 << 20, 4 << 20
"""How large writes of a part of the points become, about: here, and as requests to a server."""
_FLOAT_BYTES, _TEXT_BYTES = 4, 40
"""Of a component of a vector: here, and as text, as it was given and as it is compared."""


def rows_at_once(context: Context, state: State) -> int:
    """Return how many points to write at once where they need not be written together."""
    most = _WRITE_BYTES // _FLOAT_BYTES if context.atomic else _REQUEST_BYTES // _TEXT_BYTES
    return max(1, most // (state.settings.dimension + 16))


def vectors_count(context: Context, state: State) -> int:
    """Return how many vectors the present state has."""
    return context.database.count(state.name) - state.head.past - state.stored


def current(context: Context, name: str, *, headless: bool = False) -> State:
    """Return the state of a collection once readers see nothing half done; ``errors.NotFoundError`` if there is none.

    For ``headless`` see ``load_state``.
    """
    while True:
        if context.unfinished:
            recover(context)
        state = load_state(context.database, name, headless=headless)
        if not context.gate.wait(state.settings.uid):
            return state


@contextmanager
def changing(context: Context, states: Sequence[State]) -> Iterator[list[State]]:
    """Keep others from changing collections, and tell how these are now; ``errors.NotFoundError`` if one is gone."""
    while True:
        with context.locked([state.settings.uid for state in states]):
            if not context.unfinished:
                yield [_renewed(context, state) for state in states]
                return
        recover(context)


def _renewed(context: Context, state: State) -> State:
    found = load_state(context.database, state.name)
    if found.settings.uid != state.settings.uid:
        raise unknown(state.name)
    return found


def commit(
    context: Context, parts: Sequence[tuple[State, Sequence[Change]]], decided: Callable[[], None] = lambda: None
) -> None:
    """Carry out the changes of collections, all or none, within ``changing``; ``decided`` is called when they are sure.

    Raises ``ServerError`` if something fails after that: then the rest is carried out before the next operation.
    """
    if not parts or (len(parts) == 1 and context.atomic):
        for state, changes in parts:
            _commit(context, state, changes)
        decided()
        return
    entry = [Part(state.name, state.settings.uid, state.head.number + 1, changes) for state, changes in parts]
    with context.gate.closed([part.uid for part in entry]):
        name = journal.write(context.database, entry)
        try:
            decided()
            for state, changes in parts:
                _commit(context, state, changes)
            journal.remove(context.database, name)
        except Exception as error:
            context.leave()
            told = "the commit is decided and will be finished before the next operation"
            raise ServerError(f"{told}: {error}") from error
        except BaseException:
            context.leave()
            raise


def recover(context: Context) -> None:
    """Carry out what the journal holds and nobody else is carrying out; return when that is done, by whomever."""
    with context.recovery:
        left = context.left
        if context.finished == left:
            return
        for entry, parts in journal.entries(context.database):
            with context.locked([part.uid for part in parts]), context.gate.closed([part.uid for part in parts]):
                for part in parts:
                    _finish(context, part)
                journal.remove(context.database, entry)
        context.finished = left


def _finish(context: Context, part: Part) -> None:
    """Carry out a part of an entry, unless it is done or its collection is gone."""
    try:
        state = load_state(context.database, part.collection)
    except MissingError:
        return
    if state.settings.uid == part.uid and state.head.number < part.number:
        _commit(context, state, part.changes)


def _commit(context: Context, state: State, changes: Sequence[Change]) -> None:
    number = state.head.number + 1
    most = rows_at_once(context, state)
    past = archived(context.database, state, touched(changes), number, most)
    head = msgspec.structs.replace(
        state.head,
        number=number,
        same_as=None,
        transactions=state.head.transactions + 1,
        records=state.head.records + sum(len(change.ids) for change in changes),
        changed_at=context.now(),
    )
    apply(context, state, past, operations(changes, state.settings, number, None if context.atomic else most), head)


def apply(
    context: Context, state: State, past: Sequence[Points], writes: Iterable[PointOperation], head: Head
) -> State:
    """Store past points, carry out writes, and put the head in its place; return the state after that."""
    steps: list[PointOperation] = [*map(Upsert, past), *writes]
    if context.atomic:
        head = msgspec.structs.replace(head, past=head.past + sum(len(points.ids) for points in past))
        context.database.write(state.name, [*steps, _placed(state, head)])
    else:
        for step in steps:
            context.database.write(state.name, [step])
        gone = context.database.count(state.name, Filter(must=(Range("died", gte=0.0),)))
        head = msgspec.structs.replace(head, past=gone)
        context.database.write(state.name, [_placed(state, head)])
    return msgspec.structs.replace(state, head=head, stored=True)


def _placed(state: State, head: Head) -> PointOperation:
    payload: dict[str, Any] = {"head": msgspec.to_builtins(head)}
    return OverwritePayload((HEAD,), payload) if state.stored else Upsert(Points([HEAD], {}, [payload]))
