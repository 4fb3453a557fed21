"""Numbered operations whose effect is known: what a killed process had acknowledged can be told from their numbers.

Operation ``n`` is a pure function of ``n`` and of the state before it, so that the process that writes and the one
that checks need to exchange nothing but the number of the last acknowledged operation.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt
from rows import rows

from quiverdb.qdrant import models

NAME, SIDE, ALIAS, SHARD = "ledger", "side", "alias", "shard"
IDS, SLOTS, SIZE, EXTRA_SIZE = 700, 7, 32, 3
EVERYTHING = 10_000


def vector(point: int, stamp: int, size: int = SIZE) -> npt.NDArray[np.float32]:
    """The vector that operation ``stamp`` gives to a point."""
    return np.random.default_rng((point, stamp, size)).normal(size=size).astype(np.float32)


def rows_of(point: int, stamp: int) -> npt.NDArray[np.float32]:
    """The multivector that operation ``stamp`` gives to a point."""
    count = 1 + (point + stamp) % 4
    return vector(point, stamp, count * EXTRA_SIZE).reshape(count, EXTRA_SIZE)


def stored(name: str, point: int, stamp: int) -> npt.NDArray[np.float32]:
    """The vector of any name that operation ``stamp`` gives to a point."""
    return rows_of(point, stamp) if name == "m" else vector(point, stamp, SIZE if name == "v" else EXTRA_SIZE)


@dataclass
class State:
    """What the database must hold: payloads, the operation that wrote each vector, and the schema."""

    payloads: dict[int, dict[str, Any]] = field(default_factory=dict)
    stamps: dict[int, dict[str, int]] = field(default_factory=dict)
    indexes: set[str] = field(default_factory=set)
    extra: bool = False
    alias: bool = False
    side: dict[int, int] | None = None
    shard: bool = False

    def upsert(self, ids: list[int], number: int) -> None:
        for point in ids:
            self.payloads[point] = {"batch": number, "slot": point % SLOTS}
            self.stamps[point] = {"v": number, "m": number, **({"extra": number} if self.extra else {})}

    def delete(self, ids: list[int]) -> None:
        for point in ids:
            self.payloads.pop(point, None)
            self.stamps.pop(point, None)

    def mark(self, slot: int, number: int) -> None:
        for payload in self.payloads.values():
            if payload["slot"] == slot:
                payload["mark"] = number


@dataclass(frozen=True)
class Operation:
    """One request, and the same as a change of the state."""

    send: Callable[[Any, bool], Any]
    apply: Callable[[State], None]
    collection: str = NAME


def where(slot: int) -> models.Filter:
    return models.Filter(must=[models.FieldCondition(key="slot", match=models.MatchValue(value=slot))])


def points(ids: list[int], number: int, extra: bool) -> list[models.PointStruct]:
    def vectors(point: int) -> dict[str, Any]:
        made = {"v": vector(point, number).tolist(), "m": rows_of(point, number).tolist()}
        return made | {"extra": vector(point, number, EXTRA_SIZE).tolist()} if extra else made

    return [models.PointStruct(id=i, vector=vectors(i), payload={"batch": number, "slot": i % SLOTS}) for i in ids]


def operation(number: int, state: State) -> Operation:
    """Operation ``number``, given the state before it."""
    random = Random(number)
    kinds = [*[_upsert] * 8, *[_batch] * 6, *[_mark] * 2, *[_revector] * 3, *[_delete] * 2, _delete_slot]
    return random.choice([*kinds, _index, _extra, _side, _alias])(number, state, random)


def _ids(random: Random, count: int) -> list[int]:
    return random.sample(range(IDS), count)


def _present(random: Random, state: State, count: int) -> list[int]:
    return random.sample(sorted(state.payloads), min(count, len(state.payloads)))


def _upsert(number: int, state: State, random: Random) -> Operation:
    ids, extra = _ids(random, random.choice([1, 60, 150])), state.extra
    return Operation(
        lambda client, wait: client.upsert(NAME, points(ids, number, extra), wait=wait),
        lambda after: after.upsert(ids, number),
    )


def _mark(number: int, state: State, random: Random) -> Operation:
    slot = random.randrange(SLOTS)
    return Operation(
        lambda client, wait: client.set_payload(NAME, {"mark": number}, where(slot), wait=wait),
        lambda after: after.mark(slot, number),
    )


def _revector(number: int, state: State, random: Random) -> Operation:
    ids = _present(random, state, 40)
    if not ids:
        return _upsert(number, state, random)
    changed = [models.PointVectors(id=i, vector={"v": vector(i, number).tolist()}) for i in ids]
    return Operation(
        lambda client, wait: client.update_vectors(NAME, changed, wait=wait),
        lambda after: after.stamps.update({i: {**after.stamps[i], "v": number} for i in ids}),
    )


def _delete(number: int, state: State, random: Random) -> Operation:
    ids = _ids(random, random.choice([1, 50]))
    return Operation(lambda client, wait: client.delete(NAME, ids, wait=wait), lambda after: after.delete(ids))


def _delete_slot(number: int, state: State, random: Random) -> Operation:
    slot = random.randrange(SLOTS)
    return Operation(
        lambda client, wait: client.delete(NAME, models.FilterSelector(filter=where(slot)), wait=wait),
        lambda after: after.delete([i for i, payload in after.payloads.items() if payload["slot"] == slot]),
    )


def _batch(number: int, state: State, random: Random) -> Operation:
    """Four operations that must be seen together or not at all."""
    stored, gone, slot = _ids(random, 40), _ids(random, 20), random.randrange(SLOTS)
    changed, extra = stored[:10], state.extra
    new = [models.PointVectors(id=i, vector={"v": vector(i, number + 1).tolist()}) for i in changed]
    operations = [
        models.UpsertOperation(upsert=models.PointsList(points=points(stored, number, extra))),
        models.UpdateVectorsOperation(update_vectors=models.UpdateVectors(points=new)),
        models.SetPayloadOperation(set_payload=models.SetPayload(payload={"mark": number}, filter=where(slot))),
        models.DeleteOperation(delete=models.PointIdsList(points=gone)),
    ]

    def apply(after: State) -> None:
        after.upsert(stored, number)
        for point in changed:
            after.stamps[point]["v"] = number + 1
        after.mark(slot, number)
        after.delete(gone)

    return Operation(lambda client, wait: client.batch_update_points(NAME, operations, wait=wait), apply)


def _index(number: int, state: State, random: Random) -> Operation:
    key = random.choice(["batch", "slot", "mark"])
    if key in state.indexes:
        return Operation(
            lambda client, wait: client.delete_payload_index(NAME, key, wait=wait),
            lambda after: after.indexes.discard(key),
        )
    schema = models.PayloadSchemaType.INTEGER
    return Operation(
        lambda client, wait: client.create_payload_index(NAME, key, schema, wait=wait),
        lambda after: after.indexes.add(key),
    )


def _extra(number: int, state: State, random: Random) -> Operation:
    if state.extra:

        def dropped(after: State) -> None:
            after.extra = False
            for stamps in after.stamps.values():
                stamps.pop("extra", None)

        return Operation(lambda client, wait: client.delete_vector_name(NAME, "extra", wait=wait), dropped)
    dense = models.DenseVectorConfig(size=EXTRA_SIZE, distance=models.Distance.EUCLID)
    config = models.DenseVectorNameConfig(dense=dense)
    return Operation(
        lambda client, wait: client.create_vector_name(NAME, "extra", config, wait=wait),
        lambda after: setattr(after, "extra", True),
    )


def _side(number: int, state: State, random: Random) -> Operation:
    """A second collection comes, gets a shard, is filled, loses the shard or goes."""

    def become(side: dict[int, int] | None, *, shard: bool) -> Callable[[State], None]:
        return lambda after: (setattr(after, "side", side), setattr(after, "shard", shard))[0]

    if state.side is None:
        params = models.VectorParams(size=EXTRA_SIZE, distance=models.Distance.DOT)
        return Operation(
            lambda client, wait: client.create_collection(SIDE, params, sharding_method=models.ShardingMethod.CUSTOM),
            become({}, shard=False),
            SIDE,
        )
    if state.side and random.random() < 0.3:
        return Operation(lambda client, wait: client.delete_collection(SIDE), become(None, shard=False), SIDE)
    if not state.shard:
        return Operation(lambda client, wait: client.create_shard_key(SIDE, SHARD), become({}, shard=True), SIDE)
    if state.side and random.random() < 0.5:
        return Operation(lambda client, wait: client.delete_shard_key(SIDE, SHARD), become({}, shard=False), SIDE)
    made = [models.PointStruct(id=i, vector=vector(i, number, EXTRA_SIZE).tolist()) for i in range(20)]
    return Operation(
        lambda client, wait: client.upsert(SIDE, made, wait=wait, shard_key_selector=SHARD),
        lambda after: setattr(after, "side", dict.fromkeys(range(20), number)),
        SIDE,
    )


def _alias(number: int, state: State, random: Random) -> Operation:
    if state.alias:
        change: Any = models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=ALIAS))
    else:
        made = models.CreateAlias(collection_name=NAME, alias_name=ALIAS)
        change = models.CreateAliasOperation(create_alias=made)
    return Operation(
        lambda client, wait: client.update_collection_aliases([change]),
        lambda after: setattr(after, "alias", not state.alias),
    )


def after(state: State, number: int) -> State:
    """The state after operation ``number``."""
    changed = copy.deepcopy(state)
    operation(number, state).apply(changed)
    return changed


def create(client: Any) -> None:
    """Make the collection, with thresholds so low that indexing and compaction always have work."""
    client.create_collection(
        NAME,
        vectors_config={
            "v": models.VectorParams(size=SIZE, distance=models.Distance.EUCLID),
            "m": models.VectorParams(
                size=EXTRA_SIZE,
                distance=models.Distance.DOT,
                multivector_config=models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM),
            ),
        },
        optimizers_config=models.OptimizersConfigDiff(
            indexing_threshold=10, deleted_threshold=0.1, vacuum_min_vector_number=100
        ),
        hnsw_config=models.HnswConfigDiff(m=8, ef_construct=40, full_scan_threshold=10),
    )


# --- comparing


def read(client: Any) -> tuple[State, dict[tuple[int, str], npt.NDArray[np.float64]]]:
    """What the database holds; vectors apart, since they are no stamps."""
    state = State()
    vectors: dict[tuple[int, str], npt.NDArray[np.float64]] = {}
    for row in rows(client.scroll(NAME, limit=EVERYTHING, with_vectors=True)[0]):
        state.payloads[row.id] = row.payload
        for name, value in (row.vectors or {}).items():
            vectors[row.id, name] = value
    info = client.get_collection(NAME)
    assert info.points_count == len(state.payloads) == client.count(NAME).count
    state.indexes = set(info.payload_schema)
    state.extra = "extra" in info.config.params.vectors
    state.alias = any(alias.alias_name == ALIAS for alias in client.get_aliases().aliases)
    if client.collection_exists(SIDE):
        state.side = {}
        state.shard = SHARD in [described.key for described in client.list_shard_keys(SIDE).shard_keys or []]
        for row in rows(client.scroll(SIDE, limit=EVERYTHING, with_vectors=True)[0]):
            vectors[row.id, SIDE] = row.vectors[""]
            state.side[row.id] = -1
    return state, vectors


def _same(value: npt.NDArray[np.float64], want: npt.NDArray[np.float32]) -> bool:
    return value.shape == want.shape and np.allclose(value, want, atol=1e-5)


def differences(client: Any, want: State) -> list[str]:
    """Where the database differs from a state, in words."""
    got, vectors = read(client)
    found = []
    for name in ("indexes", "extra", "alias", "shard"):
        if getattr(got, name) != getattr(want, name):
            found.append(f"{name}: {getattr(got, name)} instead of {getattr(want, name)}")
    wrong = {i for i in {*got.payloads, *want.payloads} if got.payloads.get(i) != want.payloads.get(i)}
    for point in sorted(wrong)[:5]:
        found.append(f"point {point}: payload {got.payloads.get(point)} instead of {want.payloads.get(point)}")
    expected = {(i, name): stamp for i, stamps in want.stamps.items() for name, stamp in stamps.items()}
    if want.side is not None:
        expected |= {(i, SIDE): stamp for i, stamp in want.side.items()}
    if (got.side is None) != (want.side is None):
        found.append(f"side collection: {got.side} instead of {want.side}")
    for point, name in sorted({*vectors, *expected}):
        value, stamp = vectors.get((point, name)), expected.get((point, name))
        want_value = None if stamp is None else stored(name, point, stamp)
        if value is None or want_value is None or not _same(value, want_value):
            found.append(f"point {point}: vector {name!r} {value} is not the one of operation {stamp}")
            break
    return found
