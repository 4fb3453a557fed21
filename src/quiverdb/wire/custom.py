"""Codecs of messages that no table describes, by the names that ``shapes`` calls them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from google.protobuf.descriptor import FieldDescriptor

from quiverdb.wire import values
from quiverdb.wire.codecs import Codec, integer, text, write_list
from quiverdb.wire.values import WrongValueError, kind_of, members

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor

__all__ = ["CUSTOM", "VIEWS", "Codecs", "View", "read_old_vector"]


class Codecs(Protocol):
    """Know the codecs of other messages."""

    arrays: bool

    def field(self, field: FieldDescriptor) -> Codec:
        """Return the codec of a field."""


def _fixed(codec: Codec) -> Callable[[Codecs, Descriptor], Codec]:
    return lambda _codecs, _kind: codec


def _below(codecs: Codecs, kind: Descriptor, field: str) -> Codec:
    return codecs.field(kind.fields_by_name[field])


# --- payloads

_STRUCT = Codec(
    lambda value: {"fields": values.write_payload(value)},
    lambda struct: values.read_payload(struct.fields),
)
_VALUES = Codec(
    lambda value: {"values": [values.write_value(item) for item in value]},
    lambda held: [values.read_value(item) for item in held.values],
)

# --- vectors


def _row_reader(codecs: Codecs) -> Callable[[Any], Any]:
    return values.read_array if codecs.arrays else values.read_list


def _dense(codecs: Codecs, _kind: Descriptor) -> Codec:
    return Codec(values.write_dense, _row_reader(codecs))


def _multi_dense(codecs: Codecs, _kind: Descriptor) -> Codec:
    read_row, write = _row_reader(codecs), write_list(values.write_dense)

    def read(vector: Any) -> Any:
        rows = [read_row(row) for row in vector.vectors]
        if codecs.arrays and rows and len({len(row) for row in rows}) == 1:
            return np.vstack(rows)
        return rows

    return Codec(lambda value: {"vectors": write(value)}, read)


def read_old_vector(vector: Any, *, arrays: bool) -> Any:
    """Return a vector in the form of former years: its numbers, and apart from them what else it takes."""
    data = np.asarray(vector.data, dtype=np.float32)
    if vector.HasField("indices"):
        return {"indices": list(vector.indices.data), "values": list(vector.data)}
    if vector.HasField("vectors_count"):
        count = vector.vectors_count
        if not count or data.size % count:
            raise WrongValueError(f"{data.size} numbers make no {count} vectors of one length")
        data = data.reshape(count, -1)
    return data if arrays else data.tolist()


# --- choices


def _group_id(value: Any) -> dict[str, Any]:
    if kind_of(value) == "str":
        return {"string_value": text(value)}
    number = integer(FieldDescriptor.CPPTYPE_INT64)(value)
    return {"integer_value" if number < 0 else "unsigned_value": number}


def _read_group_id(group: Any) -> Any:
    kind = group.WhichOneof("kind")
    return None if kind is None else getattr(group, kind)


def _shard_keys(codecs: Codecs, kind: Descriptor) -> Codec:
    """One key, a list of keys, or a key with another one for when its shard is not there."""
    write, read = _below(codecs, kind, "fallback")

    def write_keys(value: Any) -> dict[str, Any]:
        if kind_of(value) == "object":
            held = members(value)
            target, fallback = held.get("target"), held.get("fallback")
            if target is None or fallback is None:
                raise WrongValueError("expected a shard key, a list of them, or an object with target and fallback")
            return {"shard_keys": [write(target)], "fallback": write(fallback)}
        return {"shard_keys": write_list(write)(value)}

    def read_keys(selector: Any) -> Any:
        keys = [read(key) for key in selector.shard_keys]  # type: ignore[misc]
        if selector.HasField("fallback"):
            if len(keys) != 1:
                raise WrongValueError(f"a fallback needs one shard key, got {len(keys)}")
            return {"target": keys[0], "fallback": read(selector.fallback)}  # type: ignore[misc]
        return keys[0] if len(keys) == 1 else keys

    return Codec(write_keys, read_keys)


def _is_word(value: Any, word: str) -> bool:
    return kind_of(value) == "str" and text(value) == word


def _idf(codecs: Codecs, kind: Descriptor) -> Codec:
    """``"global"``, or an object with the filter for the points that count."""
    write, read = _below(codecs, kind, "corpus")

    def write_idf(value: Any) -> dict[str, Any]:
        if _is_word(value, "global"):
            return {}
        corpus = members(value).get("corpus")
        if corpus is None:
            raise WrongValueError("expected 'global' or an object with a corpus")
        return {"corpus": write(corpus)}

    def read_idf(idf: Any) -> Any:
        return {"corpus": read(idf.corpus)} if idf.HasField("corpus") else "global"  # type: ignore[misc]

    return Codec(write_idf, read_idf)


def _optimizer_status(value: Any) -> dict[str, Any]:
    return {"ok": True} if _is_word(value, "ok") else {"error": text(members(value).get("error"))}


_OPTIMIZER_STATUS = Codec(_optimizer_status, lambda status: "ok" if status.ok else {"error": status.error})


def _vectors_diff(codecs: Codecs, kind: Descriptor) -> Codec:
    """Vectors by their names; the one without a name, when it is alone, has a field of its own."""
    write, read = _below(codecs, kind, "params")
    write_all, read_all = _below(codecs, kind, "params_map")

    def write_diff(value: Any) -> dict[str, Any]:
        held = members(value)
        return {"params": write(held[""])} if set(held) == {""} else {"params_map": write_all(held)}

    def read_diff(diff: Any) -> Any:
        if diff.WhichOneof("config") == "params":
            return {"": read(diff.params)}  # type: ignore[misc]
        return read_all(diff.params_map)  # type: ignore[misc]

    return Codec(write_diff, read_diff)


CUSTOM: Mapping[str, Callable[[Codecs, Descriptor], Codec]] = {
    "value": _fixed(Codec(values.write_value, values.read_value)),
    "struct": _fixed(_STRUCT),
    "values": _fixed(_VALUES),
    "timestamp": _fixed(Codec(values.write_time, values.read_time)),
    "local_time": _fixed(Codec(values.write_time, values.read_local_time)),
    "group_id": _fixed(Codec(_group_id, _read_group_id)),
    "optimizer_status": _fixed(_OPTIMIZER_STATUS),
    "done": _fixed(Codec(lambda _result: {}, lambda _reply: True)),
    "dense": _dense,
    "multi_dense": _multi_dense,
    "shard_keys": _shard_keys,
    "idf": _idf,
    "vectors_diff": _vectors_diff,
}
"""How each codec is made."""


# --- requests of former years


class View(NamedTuple):
    """Join fields of a message as JSON has them, and take them apart again."""

    join: Callable[[dict[str, Any]], dict[str, Any]]
    part: Callable[[Mapping[str, Any]], Mapping[str, Any]]


def _join_vector(fields: dict[str, Any]) -> dict[str, Any]:
    vector, indices, name = (fields.pop(key, None) for key in ("vector", "sparse_indices", "vector_name"))
    if indices is not None:
        vector = {"indices": indices, "values": vector}
    fields["vector"] = vector if name is None else {"name": name, "vector": vector}
    return fields


def _part_vector(given: Mapping[str, Any]) -> Mapping[str, Any]:
    vector = given.get("vector")
    if kind_of(vector) != "object" or vector is None:
        return given
    held = members(vector)
    named = {"vector_name": held["name"], "vector": held.get("vector")} if "name" in held else {"vector": vector}
    if kind_of(named["vector"]) == "object":
        sparse = members(named["vector"])
        named |= {"vector": sparse.get("values"), "sparse_indices": sparse.get("indices")}
    return {**given, **named}


_SIDES = ("positive", "negative")


def _join_examples(fields: dict[str, Any]) -> dict[str, Any]:
    for side in _SIDES:
        fields[side] += fields.pop(f"{side}_vectors")
    return fields


def _part_examples(given: Mapping[str, Any]) -> Mapping[str, Any]:
    parted = dict(given)
    for side in _SIDES:
        examples = list(given.get(side) or ())
        parted[side] = [example for example in examples if kind_of(example) in ("int", "str")]
        parted[f"{side}_vectors"] = [example for example in examples if kind_of(example) not in ("int", "str")]
    return parted


VIEWS: Mapping[str, View] = {
    "named_vector": View(_join_vector, _part_vector),
    "examples": View(_join_examples, _part_examples),
}
"""A search has its vector's name and indices inside the vector; a recommendation has its examples in two lists."""
