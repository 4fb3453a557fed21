"""Random sequences of requests, fixed before they run, so that a failing one can be cut down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from rows import plain_id
from worlds import DELETE_KEYS, IDS, INSTANTS, SET_KEYS, Dice, World

from quiverdb.qdrant import models

FIELDS: dict[str, models.PayloadSchemaType] = {
    "i": models.PayloadSchemaType.INTEGER,
    "f": models.PayloadSchemaType.FLOAT,
    "d": models.PayloadSchemaType.DATETIME,
    "k": models.PayloadSchemaType.KEYWORD,
    "b": models.PayloadSchemaType.BOOL,
    "u": models.PayloadSchemaType.UUID,
    "g": models.PayloadSchemaType.GEO,
    "arr[].p": models.PayloadSchemaType.INTEGER,
    "o.list[].q": models.PayloadSchemaType.KEYWORD,
}
"""Fields whose values are of one type."""
MESSY = ["n", "o.a", "arr", "n[]"]
TOLERANT = [schema for schema in models.PayloadSchemaType if schema != models.PayloadSchemaType.INTEGER]
"""Indexes that leave the meaning of conditions as it is; one of integers takes 1.0 for 1, as the core's does."""
ORDERED: dict[str, list[Any]] = {"i": [-5, 0, 2, 3], "f": [-1.5, 0.3, 1.0, 4], "d": INSTANTS}
FACETED = ["i", "k", "b", "u", "arr[].p", "o.list[].q"]


@dataclass(frozen=True)
class Step:
    """One request: the name of a method of ``Pair`` and its arguments."""

    kind: str
    arguments: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.kind}({', '.join(f'{name}={compact(value)}' for name, value in self.arguments.items())})"


def compact(value: Any) -> str:
    """Write a request as code, without the fields that are not set."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {compact(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(compact(item) for item in value) + "]"
    if hasattr(type(value), "model_fields"):
        given = {name: getattr(value, name) for name in type(value).model_fields}
        inner = ", ".join(f"{name}={compact(item)}" for name, item in given.items() if item is not None)
        return f"{type(value).__name__}({inner})"
    return str(value) if isinstance(value, Enum) else repr(value)


class Author:
    """Writes a sequence of steps from a seed."""

    def __init__(self, seed: int) -> None:
        self.dice = Dice(seed)
        self.first = self.world = self.dice.world()
        self.declared: set[str] = set()
        self.text = False

    def sequence(self, length: int) -> list[Step]:
        """A first batch of points, then writes and reads at random."""
        makers: list[Callable[[], Step | None]] = []
        for weight, maker in self._makers():
            makers += [maker] * weight
        steps: list[Step] = [Step("write", {"method": "upsert", "points": self.points(8, 14)})]
        while len(steps) < length:
            if (step := self.dice.pick(makers)()) is not None:
                steps.append(step)
        return steps

    def _makers(self) -> list[tuple[int, Callable[[], Step | None]]]:
        writes = [
            *((6, self.upsert), (3, self.upsert_some), (3, self.update_vectors), (2, self.delete_vectors)),
            *((2, self.delete), (5, self.set_payload), (2, self.overwrite_payload), (3, self.delete_payload)),
            *((1, self.clear_payload), (5, self.batch)),
        ]
        schema = [
            *((1, self.create_vector), (1, self.drop_vector), (3, self.declare), (1, self.undeclare)),
            *((1, self.declare_text), (1, self.drop_text)),
        ]
        reads = [
            *((12, self.filtered), (8, self.nearest), (4, self.nearest_to_point), (1, self.no_query)),
            *((1, self.sample), (2, self.retrieve), (4, self.facet), (5, self.order_by)),
        ]
        return [*writes, *schema, *reads]

    @property
    def names(self) -> list[str]:
        return self.world.names

    def filter(self) -> models.Filter:
        return self.dice.filter(self.names)

    def maybe_filter(self) -> models.Filter | None:
        return self.dice.maybe_filter(self.names)

    # --- points

    def points(self, low: int, high: int, ids: Sequence[int | str] = IDS) -> list[models.PointStruct]:
        return [self.point(ids) for _ in range(self.dice.number(low, high))]

    def point(self, ids: Sequence[int | str] = IDS) -> models.PointStruct:
        payload = None if self.dice.chance(0.1) else self.dice.payload()
        return models.PointStruct(id=self.dice.pick(ids), vector=self.dice.point_vectors(self.world), payload=payload)

    def columns(self) -> models.Batch:
        """Points in columns: every point has every vector."""
        ids = self.dice.ids(1, 4)
        made = {name: [self.dice.vector(params) for _ in ids] for name, params in self.world.vectors.items()}
        payloads = None if self.dice.chance(0.2) else [self.dice.payload() for _ in ids]
        return models.Batch(ids=ids, vectors=made[""] if self.world.single else made, payloads=payloads)

    def changed_vectors(self, ids: list[Any]) -> list[models.PointVectors]:
        return [models.PointVectors(id=i, vector=self.dice.point_vectors(self.world, least=1)) for i in ids]

    # --- writes

    def write(self, method: str, **arguments: Any) -> Step:
        return Step("write", {"method": method, **arguments})

    def upsert(self) -> Step:
        return self.write("upsert", points=self.columns() if self.dice.chance(0.3) else self.points(1, 4))

    def upsert_some(self) -> Step:
        """Only new, only existing or only matching points."""
        points = self.points(1, 4)
        mode = self.dice.pick([None, *models.UpdateMode])
        return self.write("upsert", points=points, update_filter=self.maybe_filter(), update_mode=mode)

    def update_vectors(self) -> Step | None:
        if not self.names:
            return None
        points = self.changed_vectors(self.dice.ids(1, 3))
        return self.write("update_vectors", points=points, update_filter=self.maybe_filter())

    def delete_vectors(self) -> Step | None:
        if not self.names:
            return None
        vectors = self.dice.subset(self.names, 1, 2)
        return self.write("delete_vectors", vectors=vectors, points=self.dice.selector(self.names))

    def delete(self) -> Step:
        return self.write("delete", points_selector=self.dice.selector(self.names))

    def set_payload(self) -> Step:
        key = self.dice.pick(SET_KEYS) if self.dice.chance(0.4) else None
        return self.write("set_payload", payload=self.dice.change(), points=self.dice.selector(self.names), key=key)

    def overwrite_payload(self) -> Step:
        return self.write("overwrite_payload", payload=self.dice.change(), points=self.dice.selector(self.names))

    def delete_payload(self) -> Step:
        keys = self.dice.subset(DELETE_KEYS, 1, 2)
        return self.write("delete_payload", keys=keys, points=self.dice.selector(self.names))

    def clear_payload(self) -> Step:
        return self.write("clear_payload", points_selector=self.dice.selector(self.names))

    def batch(self) -> Step:
        """Several operations in one request, none of which can fail: those on points that may be missing filter."""
        made = [maker() for maker in self.dice.some(self._operations(), 1, 4)]
        return self.write("batch_update_points", update_operations=[one for several in made for one in several])

    def _operations(self) -> list[Callable[[], list[Any]]]:
        return [
            lambda: [models.UpsertOperation(upsert=models.PointsBatch(batch=self.columns()))],
            lambda: [models.UpsertOperation(upsert=models.PointsList(points=self.points(1, 3)))],
            self._upsert_and_update,
            self._delete_some_vectors,
            lambda: [models.DeleteOperation(delete=models.PointIdsList(points=self.dice.ids(1, 2)))],
            lambda: [models.DeleteOperation(delete=models.FilterSelector(filter=self.filter()))],
            self._set,
            lambda: [
                models.OverwritePayloadOperation(
                    overwrite_payload=models.SetPayload(payload=self.dice.change(), filter=self.filter())
                )
            ],
            lambda: [
                models.DeletePayloadOperation(
                    delete_payload=models.DeletePayload(keys=self.dice.subset(DELETE_KEYS, 1, 2), filter=self.filter())
                )
            ],
            lambda: [models.ClearPayloadOperation(clear_payload=models.FilterSelector(filter=self.filter()))],
        ]

    def _upsert_and_update(self) -> list[Any]:
        points = self.points(1, 2)
        stored = models.UpsertOperation(upsert=models.PointsList(points=points))
        if not self.names:
            return [stored]
        changed = models.UpdateVectors(points=self.changed_vectors([point.id for point in points]))
        return [stored, models.UpdateVectorsOperation(update_vectors=changed)]

    def _delete_some_vectors(self) -> list[Any]:
        if not self.names:
            return []
        inner = models.DeleteVectors(vector=[self.dice.pick(self.names)], filter=self.filter())
        return [models.DeleteVectorsOperation(delete_vectors=inner)]

    def _set(self) -> list[Any]:
        key = self.dice.pick(SET_KEYS) if self.dice.chance(0.4) else None
        inner = models.SetPayload(payload=self.dice.change(), key=key, filter=self.filter())
        return [models.SetPayloadOperation(set_payload=inner)]

    # --- schema

    def create_vector(self) -> Step | None:
        name = self.dice.pick(["new", "a"])
        if self.world.single or name in self.world.vectors:
            return None
        params = self.dice.params()
        self.world = self.world.adding(name, params)
        return Step("create_vector", {"name": name, "params": params})

    def drop_vector(self) -> Step | None:
        if len(self.names) < 2:
            return None
        name = self.dice.pick(self.names)
        self.world = self.world.dropping(name)
        return Step("drop_vector", {"name": name})

    def declare(self) -> Step:
        if self.dice.chance(0.3):
            field, schema = self.dice.pick(MESSY), self.dice.pick(TOLERANT)
        else:
            field = self.dice.pick(sorted(FIELDS))
            schema = FIELDS[field]
        self.declared.add(field)
        return Step("declare", {"field": field, "schema": schema})

    def undeclare(self) -> Step | None:
        if not self.declared:
            return None
        field = self.dice.pick(sorted(self.declared))
        self.declared.discard(field)
        return Step("undeclare", {"field": field})

    def declare_text(self) -> Step | None:
        """A text index decides what its conditions mean, so both databases get it."""
        if self.text:
            return None
        self.text = True
        schema = models.TextIndexParams(
            type="text",
            tokenizer=self.dice.pick(
                [models.TokenizerType.WORD, models.TokenizerType.WHITESPACE, models.TokenizerType.PREFIX]
            ),
            lowercase=self.dice.pick([None, True, False]),
            phrase_matching=True,
        )
        return self.write("create_payload_index", field_name="t", field_schema=schema)

    def drop_text(self) -> Step | None:
        if not self.text:
            return None
        self.text = False
        return self.write("delete_payload_index", field_name="t")

    # --- reads

    def filtered(self) -> Step:
        offset = self.dice.id() if self.dice.chance(0.3) else None
        return Step("filtered", {"chosen": self.filter(), "limit": self.dice.number(1, 5), "offset": offset})

    def _query(self, query: Any, name: str) -> Step:
        request = {
            "query": query,
            "using": name or None,
            "query_filter": self.maybe_filter(),
            "with_payload": self.dice.payload_selector(),
            "with_vectors": self.dice.vector_selector(self.names),
        }
        threshold = self.dice.pick([None, None, -1.0, 0.0, 0.3, 1.0, 2.0, 10.0])
        page = {"limit": self.dice.number(1, 6), "offset": self.dice.number(0, 3), "threshold": threshold}
        return Step("ranked", {"request": request, **page})

    def nearest(self) -> Step | None:
        if not self.names:
            return None
        name = self.dice.pick(self.names)
        return self._query(self.dice.vector(self.world.vectors[name]), name)

    def nearest_to_point(self) -> Step | None:
        return self._query(self.dice.id(), self.dice.pick(self.names)) if self.names else None

    def no_query(self) -> Step:
        page = {"limit": self.dice.number(1, 6), "offset": self.dice.number(0, 3)}
        return Step("listed", {"chosen": self.maybe_filter(), **page})

    def sample(self) -> Step:
        return Step("sampled", {"chosen": self.maybe_filter(), "limit": self.dice.number(1, 20)})

    def retrieve(self) -> Step:
        ids = list({plain_id(i): i for i in self.dice.ids(0, 6)}.values())
        selectors = {
            "with_payload": self.dice.payload_selector(),
            "with_vectors": self.dice.vector_selector(self.names),
        }
        return Step("retrieved", {"ids": ids, **selectors})

    def facet(self) -> Step:
        field = self.dice.pick(FACETED)
        return Step("faceted", {"field": field, "chosen": self.maybe_filter(), "limit": self.dice.number(1, 10)})

    def order_by(self) -> Step:
        field = self.dice.pick(sorted(ORDERED))
        order = models.OrderBy(
            key=field,
            direction=self.dice.pick([None, *models.Direction]),
            start_from=self.dice.pick(ORDERED[field]) if self.dice.chance(0.5) else None,
        )
        return Step("ordered", {"order": order, "chosen": self.maybe_filter(), "limit": self.dice.number(1, 8)})


def start(seed: int, length: int) -> tuple[World, list[Step]]:
    """The collection and the requests of a seed."""
    author = Author(seed)
    steps = author.sequence(length)
    return author.first, steps
