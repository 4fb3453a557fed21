"""Random examples: of pydantic models and what else their fields are annotated with, and of protobuf messages."""

from __future__ import annotations

import enum
import types
import typing
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from google.protobuf.descriptor import FieldDescriptor
from pydantic import BaseModel

WORDS = ("red", "blue", "Oslo", "größe", "a.b[]", "", "x" * 200)
NUMBERS = (0.5, -1.25, 3.0, 1e-3, 0.0)
INTEGERS = (0, 1, 7, 300, 2**31 - 1)
SCARCE = 4
"""Below this depth there is one item per list; at twice the depth, only what must be there."""


class Examples:
    """Make examples by annotations; ``special`` makes those that the annotation does not suffice for.

    What is special goes by its annotation, or by the name of a model and of a field.
    """

    def __init__(self, seed: int, special: dict[Any, Callable[[Examples], Any]] | None = None) -> None:
        self.random = Random(seed)
        self.special = special or {}
        self.depth = 0

    def make(self, kind: Any) -> Any:
        """Return an example of an annotation."""
        self.depth += 1
        try:
            return self._make(kind)
        finally:
            self.depth -= 1

    def _make(self, kind: Any) -> Any:
        origin, inside = typing.get_origin(kind), typing.get_args(kind)
        if origin is typing.Annotated:
            return self._make(inside[0])
        if origin is None and kind in self.special:
            return self.special[kind](self)
        if origin in (typing.Union, types.UnionType):
            return self._one_of(inside)
        if origin is typing.Literal:
            return self.random.choice(inside)
        if origin is list:
            return [self.make(inside[0]) for _ in range(1 if self.depth > SCARCE else self.random.randint(1, 3))]
        if isinstance(origin, type) and issubclass(origin, typing.Mapping):
            return {f"n{number}": self.make(inside[1]) for number in range(self.random.randint(1, 2))}
        if isinstance(kind, type) and issubclass(kind, enum.Enum):
            return self.random.choice(list(kind))
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return self._model(kind)
        return self._scalar(kind)

    def _one_of(self, kinds: tuple[Any, ...]) -> Any:
        present = [kind for kind in kinds if kind is not type(None)]
        deep = self.depth > 2 * SCARCE
        if len(present) < len(kinds) and (deep or self.random.random() < 0.35):
            return None
        return self._make(present[0] if deep else self.random.choice(present))

    def _model(self, kind: type[BaseModel]) -> Any:
        values = {}
        for name, field in kind.model_fields.items():
            make = self.special.get((kind.__name__, name))
            value = self.make(field.annotation) if make is None else make(self)
            if value is not None or field.is_required():
                values[field.alias or name] = value
        return kind(**values)

    def _scalar(self, kind: Any) -> Any:
        match getattr(kind, "__name__", str(kind)):
            case "str":
                return self.random.choice(WORDS)
            case "bool":
                return self.random.random() < 0.5
            case "int":
                return self.random.choice(INTEGERS)
            case "float":
                return self.random.choice(NUMBERS)
            case "datetime" | "date":
                return datetime(2024, 2, 29, tzinfo=UTC) + timedelta(seconds=self.random.randint(0, 10**7))
            case "UUID":
                return UUID(int=self.random.getrandbits(128))
            case "Any":
                return self.json()
        raise TypeError(f"no example of {kind!r}")

    def json(self) -> Any:
        """Return any JSON value."""
        self.depth += 1
        try:
            if self.depth < 2 * SCARCE and self.random.random() < 0.4:
                items = [self.json() for _ in range(self.random.randint(0, 3))]
                return items if self.random.random() < 0.5 else {f"k{i}": item for i, item in enumerate(items)}
            return self.random.choice((None, True, 3, -(2**40), 2.5, "Oslo", ""))
        finally:
            self.depth -= 1


NEEDED = {
    "qdrant.Formula.expression",
    "qdrant.Image.image",
    "qdrant.InferenceObject.object",
    "qdrant.NearestInputWithMmr.mmr",
    "qdrant.NearestInputWithMmr.nearest",
    "qdrant.ShardKeySelector.shard_keys",
}
"""Fields without which a message says nothing."""

ALONE = {"qdrant.ShardKeySelector.shard_keys"}
"""Lists that have one item."""


class Messages:
    """Make random messages of a pool, with any of their fields set."""

    def __init__(self, seed: int, message_class: Callable[[str], Any]) -> None:
        self.random = Random(seed)
        self.message_class = message_class

    def make(self, name: str, depth: int = 0) -> Any:
        """Return a message by its full name."""
        cls = self.message_class(name)
        values: dict[str, Any] = {}
        for field in self._chosen(cls.DESCRIPTOR, depth):
            values[field.name] = self._value(field, depth)
        return cls(**values)

    def _chosen(self, kind: Any, depth: int) -> list[Any]:
        chosen = []
        unions = [[f for f in kind.fields if f.containing_oneof is union] for union in kind.oneofs]
        for fields in (*unions, *([f] for f in kind.fields if f.containing_oneof is None)):
            flat = [f for f in fields if f.message_type is None] or fields
            is_union = len(fields) > 1
            needed = bool(NEEDED.intersection(field.full_name for field in fields))
            if is_union or needed or self.random.random() < (0.7 if depth < SCARCE else 0.2):
                chosen.append(self.random.choice(flat if depth > SCARCE else fields))
        return chosen

    def _value(self, field: Any, depth: int) -> Any:
        inner = field.message_type
        if inner is not None and inner.GetOptions().map_entry:
            return {f"n{i}": self._one(inner.fields_by_name["value"], depth) for i in range(2)}
        if field.is_repeated:
            most = 1 if field.full_name in ALONE or depth >= SCARCE else 3
            return [self._one(field, depth) for _ in range(self.random.randint(1, most))]
        return self._one(field, depth)

    def _one(self, field: Any, depth: int) -> Any:
        if field.message_type is not None:
            # Nothing cannot be told from what is left out, except in payloads.
            if field.full_name in NEEDED and field.message_type.name == "Value":
                return {"string_value": "x"}
            return self.make(field.message_type.full_name, depth + 1)
        if field.enum_type is not None:
            return self.random.choice([value.number for value in field.enum_type.values])
        if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
            if field.name == "datetime":
                return "2024-02-29T12:00:00Z"
            return b"ab" if field.type == FieldDescriptor.TYPE_BYTES else self.random.choice(WORDS)
        if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
            return self.random.random() < 0.5
        if field.cpp_type in (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT):
            return self.random.choice(NUMBERS)
        return self.random.choice(INTEGERS)
