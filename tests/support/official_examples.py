"""Examples of the official client's models that it can convert itself, and what of its answers is compared."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from enum import Enum
from functools import cache
from typing import Any

import msgspec
from examples import Examples
from pydantic import BaseModel
from qdrant_client.conversions import conversion
from qdrant_client.conversions.conversion import GrpcToRest, RestToGrpc
from qdrant_client.http.models import models as rest

from quiverdb.wire.convert import to_plain
from quiverdb.wire.messages import message


def one_condition(examples: Examples) -> rest.FieldCondition:
    """The official client sends one of several conditions on a field, and refuses none and ranges without bounds."""
    conditions = ["match", "range", "geo_bounding_box", "geo_radius", "geo_polygon", "values_count", "is_empty"]
    for _ in range(20):
        name = examples.random.choice(conditions)
        value = examples.make(rest.FieldCondition.model_fields[name].annotation)
        if value is not None and (name != "range" or value.model_dump(exclude_none=True)):
            return rest.FieldCondition(key="a.b", **{name: value})
    return rest.FieldCondition(key="a.b", is_null=True)


def something(kind: type[BaseModel], field: str) -> Callable[[Examples], Any]:
    """Nothing cannot be told from what is left out."""
    return lambda examples: kind(**{field: examples.json() or "x"}, model="m", options={"a": examples.json()})


SPECIAL = {
    rest.FieldCondition: one_condition,
    rest.Image: something(rest.Image, "image"),
    rest.InferenceObject: something(rest.InferenceObject, "object"),
    ("SnapshotDescription", "creation_time"): lambda _: "2024-01-02T03:04:05",
}


def without_old_threads(held: Any) -> Any:
    """Clear a field that only servers of former years read, and the official client fills besides the present one."""
    if held.DESCRIPTOR.name == "OptimizersConfigDiff":
        held.ClearField("deprecated_max_optimization_threads")
    for field, items in held.ListFields():
        if field.message_type is not None and not field.message_type.GetOptions().map_entry:
            for item in items if field.is_repeated else (items,):
                without_old_threads(item)
    return held


def bare(value: Any) -> Any:
    """Return models as plain data without what is missing or empty."""
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        value = {field.alias or name: getattr(value, name) for name, field in fields.items()}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        plain = {key: bare(item) for key, item in value.items()}
        return {key: item for key, item in plain.items() if item is not None and item not in ([], {})}
    if hasattr(value, "DESCRIPTOR"):  # the official client hands some messages through
        return bare(to_plain(message(value.DESCRIPTOR.full_name).FromString(value.SerializeToString())))
    if isinstance(value, str | bytes) or not hasattr(value, "__iter__"):
        return value
    return [bare(item) for item in value]


SEEDS = range(16)
FEWEST = 8
"""How many examples of a kind the official client must have converted, so that the comparison says something."""


class Pair(msgspec.Struct):
    """An official conversion: its name, what it takes, and what it returns."""

    name: str
    taken: Any
    returned: Any


def pairs(converters: type, *, from_messages: bool) -> list[Pair]:
    """Return the conversions of single models to messages, or of messages to models."""
    scope = {**vars(conversion), "MessageMapContainer": object}
    found = []
    for name, method in inspect.getmembers(converters, inspect.ismethod):
        hints = typing.get_type_hints(method, scope)
        returned = hints.pop("return", None)
        taken = hints.get("model")
        kind = taken if from_messages else returned
        is_message = isinstance(kind, type) and hasattr(kind, "DESCRIPTOR")
        if name.startswith("convert_") and is_message and (from_messages or list(hints) == ["model"]):
            found.append(Pair(name, taken, returned))
    return found


TO_MESSAGES = pairs(RestToGrpc, from_messages=False)
TO_MODELS = pairs(GrpcToRest, from_messages=True)


def official_message(pair: Pair, seed: int) -> tuple[Any, Any] | None:
    """Return a model and the official message of it, ``None`` if the official client refuses the model."""
    model = Examples(seed, SPECIAL).make(pair.taken)
    try:
        return model, getattr(RestToGrpc, pair.name)(model)
    except (ValueError, AttributeError):
        return None


@cache
def official_messages(pair_name: str) -> list[tuple[Any, Any]]:
    pair = next(pair for pair in TO_MESSAGES if pair.name == pair_name)
    return [made for seed in SEEDS if (made := official_message(pair, seed)) is not None]
