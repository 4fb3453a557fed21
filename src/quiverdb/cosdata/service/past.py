"""Former states: the ranking of the texts that a version holds.

A ranking by BM25 depends on all texts of a state: how many there are, how long they are, and in how many of them a
token occurs. An index knows this of the present texts alone, so for a version it is counted anew.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from quiverdb.cosdata.service.layout import PAST, PAST_TOKENS, TOKENS
from quiverdb.cosdata.service.revisions import past_at, present_at, walk
from quiverdb.database import Database
from quiverdb.model.filter import Filter, MatchText
from quiverdb.model.query import FacetQuery, Select, Text

__all__ = ["texts_at"]

_LENGTHS = 1_000_000
"""More lengths than texts will ever have."""
_FIELDS = ("id", "document_id", "text", "length")


class _Text(msgspec.Struct, frozen=True):
    """Hold what a ranking needs of a text: the payload of its vector, and how often it has each token of the query."""

    payload: Mapping[str, Any]
    counts: Counter[str]
    length: int


def texts_at(
    database: Database, collection: str, number: int, queries: Sequence[Text]
) -> list[list[tuple[Mapping[str, Any], float]]]:
    """Return, for each query, the payloads of the texts of a version that have one of its tokens, with their scores.

    They are in no order. The caller makes sure that nothing was committed meanwhile.
    """
    total, average = _statistics(database, collection, number)
    return [_scored(_having(database, collection, number, query), query, total, average) for query in queries]


def _statistics(database: Database, collection: str, number: int) -> tuple[int, float]:
    """Return how many texts a version holds, and how many tokens they have on average."""
    lengths = Counter[int]()
    for key, filter in (("length", present_at(number)), (f"{PAST}.length", past_at(number))):
        for hit in database.facet(collection, FacetQuery(key, filter, _LENGTHS, exact=True)):
            lengths[int(hit.value)] += hit.count
    lengths.pop(0, None)  # a text without tokens counts as none
    total = lengths.total()
    return total, sum(length * count for length, count in lengths.items()) / max(total, 1)


def _scored(texts: Sequence[_Text], query: Text, total: int, average: float) -> list[tuple[Mapping[str, Any], float]]:
    having = Counter(token for text in texts for token in text.counts)
    weights = {token: math.log(1 + (total - n + 0.5) / (n + 0.5)) for token, n in having.items()}

    def score(text: _Text) -> float:
        damping = query.k * (1 - query.b + query.b * text.length / average)
        return sum(weights[token] * n * (query.k + 1) / (n + damping) for token, n in sorted(text.counts.items()))

    return [(text.payload, score(text)) for text in texts]


def _having(database: Database, collection: str, number: int, query: Text) -> list[_Text]:
    """Return the texts of a version that have one of the tokens of a query."""
    wanted = frozenset(query.text.split(" "))
    present = present_at(number, MatchText(TOKENS, query.text, "any"))
    past = past_at(number, MatchText(PAST_TOKENS, query.text, "any"))
    now = *_FIELDS, TOKENS
    then = *(f"{PAST}.{field}" for field in _FIELDS), PAST_TOKENS
    found = [(payload, payload[TOKENS]) for payload in _payloads(database, collection, present, now)]
    found += [(payload[PAST], payload[PAST_TOKENS]) for payload in _payloads(database, collection, past, then)]
    texts = [
        _Text(payload, Counter(token for token in text.split(" ") if token in wanted), payload["length"])
        for payload, text in found
    ]
    return [text for text in texts if text.counts]


def _payloads(
    database: Database, collection: str, filter: Filter, fields: tuple[str, ...]
) -> Iterator[Mapping[str, Any]]:
    for records in walk(database, collection, filter, payload=Select(include=fields)):
        yield from (record.payload or {} for record in records)
