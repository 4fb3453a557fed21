"""Answers of the REST API, as plain data, become those of the model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import numpy as np

from quiverdb.dates import parse_datetime
from quiverdb.model.collection import (
    CollectionInfo,
    CollectionSpec,
    FieldIndex,
    FieldIndexInfo,
    FieldType,
    SparseVectorSpec,
    Status,
    VectorSpec,
)
from quiverdb.model.point import PointId, SparseVector, VectorValue
from quiverdb.model.query import PayloadSelector, VectorSelector
from quiverdb.model.result import FacetHit, Group, Hit, Matrix, Page, Record, WriteResult
from quiverdb.model.shard import ShardKey
from quiverdb.model.snapshot import Snapshot
from quiverdb.model.work import Work, WorkReport
from quiverdb.remote.fields import CONFIG, ROWS

__all__ = [
    "Asked", "aliases", "count", "exists", "facet", "found", "found_each", "groups", "in_order", "info", "matrix",
    "names", "page", "peer", "records", "shard_keys", "snapshot", "work", "write_result", "write_results",
]  # fmt: skip

Plain = Mapping[str, Any]
_UNKNOWN = UUID(int=0)


class Asked(NamedTuple):
    """Tell whether payloads and vectors were asked for: not every protocol tells none of them from an empty one."""

    payload: bool
    vectors: bool

    @classmethod
    def of(cls, with_payload: PayloadSelector, with_vectors: VectorSelector) -> Asked:
        """Return what selectors ask for."""
        return cls(with_payload is not False, with_vectors is not False)


def found(result: Plain, asked: Asked) -> list[Hit]:
    """Return the points that a query found."""
    return [
        Hit(
            point["id"],
            point.get("version") or 0,
            point["score"],
            point.get("payload") or _empty(asked.payload),
            _vectors(point.get("vector")) or _empty(asked.vectors),
            point.get("order_value"),
            point.get("shard_key"),
        )
        for point in result["points"]
    ]


def found_each(results: Sequence[Plain], asked: Sequence[Asked]) -> list[list[Hit]]:
    """Return the points that each of several queries found."""
    return list(map(found, results, asked))


def records(points: Iterable[Plain], asked: Asked) -> list[Record]:
    """Return stored points; the API does not tell their versions, which are shown as 0."""
    return [
        Record(
            point["id"],
            0,
            point.get("payload") or _empty(asked.payload),
            _vectors(point.get("vector")) or _empty(asked.vectors),
            point.get("order_value"),
            point.get("shard_key"),
        )
        for point in points
    ]


def _empty(asked: bool) -> dict[str, Any] | None:
    return {} if asked else None


def _vectors(value: Any) -> dict[str, VectorValue] | None:
    """Return vectors by name; a list, or an object that is one sparse vector, is the unnamed one."""
    if value is None:
        return None
    if isinstance(value, Mapping) and not _is_sparse(value):
        return {name: _vector(item) for name, item in value.items()}
    return {"": _vector(value)}


def _is_sparse(value: Plain) -> bool:
    """Tell a sparse vector from dense ones that happen to be named like its parts: those hold floats."""
    return value.keys() == {"indices", "values"} and all(isinstance(index, int) for index in value["indices"])


def _vector(value: Any) -> VectorValue:
    if isinstance(value, Mapping):
        return SparseVector(np.array(value["indices"], np.uint32), np.array(value["values"], np.float32))
    return np.array(value, np.float32)


def page(result: Plain, asked: Asked) -> Page:
    """Return a page of points."""
    return Page(records(result["points"], asked), result.get("next_page_offset"))


def groups(result: Plain, asked: Asked, looked_up: Asked) -> list[Group]:
    """Return points in groups."""
    return [
        Group(
            group["id"],
            found({"points": group["hits"]}, asked),
            records([lookup], looked_up)[0] if (lookup := group.get("lookup")) else None,
        )
        for group in result["groups"]
    ]


def facet(result: Plain) -> list[FacetHit]:
    """Return values and how many points have each."""
    return [FacetHit(hit["value"], hit["count"]) for hit in result["hits"]]


def matrix(result: Plain) -> Matrix:
    """Return neighbours within a sample, told by the positions of their ids."""
    return Matrix(result["ids"], result["offsets_row"], result["offsets_col"], result["scores"])


def write_result(result: Plain) -> WriteResult:
    """Return how far a write has come; one that a server stopped waiting for is acknowledged."""
    done = result["status"] == "completed"
    return WriteResult(result.get("operation_id") or 0, "completed" if done else "acknowledged")


def write_results(results: Iterable[Plain]) -> list[WriteResult]:
    """Return how far each of several writes has come."""
    return list(map(write_result, results))


def count(result: Plain) -> int:
    """Return a number of points."""
    return int(result["count"])


def names(result: Plain) -> list[str]:
    """Return the names of collections, sorted."""
    return sorted(collection["name"] for collection in result["collections"])


def exists(result: Plain) -> bool:
    """Tell whether there is a collection."""
    return bool(result["exists"])


def shard_keys(result: Plain) -> list[ShardKey]:
    """Return the keys of shards."""
    return [described["key"] for described in result.get("shard_keys") or ()]


def peer(result: Plain) -> int | None:
    """Return the number of a node; ``None`` from one that is in no cluster."""
    number = result.get("peer_id")
    return None if number is None else int(number)


def aliases(result: Plain) -> dict[str, str]:
    """Return aliases with the collections behind them."""
    return {alias["alias_name"]: alias["collection_name"] for alias in result["aliases"]}


def snapshot(result: Plain, folder: str) -> Snapshot:
    """Return the description of a snapshot; ``folder`` is where the server offers it for download."""
    name = result["name"]
    created = _seconds(result.get("creation_time")) or 0.0
    return Snapshot(name, created, result["size"], result.get("checksum"), f"{folder}/{name}")


def in_order(listed: Sequence[Record], ids: Sequence[PointId]) -> list[Record]:
    """Return records in the order in which their ids were asked for."""
    places = {id: place for place, id in enumerate(dict.fromkeys(ids))}
    return sorted(listed, key=lambda record: places[record.id])


def _seconds(moment: str | None) -> float | None:
    micros = None if moment is None else parse_datetime(moment)
    return None if micros is None else micros / 1e6


# Collections


def info(result: Plain) -> CollectionInfo:
    """Return the state and settings of a collection."""
    state = result.get("optimizer_status")
    return CollectionInfo(
        Status(result["status"]),
        result.get("points_count") or 0,
        result.get("indexed_vectors_count") or 0,
        result["segments_count"],
        _spec(result["config"]),
        {key: _field(field) for key, field in (result.get("payload_schema") or {}).items()},
        _seconds(result.get("created_at")) or 0.0,
        state.get("error") if isinstance(state, Mapping) else None,
    )


def _spec(config: Plain) -> CollectionSpec:
    fields = _taken(CollectionSpec, config, CONFIG)
    vectors = fields.get("vectors") or {}
    given = {"": vectors} if isinstance(vectors.get("size"), int) else vectors
    fields["vectors"] = {name: _vector_spec(settings) for name, settings in given.items()}
    fields["sparse_vectors"] = {
        name: _taken(SparseVectorSpec, settings) for name, settings in (fields.get("sparse_vectors") or {}).items()
    }
    if "quantization" in fields:
        fields["quantization"] = _quantization(fields["quantization"])
    return msgspec.convert(fields, CollectionSpec)


def _vector_spec(settings: Plain) -> dict[str, Any]:
    fields = _taken(VectorSpec, settings)
    fields["distance"] = fields["distance"].lower()
    if "quantization" in fields:
        fields["quantization"] = _quantization(fields["quantization"])
    return fields


def _quantization(settings: Plain) -> dict[str, Any]:
    """Return quantization with its kind among its settings."""
    ((kind, inner),) = ((kind, inner) for kind, inner in settings.items() if inner is not None)
    return {**inner, "type": kind}


def _field(given: Plain) -> FieldIndexInfo:
    kind, params = FieldType(given["data_type"]), given.get("params")
    if not params:
        return FieldIndexInfo(FieldIndex(kind, bare=True), given["points"])
    fields = _taken(FieldIndex, params) | {"type": kind}
    for name, read in (("stopwords", _stopwords), ("stemmer", _stemmer), ("scoring", bool)):
        if name in fields:
            fields[name] = read(fields[name])
    return FieldIndexInfo(msgspec.convert(fields, FieldIndex), given["points"])


def _stopwords(words: Any) -> Plain:
    if isinstance(words, str):
        return {"languages": [words]}
    return {name: listed for name, listed in words.items() if listed is not None}


def _stemmer(algorithm: Plain) -> str:
    return str(algorithm.get("language", "none"))


def _taken(kind: type[msgspec.Struct], settings: Plain, paths: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the fields of a class that are found in an object, by their own names."""
    if paths is None:
        paths = ROWS[kind].paths if kind in ROWS else {}
    values = ((name, _at(settings, paths.get(name, name))) for name in kind.__struct_fields__)
    return {name: value for name, value in values if value is not None}


def _at(value: Any, path: str) -> Any:
    """Return what an object holds at a path, ``None`` for nothing."""
    for step in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(step)
    return value


# Background work


def work(result: Plain) -> WorkReport:
    """Return the background work on a collection; of the segments it is about, one gives its name to the report."""
    listed = {part: result.get(part) or () for part in ("running", "queued", "completed", "idle_segments")}
    present = [*listed["idle_segments"], *_segments(listed["running"]), *_segments(listed["queued"])]
    points = {segment["uuid"]: segment["points_count"] for segment in present}
    named = next(iter(points), None)
    return WorkReport(
        _UNKNOWN if named is None else UUID(named),
        sum(points.values()),
        tuple(map(_running, listed["running"])),
        tuple(Work(task["optimizer"], _points(task)) for task in listed["queued"]),
        tuple(map(_running, listed["completed"])),
    )


def _segments(tasks: Iterable[Plain]) -> list[Plain]:
    return [segment for task in tasks for segment in task["segments"]]


def _points(task: Plain) -> int:
    return sum(segment["points_count"] for segment in task["segments"])


def _running(task: Plain) -> Work:
    """Return work under way or done; what was given up has failed."""
    status, progress = task["status"], task["progress"]
    failed = (status.get("error") or status.get("cancelled")) if isinstance(status, Mapping) else None
    return Work(
        task["optimizer"],
        _points(task),
        _seconds(progress.get("started_at")),
        _seconds(progress.get("finished_at")),
        failed,
        UUID(task["uuid"]),
    )
