"""Search by keywords: by BM25 where fields have full text search, otherwise by meaning and then by what matches.

``semantic_then_match`` finds rows by their vectors and scores them anew: the number of keywords in the text, plus
``atan(ann_score) / pi + 0.5``. It orders rows and leaves none out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from quiverdb.vikingdb.operations import Payload
from quiverdb.vikingdb.service.candidates import Candidate, best_first
from quiverdb.vikingdb.service.context import Context
from quiverdb.vikingdb.service.layout import FullText, Schema
from quiverdb.vikingdb.service.reading import check_keys, choice, flag, invalid, listing, mapping, missing, number, text
from quiverdb.vikingdb.service.recall import Recall, Wanted, by_keywords
from quiverdb.vikingdb.service.tokens import placed_tokens

__all__ = ["KEYS", "Keywords", "matching", "read_keywords"]

KEYS = (
    "keywords", "query", "mode", "case_sensitive", "fields", "fields_weights", "highlight", "bm25_k1", "bm25_b",
)  # fmt: skip
_MOST, _MOST_BYTES = 10, 512
_MODES = ("bm25", "semantic_then_match")
_K1, _B = 1.25, 0.75
_DEEPER, _AT_LEAST = 3, 100


class Keywords(msgspec.Struct, frozen=True):
    """Hold what a search by keywords is asked: by ``fields`` the words that count there, and how they are found."""

    mode: str
    words: Mapping[str, tuple[str, ...]]
    text: str
    highlighted: bool
    case_sensitive: bool = False
    full_text: Mapping[str, FullText] = {}
    weights: Mapping[str, float] = {}
    k1: float = _K1
    b: float = _B

    def recall(self) -> Recall:
        """Return what finds rows by BM25."""
        return by_keywords(self.words, self.weights, k1=self.k1, b=self.b)

    def highlights(self, payload: Mapping[str, Any]) -> dict[str, dict[str, list[int]]]:
        """Return at which characters of which field the words begin."""
        found = {field: self._places(field, payload.get(field)) for field in self.words}
        return {field: places for field, places in found.items() if places}

    def _places(self, field: str, value: Any) -> dict[str, list[int]]:
        places: dict[str, list[int]] = {}
        if not isinstance(value, str):
            return places
        if self.mode == "bm25":
            wanted = set(self.words[field])
            for token, start in placed_tokens(self.full_text[field], value):
                if token in wanted:
                    places.setdefault(token, []).append(start)
            return places
        value = value if self.case_sensitive else value.lower()
        for word in self.words[field]:
            if starts := _starts(value, word if self.case_sensitive else word.lower()):
                places[word] = starts
        return places


def read_keywords(schema: Schema, payload: Payload) -> Keywords:
    """Return what a search by keywords is asked for.

    Raises ``InvalidParameter`` and ``MissingParameter`` for words beyond the limits, and for a mode that the collection
    is not made for.
    """
    words = _words(payload)
    mode = _mode(schema, payload)
    highlight = mapping(_given(payload, "highlight", {}), "highlight")
    check_keys(highlight, ("enable",), "highlight")
    highlighted = flag(highlight.get("enable", False), "highlight.enable")
    case_sensitive = flag(_given(payload, "case_sensitive", usual=False), "case_sensitive")
    if mode == "semantic_then_match":
        field = _text_field(schema)
        return Keywords(mode, {field: words}, _query(payload, words), highlighted, case_sensitive)
    full_text = _fields(schema, payload)
    return Keywords(
        mode,
        {field: _tokens(about, payload, words) for field, about in full_text.items()},
        _query(payload, words),
        highlighted,
        case_sensitive,
        full_text,
        _weights(payload, full_text),
        _k1(payload),
        number(_given(payload, "bm25_b", _B), "bm25_b", 0, 1),
    )


def matching(keywords: Keywords, recall: Recall) -> Recall:
    """Return what finds rows by meaning and puts those first that have most of the keywords in their text."""
    [(field, words)] = keywords.words.items()
    sensitive = keywords.case_sensitive
    wanted = words if sensitive else tuple(word.lower() for word in words)

    def found(context: Context, schema: Schema, asked: Wanted) -> list[Candidate]:
        last = asked.offset + asked.limit
        candidates = recall(
            context, schema, msgspec.structs.replace(asked, limit=max(_DEEPER * last, _AT_LEAST), offset=0)
        )
        for one in candidates:
            value = str(one.payload.get(field) or "")
            value = value if sensitive else value.lower()
            matches = sum(word in value for word in wanted)
            one.score = matches + math.atan(one.score) / math.pi + 0.5
        return best_first(candidates)[asked.offset : last]

    return found


def _given(payload: Payload, key: str, usual: Any) -> Any:
    value = payload.get(key)
    return usual if value is None else value


def _words(payload: Payload) -> tuple[str, ...]:
    """Return the keywords that are listed, or that stand in a query between spaces."""
    keywords, query = payload.get("keywords"), payload.get("query")
    if keywords is not None and query is not None:
        raise invalid("keywords and query cannot both be given")
    if keywords is None and query is None:
        raise missing("keywords or query")
    if query is not None:
        _check_size([text(query, "query")], "query")
        words = tuple(word for word in query.split(" ") if word)[:_MOST]
        if not words:
            raise invalid("query must not be empty")
        return tuple(dict.fromkeys(words))
    given = listing(keywords, "keywords", least=1, most=_MOST)
    found = [text(word, f"keywords[{i}]") for i, word in enumerate(given)]
    _check_size(found, "keywords")
    return tuple(dict.fromkeys(found))


def _check_size(words: Sequence[str], name: str) -> None:
    size = sum(len(word.encode()) for word in words)
    if size > _MOST_BYTES:
        raise invalid(f"{name} takes at most {_MOST_BYTES} bytes, got {size}")


def _query(payload: Payload, words: Sequence[str]) -> str:
    query: str | None = payload.get("query")
    return " ".join(words) if query is None else query


def _mode(schema: Schema, payload: Payload) -> str:
    """Return how to search: as asked, or as the collection is made for."""
    vectorized = schema.dense is not None and schema.dense.text_field is not None
    possible = [mode for mode, fit in zip(_MODES, (bool(schema.full_text), vectorized), strict=True) if fit]
    if not possible:
        raise invalid("search by keywords needs a collection with FullText, or one with Vectorize on a text field")
    mode = choice(_given(payload, "mode", possible[0]), "mode", _MODES)
    if mode not in possible:
        needed = "FullText" if mode == "bm25" else "Vectorize on a text field"
        raise invalid(f"the mode {mode} needs a collection with {needed}")
    return mode


def _text_field(schema: Schema) -> str:
    if schema.dense is None or schema.dense.text_field is None:
        raise invalid("the mode semantic_then_match needs a collection with Vectorize on a text field")
    return schema.dense.text_field


def _fields(schema: Schema, payload: Payload) -> dict[str, FullText]:
    known = {full_text.field: full_text for full_text in schema.full_text}
    given = _given(payload, "fields", None)
    if given is None:
        return known
    names = [text(name, f"fields[{i}]") for i, name in enumerate(listing(given, "fields", least=1))]
    return {name: _known(name, known, "fields") for name in names}


def _weights(payload: Payload, known: Mapping[str, FullText]) -> dict[str, float]:
    given = mapping(_given(payload, "fields_weights", {}), "fields_weights")
    for name in given:
        _known(name, known, "fields_weights")
    found = {name: number(weight, f"fields_weights[{name!r}]", 0) for name, weight in given.items()}
    if not all(map(math.isfinite, found.values())):
        raise invalid("fields_weights must be finite")
    return found


def _known(name: str, known: Mapping[str, FullText], where: str) -> FullText:
    if name not in known:
        raise invalid(f"{where}: {name!r} is no field with FullText; there {_are(known)}")
    return known[name]


def _are(known: Mapping[str, FullText]) -> str:
    return f"{'is' if len(known) == 1 else 'are'} {', '.join(known)}"


def _k1(payload: Payload) -> float:
    k1 = number(_given(payload, "bm25_k1", _K1), "bm25_k1")
    if not 0 < k1 < math.inf:
        raise invalid(f"bm25_k1 must be above 0 and finite, got {k1}")
    return k1


def _tokens(full_text: FullText, payload: Payload, words: Sequence[str]) -> tuple[str, ...]:
    """Return what is searched for in a field: the tokens of the keywords, or those of the query's first ten words."""
    query = payload.get("query")
    if query is None:
        return tuple(dict.fromkeys(token for word in words for token, _ in placed_tokens(full_text, word)))
    placed = placed_tokens(full_text, query)
    starts = sorted({start for _, start in placed})[:_MOST]
    return tuple(dict.fromkeys(token for token, start in placed if start in starts))


def _starts(value: str, word: str) -> list[int]:
    found, at = [], value.find(word)
    while at >= 0:
        found.append(at)
        at = value.find(word, at + 1)
    return found
