"""Hundreds of points and filters at a time: the evaluator against Qdrant's core, the indexes against the evaluator."""

from __future__ import annotations

import pytest
from dense import KEYS_BY_KIND, Dice
from edge_filter import EdgePoints, vectors_of
from memory_rows import MemoryRows, SimplePoint

from quiverdb.engine.filter import compile as compiling
from quiverdb.engine.filter.compile import compile_filter
from quiverdb.engine.filter.evaluate import matches
from quiverdb.engine.index import columns
from quiverdb.engine.index import fields as indexing
from quiverdb.engine.index.fields import FieldIndexes
from quiverdb.model.collection import FieldIndex, FieldType

KINDS = {
    "string": FieldType.KEYWORD,
    "text": FieldType.TEXT,
    "integer": FieldType.INTEGER,
    "number": FieldType.FLOAT,
    "bool": FieldType.BOOL,
    "date": FieldType.DATETIME,
    "place": FieldType.GEO,
    "uuid": FieldType.UUID,
}


@pytest.mark.parametrize("seed", range(4))
def test_evaluator_agrees_with_edge(seed: int) -> None:
    dice = Dice(seed)
    points = [SimplePoint(id, dice.payload(), vectors_of(id)) for id in range(200)]
    dividing = 0
    with EdgePoints([point.payload for point in points]) as edge:
        for _ in range(250):
            filter = dice.filter(slices=False)
            found = {point.id for point in points if matches(filter, point)}
            assert found == edge.ids(filter), filter
            dividing += 0 < len(found) < len(points)
    assert dividing > 100


def _declared(dice: Dice) -> dict[str, FieldIndex]:
    found = {}
    for kind, type in KINDS.items():
        for key in KEYS_BY_KIND[kind]:
            if dice.chance(0.3):
                nested = "o" if key.startswith("o[].") and dice.chance(0.3) else None
                phrases = dice.pick((True, None)) if type is FieldType.TEXT else None
                found[key] = FieldIndex(type, nested=nested, phrase_matching=phrases)
    return found


@pytest.mark.parametrize("seed", range(9))
def test_indexes_agree_with_the_evaluator(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    few, tail = (0, 20, 256)[seed % 3], (0, 10, 1024)[seed // 3]
    monkeypatch.setattr(compiling, "_FEW", few)
    monkeypatch.setattr(indexing, "_FEW", few)
    monkeypatch.setattr(columns, "_TAIL", tail)
    dice = Dice(seed)
    rows, fields = MemoryRows(), FieldIndexes(_declared(dice) if seed else {})
    for _ in range(8):
        _change(dice, rows, fields)
        if dice.chance(0.2):
            data = fields.dump()
            fields = FieldIndexes(fields.declared)
            assert fields.restore(data)
        for _ in range(12):
            filter = dice.filter()
            found = {offset for offset in rows.live if matches(filter, rows.points[offset], fields.declared)}
            assert set(compile_filter(filter, rows, fields)) == found, filter


def _change(dice: Dice, rows: MemoryRows, fields: FieldIndexes) -> None:
    """Insert, replace and delete some points."""
    random = dice.random
    new = dice.some(dice.payload, 1, 60)
    ids = random.sample(range(300), len(new))
    fields.insert(rows.insert(ids, new, ("", "image")), new)
    offsets = random.sample(list(rows.live), min(len(rows.live), random.randint(0, 25)))
    old = [rows.payload(offset) for offset in offsets]
    changed = [dice.payload() if dice.chance(0.5) else {**payload, "mixed": dice.scalar()} for payload in old]
    for offset, payload in zip(offsets, changed, strict=True):
        rows.points[offset].payload = payload
    fields.replace(offsets, old, changed)
    for offset in random.sample(list(rows.live), min(len(rows.live), random.randint(0, 5))):
        rows.delete(offset)
