"""Answers on one view of a collection: points are ranked, then what is shown of them is fetched."""

from __future__ import annotations

from collections.abc import Sequence

from pyroaring import BitMap

from quiverdb.engine.payload import select_each
from quiverdb.engine.ranker import Ranker
from quiverdb.engine.ranking import Ranking
from quiverdb.engine.source import Source, allowed
from quiverdb.engine.validate import check_names
from quiverdb.engine.view import Domain, View
from quiverdb.model.filter import Filter
from quiverdb.model.point import Payload, VectorValue
from quiverdb.model.query import (
    PayloadSelector,
    Query,
    Sample,
    Select,
    VectorSelector,
)
from quiverdb.model.result import Hit, Record

__all__ = ["Executor", "vectors_of"]


class Executor:
    """Answer queries over ``source`` as ``view`` shows it.

    ``StaleViewError`` tells that a write came in between, so that the caller starts again on a newer view.
    """

    def __init__(self, source: Source, view: View) -> None:
        self.source = source
        self.view = view

    def hits(self, query: Query, ranking: Ranking | None = None) -> list[Hit]:
        """Answer a query with points, ranked already or not."""
        sampled = isinstance(query.kind, Sample) and not query.prefetch
        offset = 0 if sampled else query.offset  # as in Qdrant: any part of a sample is as good
        if ranking is None:
            ranking = self.rank(query, query.limit + offset)
        return self.present(ranking.page(offset, query.limit), query.with_payload, query.with_vectors)

    def present(self, ranking: Ranking, with_payload: PayloadSelector, with_vectors: VectorSelector) -> list[Hit]:
        """Fetch what is shown of the points of a ranking."""
        view = self.view
        _check_names(view, with_vectors)
        offsets = ranking.offsets.tolist()
        versions = view.rows["version"][ranking.offsets].tolist()
        payloads = _payloads(view, offsets, with_payload)
        keys = view.shard_keys(offsets)
        values = ranking.order_values
        return [
            Hit(
                view.ids[offset],
                version,
                score,
                payload,
                vectors_of(view, offset, with_vectors) if with_vectors else None,
                None if values is None else values[position],
                key,
            )
            for position, (offset, version, score, payload, key) in enumerate(
                zip(offsets, versions, ranking.scores.tolist(), payloads, keys, strict=True)
            )
        ]

    def rank(self, query: Query, k: int, excluded: BitMap | None = None) -> Ranking:
        """Rank the best ``k`` points, but for those ``excluded``."""
        return Ranker(self.source, self.view, query, excluded).rank(k)

    def allowed(self, filter: Filter | None) -> Domain:
        """Return the points that pass the filter."""
        return allowed(self.source, self.view, filter)

    def records(
        self,
        offsets: list[int],
        with_payload: PayloadSelector,
        with_vectors: VectorSelector,
        values: Sequence[int | float] | None = None,
    ) -> list[Record]:
        """Fetch what is shown of the points at ``offsets``."""
        view = self.view
        _check_names(view, with_vectors)
        payloads = _payloads(view, offsets, with_payload)
        keys = view.shard_keys(offsets)
        return [
            Record(
                view.ids[offset],
                int(view.rows["version"][offset]),
                payload,
                vectors_of(view, offset, with_vectors) if with_vectors else None,
                None if values is None else values[position],
                key,
            )
            for position, (offset, payload, key) in enumerate(zip(offsets, payloads, keys, strict=True))
        ]


def _payloads(view: View, offsets: list[int], selector: PayloadSelector) -> Sequence[Payload | None]:
    if selector is False:
        return [None] * len(offsets)
    payloads = view.payload_list(offsets)
    if isinstance(selector, Select):
        return select_each(payloads, selector)
    return payloads


def vectors_of(view: View, offset: int, selector: VectorSelector) -> dict[str, VectorValue]:
    """Return the chosen vectors of a point by name."""
    names = view.schema.slots if selector is True else selector or ()
    found = {}
    for name in names:
        if (vector := view.vector(name, offset)) is not None:
            found[name] = vector
    return found


def _check_names(view: View, selector: VectorSelector) -> None:
    if not isinstance(selector, bool):
        check_names(view.schema, selector)
