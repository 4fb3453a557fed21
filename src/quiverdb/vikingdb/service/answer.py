"""Answers: from a recall to the result of a search."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from quiverdb.model.query import PayloadSelector, Select, VectorSelector
from quiverdb.packing import shortest
from quiverdb.vikingdb.service.asked import Asked
from quiverdb.vikingdb.service.candidates import Candidate
from quiverdb.vikingdb.service.context import Context
from quiverdb.vikingdb.service.keywords import Keywords
from quiverdb.vikingdb.service.layout import PK, RAW, Schema
from quiverdb.vikingdb.service.recall import Recall, Wanted
from quiverdb.vikingdb.service.rerank import Report, Rerank
from quiverdb.vikingdb.service.rows import fields_of, is_row, key_of
from quiverdb.vikingdb.service.state import stored_name

__all__ = ["Extras", "answered"]

_LARGE = ("sparse_vector", "tensor")
"""Types of fields that are shown only if they are named."""


class Extras(msgspec.Struct, frozen=True):
    """Hold what only some searches have: reranking, the use of models, more results, keywords, a field looked at."""

    reranks: Sequence[Rerank] = ()
    used: Mapping[str, Mapping[str, int]] = {}
    shown: Mapping[str, Any] = {}
    keywords: Keywords | None = None
    looks_at: tuple[str, ...] = ()


_NO_EXTRAS = Extras()


def answered(
    context: Context, schema: Schema, asked: Asked, recall: Recall, extras: Extras = _NO_EXTRAS
) -> Mapping[str, Any]:
    """Return the result of a search: what is recalled goes through all that comes after it."""
    began = time.perf_counter()
    payload, vectors = _selected(schema, asked, extras)
    if asked.process is None and not extras.reranks:
        report = Report()
        wanted = Wanted(asked.filter, asked.limit, asked.offset, payload, vectors)
        page = _rows(recall(context, schema, wanted))
    else:
        wanted = Wanted(asked.filter, _depth(asked, extras), 0, payload, vectors)
        page, report = _refined(asked, _rows(recall(context, schema, wanted)), extras)
    shown = _Shown(schema, asked, extras.keywords)
    result: dict[str, Any] = {"data": list(map(shown, page)), "total_return_count": len(page), **extras.shown}
    if asked.filtered:
        result["filter_matched_count"] = context.database.count(stored_name(schema), asked.filter)
    if used := {**extras.used, **report.used}:
        result["token_usage"] = used
    if report.error is not None:
        result["rerank_error"] = report.error
    if asked.with_schema:
        result["schema"] = {field.field_name: field.field_type for field in schema.fields}
    if asked.with_details:
        result["recall_time_cost_ms"] = round((time.perf_counter() - began) * 1000)
    return result


def _rows(found: list[Candidate]) -> list[Candidate]:
    return [one for one in found if is_row(one.payload)]


def _depth(asked: Asked, extras: Extras) -> int:
    """Return how many rows are recalled for what comes after."""
    if asked.process is not None:
        return asked.process_input
    return max(asked.limit + asked.offset, *(rerank.input_limit for rerank in extras.reranks))


def _refined(asked: Asked, found: list[Candidate], extras: Extras) -> tuple[list[Candidate], Report]:
    if asked.process is not None:
        found = asked.process(found)
    report = Report()
    for rerank in extras.reranks:
        found, report = rerank(found[: rerank.input_limit])
    return found[asked.offset : asked.offset + asked.limit], report


def _selected(schema: Schema, asked: Asked, extras: Extras) -> tuple[PayloadSelector, VectorSelector]:
    """Return which part of the payload and which vectors are needed to process and show rows."""
    if asked.output is None:
        return True, False
    names = {PK, *asked.output, *extras.looks_at}
    if asked.process is not None:
        names |= asked.process.fields
    for rerank in extras.reranks:
        names.add(rerank.field)
    if extras.keywords is not None:
        names |= extras.keywords.words.keys()
    dense = {field.field_name for field in schema.fields if field.field_type == "vector"}
    return Select(include=tuple(sorted(names - dense))), (RAW,) if dense & names else False


class _Shown:
    """Show rows that were found."""

    def __init__(self, schema: Schema, asked: Asked, keywords: Keywords | None) -> None:
        kinds = {field.field_name: field.field_type for field in schema.fields}
        self._names = asked.output
        if asked.output is None and not set(_LARGE).isdisjoint(kinds.values()):
            self._names = tuple(name for name, kind in kinds.items() if kind not in _LARGE)
        self._dense = [name for name in asked.output or () if kinds[name] == "vector"]
        self._keywords = keywords if keywords is not None and keywords.highlighted else None

    def __call__(self, candidate: Candidate) -> dict[str, Any]:
        payload = candidate.payload
        fields = fields_of(payload, self._names)
        for name in self._dense:
            vector = (candidate.vectors or {}).get(RAW)
            if isinstance(vector, np.ndarray):
                fields[name] = shortest(vector)
        item: dict[str, Any] = {"id": key_of(payload), "fields": fields, "score": candidate.score}
        if candidate.ann_score is not None:
            item["ann_score"] = candidate.ann_score
        if candidate.origin_score is not None:
            item["origin_score"], item["addition_score"] = candidate.origin_score, candidate.addition_score
        if self._keywords is not None:
            item["highlight"] = self._keywords.highlights(payload)
        return item
