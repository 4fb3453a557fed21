"""Revisions: what vectors were before they changed, kept for the versions that see them.

A present point becomes a past one when it changes while a version sees it, and again a present one when that version
is made current. The ids of past points follow from those of vectors, so that doing it twice does no harm.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from quiverdb.cosdata.service.changes import compared
from quiverdb.cosdata.service.layout import (
    DENSE,
    PAST,
    PAST_DENSE,
    PAST_SPARSE,
    PAST_TOKENS,
    RAW,
    SPARSE,
    TOKENS,
    DenseIndex,
    past_id,
    point_id,
)
from quiverdb.cosdata.service.state import State
from quiverdb.database import Database, ScrollRequest, pages
from quiverdb.model.filter import Condition, Filter, Range
from quiverdb.model.point import DenseColumn, Payload, Points, VectorColumn
from quiverdb.model.query import Select
from quiverdb.model.result import Record

__all__ = [
    "archived",
    "born_after",
    "past_at",
    "payload_of",
    "present_at",
    "revived",
    "seen_only_by",
    "stored_vectors",
    "walk",
]

_PAGE = 1000


def stored_vectors(state: State, *, past: bool = False) -> tuple[str, ...]:
    """Return the names of the vectors that hold what was given."""
    sparse = PAST_SPARSE if past else SPARSE
    return (RAW, sparse) if state.settings.dense_enabled else (sparse,)


def payload_of(record: Record) -> Payload:
    """Return what a point says of its vector, whether it is present or past."""
    payload = record.payload or {}
    past: Payload | None = payload.get(PAST)
    return payload if past is None else past


def born_after(number: int) -> Filter:
    """Let the present points through that are later than a state."""
    return Filter(must=(Range("born", gt=float(number)),))


def present_at(number: int, *more: Condition | None) -> Filter:
    """Return the filter for the present points that version ``number`` holds, and that pass the other conditions."""
    return Filter(must=(Range("born", lte=float(number)), *_given(more)))


def past_at(number: int, *more: Condition | None) -> Filter:
    """Return the filter for the past points that version ``number`` holds, and that pass the other conditions."""
    alive = Range(f"{PAST}.born", lte=float(number)), Range("died", gt=float(number))
    return Filter(must=(*alive, *_given(more)))


def _given(conditions: Sequence[Condition | None]) -> tuple[Condition, ...]:
    return tuple(condition for condition in conditions if condition is not None)


def seen_only_by(state: State, number: int) -> Filter:
    """Let the past points through that no version but one sees."""
    numbers = [named.number for named in state.head.versions]
    place = numbers.index(number)
    born = Range(f"{PAST}.born", gt=None if place == 0 else float(numbers[place - 1]), lte=float(number))
    died = Range("died", gt=float(number), lte=None if place == len(numbers) - 1 else float(numbers[place + 1]))
    return Filter(must=(born, died))


def walk(
    database: Database,
    name: str,
    filter: Filter | None,
    vectors: tuple[str, ...] = (),
    payload: bool | Select = True,
    page: int = _PAGE,
) -> Iterator[list[Record]]:
    """Return all points that a filter lets through, page by page."""
    return pages(database, name, ScrollRequest(filter, page, with_payload=payload, with_vectors=vectors or False))


def archived(database: Database, state: State, ids: Sequence[str], number: int, page: int) -> list[Points]:
    """Return past points for the present ones among ``ids`` that a version sees, to be stored by commit ``number``.

    They come in pages of so many points.
    """
    if not state.head.versions:
        return []
    last = state.head.versions[-1].number
    points = [point_id(id) for id in ids]
    born = database.retrieve(state.name, points, with_payload=Select(include=("born",)))
    old = [record.id for record in born if (record.payload or {})["born"] <= last]
    vectors = stored_vectors(state)
    pages = (old[start : start + page] for start in range(0, len(old), page))
    return [_past(state, database.retrieve(state.name, ids, with_vectors=vectors), number) for ids in pages]


def _past(state: State, records: Sequence[Record], number: int) -> Points:
    payloads: list[Payload] = []
    for record in records:
        payload = dict(record.payload or {})
        tokens = {PAST_TOKENS: payload.pop(TOKENS)} if TOKENS in payload else {}
        payloads.append({PAST: payload, **tokens, "died": number})
    ids = [past_id(payload[PAST]["id"], payload[PAST]["born"]) for payload in payloads]
    return Points(ids, _columns(records, SPARSE, PAST_SPARSE, PAST_DENSE, state.settings.dense), payloads)


def revived(state: State, records: Sequence[Record], number: int) -> Points:
    """Return present points for past ones, to be stored by commit ``number``."""
    payloads: list[Payload] = []
    for record in records:
        payload = {**payload_of(record), "born": number}
        if record.payload and PAST_TOKENS in record.payload:
            payload[TOKENS] = record.payload[PAST_TOKENS]
        payloads.append(payload)
    ids = [point_id(payload["id"]) for payload in payloads]
    return Points(ids, _columns(records, PAST_SPARSE, SPARSE, DENSE, state.settings.dense), payloads)


def _columns(
    records: Sequence[Record], sparse: str, new_sparse: str, new_dense: str, index: DenseIndex | None
) -> dict[str, VectorColumn]:
    """Return the vectors of records by their new names."""
    columns: dict[str, VectorColumn] = {}
    found = [record.vectors or {} for record in records]
    positions = np.array([position for position, vectors in enumerate(found) if RAW in vectors], np.int64)
    if len(positions):
        rows = np.array([found[position][RAW] for position in positions], np.float32)
        columns[RAW] = DenseColumn(rows, positions)
        if index is not None:
            columns[new_dense] = DenseColumn(compared(index, rows), positions)
    if any(sparse in vectors for vectors in found):
        columns[new_sparse] = [vectors.get(sparse) for vectors in found]
    return columns
