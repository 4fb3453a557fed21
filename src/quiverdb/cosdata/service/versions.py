"""Operations on versions: names of states, which cost nothing but their entry in the head."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from quiverdb.cosdata.errors import ValidationError
from quiverdb.cosdata.operations import Arguments
from quiverdb.cosdata.service.commits import apply, changing, rows_at_once, vectors_count
from quiverdb.cosdata.service.context import Context
from quiverdb.cosdata.service.failures import required
from quiverdb.cosdata.service.layout import NamedVersion
from quiverdb.cosdata.service.reading import in_one_state
from quiverdb.cosdata.service.revisions import (
    archived,
    born_after,
    past_at,
    payload_of,
    revived,
    seen_only_by,
    stored_vectors,
    walk,
)
from quiverdb.cosdata.service.state import State
from quiverdb.model.query import Select
from quiverdb.model.write import Delete, PointOperation, Upsert

__all__ = ["VERSIONS"]

T = TypeVar("T")


def _shown(version: NamedVersion) -> dict[str, Any]:
    return {
        "hash": version.number,
        "version_number": version.number,
        "timestamp": int(version.timestamp),
        "vector_count": version.count,
        "id": str(version.number),
        "description": version.description,
    }


def _present(context: Context, state: State) -> NamedVersion:
    """Return the version that is present; one without a description if it has no name."""
    for named in state.head.versions:
        if named.number == state.present:
            return named
    changed_at = state.head.changed_at or state.created_at
    return NamedVersion(state.head.number, vectors_count(context, state), changed_at)


def _in_one_state(read: Callable[[Context, State, Arguments], T]) -> Callable[[Context, State, Arguments], T]:
    return lambda context, state, arguments: in_one_state(context, state, lambda state: read(context, state, arguments))


def _list(context: Context, state: State, _: Arguments) -> dict[str, Any]:
    present = _present(context, state)
    unnamed = () if present in state.head.versions else (present,)
    return {
        "versions": [_shown(version) for version in (*state.head.versions, *unnamed)],
        "current_version": present.number,
        "current_hash": present.number,
    }


def _current(context: Context, state: State, _: Arguments) -> dict[str, Any]:
    return _shown(_present(context, state))


def _get(context: Context, state: State, arguments: Arguments) -> dict[str, Any]:
    version = required(arguments, "version")
    return _shown(_present(context, state) if state.at(version) is None else state.named(version))


def _create(context: Context, state: State, arguments: Arguments) -> dict[str, Any]:
    description = arguments.get("description")
    if description is not None and not isinstance(description, str):
        raise ValidationError(f"the description of a version is a string, got {description!r}")
    with changing(context, [state]) as [state]:
        head = state.head
        taken = bool(head.versions) and head.versions[-1].number == head.number
        number = head.number + taken
        version = NamedVersion(number, vectors_count(context, state), context.now(), description)
        head = msgspec.structs.replace(head, number=number, same_as=None, versions=(*head.versions, version))
        apply(context, state, [], [], head)
    return _shown(version)


def _set_current(context: Context, state: State, arguments: Arguments) -> dict[str, Any]:
    """Make the present state what a version is; what no version has of the present state is lost."""
    version = required(arguments, "version")
    with changing(context, [state]) as [state]:
        if state.at(version) is None:
            return _shown(_present(context, state))
        named = state.named(version)
        number = state.head.number + 1
        later = born_after(named.number)
        pages = walk(context.database, state.name, later, payload=Select(include=("id",)))
        ids = [payload_of(record)["id"] for page in pages for record in page]
        most = rows_at_once(context, state)
        past = archived(context.database, state, ids, number, most)
        old = walk(context.database, state.name, past_at(named.number), stored_vectors(state, past=True), page=most)
        writes: list[PointOperation] = [Delete(later), *(Upsert(revived(state, records, number)) for records in old)]
        head = msgspec.structs.replace(state.head, number=number, same_as=named.number, changed_at=context.now())
        apply(context, state, past, writes, head)
    return _shown(named)


def _delete(context: Context, state: State, arguments: Arguments) -> None:
    with changing(context, [state]) as [state]:
        named = state.named(required(arguments, "version"))
        gone = seen_only_by(state, named.number)
        head = msgspec.structs.replace(
            state.head,
            versions=tuple(version for version in state.head.versions if version != named),
            same_as=None if state.head.same_as == named.number else state.head.same_as,
            past=state.head.past - context.database.count(state.name, gone),
        )
        apply(context, state, [], [Delete(gone)], head)


VERSIONS = {
    "list_versions": _in_one_state(_list),
    "current_version": _in_one_state(_current),
    "get_version": _in_one_state(_get),
    "create_version": _create,
    "set_current_version": _set_current,
    "delete_version": _delete,
}
