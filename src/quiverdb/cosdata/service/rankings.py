"""Rankings: questions about a collection go in, what they find comes out, best first.

Questions of all kinds go to the database together. About a version two queries are made of one: among the present
points that it holds, and among the past ones; their scores can be compared. Equal scores are put in order by id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from quiverdb.cosdata.service.layout import PAST
from quiverdb.cosdata.service.past import texts_at
from quiverdb.cosdata.service.revisions import past_at, present_at
from quiverdb.cosdata.service.state import State
from quiverdb.database import Database
from quiverdb.model.filter import Filter
from quiverdb.model.query import Nearest, Query, SearchParams, Select, Text
from quiverdb.model.result import Hit

__all__ = ["Question", "Result", "ranked"]

Result: TypeAlias = dict[str, Any]
"""A vector that was found, as it is answered: ``id``, ``document_id``, ``score`` and ``text``."""

_Found: TypeAlias = Sequence[tuple[Mapping[str, Any], float]]
"""What the payloads of present points are, or were when they were present, and the scores that the database gives."""

_SMALLER_IS_NEARER = ("euclidean", "hamming")


class Question(msgspec.Struct, frozen=True, eq=False):
    """Ask for the best ``top_k`` vectors or texts."""

    kind: Nearest | Text | None
    """None where nothing can be found."""
    using: tuple[str, str]
    """The names of what present points and past ones are compared by."""
    top_k: int
    params: SearchParams = SearchParams()
    filters: tuple[Filter | None, Filter | None] = (None, None)
    """For present and for past points."""
    metric: str | None = None
    """Of the dense index, if that is asked."""


def ranked(
    database: Database, state: State, questions: Sequence[Question], number: int | None, *, raw: bool
) -> list[list[Result]]:
    """Answer questions about the present state, or about version ``number``; with ``raw`` texts are shown.

    The texts of a version are read in several steps, so the caller makes sure that nothing was committed meanwhile.
    """
    fields = ("id", "document_id", "text") if raw else ("id", "document_id")
    queries = [_queries(question, number, fields) for question in questions]
    together = [query for some in queries for query in some]
    hits = iter(database.query(state.name, together) if together else ())
    found = [_joined([next(hits) for _ in some]) for some in queries]
    if number is not None:
        for place, scored in _texts(database, state.name, questions, number).items():
            found[place] = scored
    size = state.settings.dimension
    return [
        _results(question, one, size, raw=raw, in_order=number is None)
        for question, one in zip(questions, found, strict=True)
    ]


def _queries(question: Question, number: int | None, fields: tuple[str, ...]) -> tuple[Query, ...]:
    """Return the queries that answer a question; none for texts of a version, which no index knows."""
    if question.kind is None or (number is not None and isinstance(question.kind, Text)):
        return ()
    (present, past), (now, then) = question.using, question.filters
    if number is None:
        return (_query(question, present, now, fields),)
    return (
        _query(question, present, present_at(number, now), fields),
        _query(question, past, past_at(number, then), tuple(f"{PAST}.{field}" for field in fields)),
    )


def _query(question: Question, using: str, filter: Filter | None, fields: tuple[str, ...]) -> Query:
    return Query(
        question.kind,
        using=using,
        filter=filter,
        params=question.params,
        limit=question.top_k,
        with_payload=Select(include=fields),
    )


def _joined(hits: Sequence[Sequence[Hit]]) -> _Found:
    """Return the hits among present points, and those among past ones, if they were asked for.

    A point may become a past one between two queries: it counts once. Those of other APIs have no id, and do not count.
    """
    found = [(hit.payload, hit.score) for some in hits[:1] for hit in some if hit.payload and "id" in hit.payload]
    if len(hits) > 1:
        seen = {payload["id"] for payload, _ in found}
        past = [((hit.payload or {})[PAST], hit.score) for hit in hits[1]]
        found += [(payload, score) for payload, score in past if payload["id"] not in seen]
    return found


def _texts(database: Database, collection: str, questions: Sequence[Question], number: int) -> Mapping[int, _Found]:
    """Return what is found among the texts of a version, by the place of the question."""
    asked = {place: one.kind for place, one in enumerate(questions) if isinstance(one.kind, Text)}
    return dict(zip(asked, texts_at(database, collection, number, list(asked.values())), strict=True)) if asked else {}


def _results(question: Question, found: _Found, size: int, *, raw: bool, in_order: bool) -> list[Result]:
    """Return results, best first; what is ``in_order`` lacks nothing but that of equal scores."""
    if question.metric == "hamming":  # of signs, from their inner product
        found = [(payload, (size - score) / 2) for payload, score in found]
    results = [
        {
            "id": payload["id"],
            "document_id": payload.get("document_id"),
            "score": score,
            "text": payload.get("text") if raw else None,
        }
        for payload, score in found
    ]
    if not in_order or len({score for _, score in found}) < len(found):
        sign = 1 if question.metric in _SMALLER_IS_NEARER else -1
        results.sort(key=lambda result: (sign * result["score"], result["id"]))
    return results[: question.top_k]
