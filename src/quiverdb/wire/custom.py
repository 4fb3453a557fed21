"""Codecs of messages that no table describes, by the names that ``shapes`` calls them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from quiverdb.wire import values
from quiverdb.wire.codecs import Codec, Read, text
from quiverdb.wire.encoding import framed
from quiverdb.wire.values import WrongValueError, kind_of, members

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor, FieldDescriptor

__all__ = ["CUSTOM", "VIEWS", "Codecs", "View", "read_old_vector"]


class Codecs(Protocol):
    """Know the codecs of fields."""

    arrays: bool

    def field(self, field: FieldDescriptor) -> Codec:
        """Return the codec of a field."""


def _fixed(codec: Codec) -> Callable[[Codecs, Descriptor], Codec]:
    return lambda _codecs, _kind: codec


def _fields(codecs: Codecs, kind: Descriptor, *names: str) -> list[Codec]:
    return [codecs.field(kind.fields_by_name[name]) for name in names]


# --- payloads

_FIELDS = _VALUES = b"\x0a"
_STRUCT = Codec(
    lambda value: values.write_payload(_FIELDS, value),
    lambda struct: values.read_payload(struct.fields),
)
_LIST = Codec(
    lambda value: b"".join([framed(_VALUES, values.write_value(item)) for item in value]),
    lambda held: [values.read_value(item) for item in held.values],
)

# --- vectors


def _read_row(codecs: Codecs) -> Read:
    return values.read_array if codecs.arrays else values.read_list


def _dense(codecs: Codecs, kind: Descriptor) -> Codec:
    (data,) = _fields(codecs, kind, "data")
    return Codec(data.write, _read_row(codecs))


def _multi_dense(codecs: Codecs, kind: Descriptor) -> Codec:
    (vectors,) = _fields(codecs, kind, "vectors")
    read_row = _read_row(codecs)

    def read(vector: Any) -> Any:
        rows = [read_row(row) for row in vector.vectors]
        if codecs.arrays and rows and len({len(row) for row in rows}) == 1:
            return np.vstack(rows)
        return rows

    return Codec(vectors.write, read)


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


def _group_id(codecs: Codecs, kind: Descriptor) -> Codec:
    """Know a text or an integer, which has a field of its own if it is negative."""
    words, negative, positive = _fields(codecs, kind, "string_value", "integer_value", "unsigned_value")

    def write(value: Any) -> bytes:
        match kind_of(value):
            case "str":
                return words.write(value)
            case "int":
                return (negative if value < 0 else positive).write(value)
        raise WrongValueError(f"expected an integer or a text, got {value!r}")

    def read(group: Any) -> Any:
        name = group.WhichOneof("kind")
        return None if name is None else getattr(group, name)

    return Codec(write, read)


def _shard_keys(codecs: Codecs, kind: Descriptor) -> Codec:
    """One key, a list of keys, or a key with another one for when its shard is not there."""
    several, (write_fallback, read_key) = _fields(codecs, kind, "shard_keys", "fallback")

    def write(value: Any) -> bytes:
        if kind_of(value) != "object":
            return several.write(value)
        held = members(value)
        target, fallback = held.get("target"), held.get("fallback")
        if target is None or fallback is None:
            raise WrongValueError("expected a shard key, a list of them, or an object with target and fallback")
        return several.write(target) + write_fallback(fallback)

    def read(selector: Any) -> Any:
        keys = [read_key(key) for key in selector.shard_keys]  # type: ignore[misc]
        if selector.HasField("fallback"):
            if len(keys) != 1:
                raise WrongValueError(f"a fallback needs one shard key, got {len(keys)}")
            return {"target": keys[0], "fallback": read_key(selector.fallback)}  # type: ignore[misc]
        return keys[0] if len(keys) == 1 else keys

    return Codec(write, read)


def _is_word(value: Any, word: str) -> bool:
    return kind_of(value) == "str" and text(value) == word


def _idf(codecs: Codecs, kind: Descriptor) -> Codec:
    """``"global"``, or an object with the filter for the points that count."""
    ((write_corpus, read_corpus),) = _fields(codecs, kind, "corpus")

    def write(value: Any) -> bytes:
        if _is_word(value, "global"):
            return b""
        corpus = members(value).get("corpus")
        if corpus is None:
            raise WrongValueError("expected 'global' or an object with a corpus")
        return write_corpus(corpus)

    def read(idf: Any) -> Any:
        return {"corpus": read_corpus(idf.corpus)} if idf.HasField("corpus") else "global"  # type: ignore[misc]

    return Codec(write, read)


def _optimizer_status(codecs: Codecs, kind: Descriptor) -> Codec:
    """``"ok"``, or an object with an error."""
    ok, error = _fields(codecs, kind, "ok", "error")

    def write(value: Any) -> bytes:
        fine = _is_word(value, "ok")
        return ok.write(fine) if fine else error.write(members(value).get("error"))

    return Codec(write, lambda status: "ok" if status.ok else {"error": status.error})


def _vectors_diff(codecs: Codecs, kind: Descriptor) -> Codec:
    """Vectors by their names; the one without a name, when it is alone, has a field of its own."""
    (write_one, read_one), (write_all, read_all) = _fields(codecs, kind, "params", "params_map")

    def write(value: Any) -> bytes:
        held = members(value)
        return write_one(held[""]) if set(held) == {""} else write_all(held)

    def read(diff: Any) -> Any:
        if diff.WhichOneof("config") == "params":
            return {"": read_one(diff.params)}  # type: ignore[misc]
        return read_all(diff.params_map)  # type: ignore[misc]

    return Codec(write, read)


CUSTOM: Mapping[str, Callable[[Codecs, Descriptor], Codec]] = {
    "value": _fixed(Codec(values.write_value, values.read_value)),
    "struct": _fixed(_STRUCT),
    "values": _fixed(_LIST),
    "timestamp": _fixed(Codec(values.write_time, values.read_time)),
    "local_time": _fixed(Codec(values.write_time, values.read_local_time)),
    "done": _fixed(Codec(lambda _result: b"", lambda _reply: True)),
    "dense": _dense,
    "multi_dense": _multi_dense,
    "group_id": _group_id,
    "shard_keys": _shard_keys,
    "idf": _idf,
    "optimizer_status": _optimizer_status,
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
