"""Small random worlds: vector settings, ids, vectors, payloads and filters, as models of the Qdrant dialect.

The pools are small on purpose, so that values meet: filters let some points through, scores tie, ids come twice.
Everything comes from one seed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, timezone
from random import Random
from typing import Any, TypeVar

from quiverdb.qdrant import models

T = TypeVar("T")

FLOAT16 = models.Datatype.FLOAT16
UINT8 = models.Datatype.UINT8
DATATYPES = [None, None, models.Datatype.FLOAT32, FLOAT16, UINT8]
MAX_SIM = models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM)
DISTANCES = [models.Distance.COSINE, models.Distance.DOT, models.Distance.EUCLID, models.Distance.MANHATTAN]

_FLOATS = [-3.0, -2.0, -1.0, 0.0, 0.0, 1.0, 1.0, 2.0, 3.0, 0.5, -1.25, 0.1, 100.0, 0.6, 0.8]
_HALVES = [-8.0, -2.0, -0.5, 0.0, 0.25, 1.0, 1.0, 3.0, 8.0]
_BYTES = [0.0, 1.0, 1.0, 2.0, 7.0, 128.0, 255.0, 1.9, 300.0, -4.0]

UUIDS = [
    "00000000-0000-0000-0000-000000000001",
    "550e8400-e29b-41d4-a716-446655440000",
    "ffffffff-ffff-ffff-ffff-fffffffffffe",
]
IDS: list[int | str] = [*range(9), 2**63 + 5, 2**64 - 1, *UUIDS, "550E8400E29B41D4A716446655440000"]
"""The last one is another spelling of a UUID before it."""

_MESSY: list[Any] = [
    *(0, 1, 2, -1, 1.0, 1.5, 2**53 + 1, True, False, None, "", "1", "x", "red"),
    *([], [1, 2], [1.5, "x", None], [None], [[1, 2], 3], [True, 0], {}, {"a": 1}, [{"a": 1}, {"a": 2}, 7]),
]
_DATES = [
    *("2024-01-02T03:04:05Z", "2024-01-02T03:04:05+02:00", "2024-01-02T03:04:05.123456", "2024-01-02 03:04:05"),
    *("2024-01-02", "2023-12-31T23:59:59.999999-11:00", "2024-01-02T03:04Z", "no date", "2024-13-01"),
]
_KEYWORDS = ["red", "green", "Blue", "blue", "", "naïve", "red green"]
_PLACES = [
    *({"lon": 13.4, "lat": 52.5}, {"lon": 2.35, "lat": 48.85}, {"lon": 179.9, "lat": -17.0}),
    *({"lon": -179.9, "lat": -17.5}, {"lon": 0.0, "lat": 0.0}),
]
_TEXTS = [
    *("The quick brown Fox", "quick fox, quick!", "fox-trot and brown bread", "ÜBER größe", ""),
    *("a quick", "42 foxes; 42"),
]
_SCALARS: dict[str, list[Any]] = {
    "i": [-5, 0, 1, 2, 3, 10**12],
    "f": [-1.5, 0.0, 0.25, 1.0, 2.5, 1e10],
    "d": _DATES,
    "k": _KEYWORDS,
    "b": [True, False],
    "u": UUIDS[:2],
    "g": _PLACES,
    "t": _TEXTS,
}
"""Fields that hold one of these values or an array of them."""

SET_KEYS = ["o", "o.a", "arr[0]", "arr[]", "o.list[1]", "new", "new.deep", '"x.y"', "n", "arr[7]"]
DELETE_KEYS = [
    "n",
    "i",
    "t",
    "o",
    "o.a",
    "o.list",
    "o.list[].p",
    "arr[0]",
    "arr[0].p",
    "arr[].q",
    "arr[]",
    '"x.y"',
    "no",
]
PATHS = [
    *(
        "n",
        "i",
        "f",
        "d",
        "k",
        "b",
        "u",
        "g",
        "t",
        '"x.y"',
        "x.y",
        "arr",
        "arr[]",
        "arr[].p",
        "arr[0].p",
        "arr[1]",
        "arr.p",
    ),
    *("o", "o.a", "o.a[]", "o.list[].p", "o.list[].q", "o.list[0]", "o.p", "n[]", "n[0]", "i[]", "k[0]", "no", "o.no"),
]
_INTEGERS = [-5, 0, 1, 2, 3, 7, 10**12, 2**53 + 1]
_STRINGS = ["red", "blue", "x", "1", "", "y", "2024-01-02", *UUIDS[:2]]
_BOUNDS = [-5.0, -1.0, 0.0, 0.25, 1.0, 1.5, 2.0, 3.0, float(2**53), 1e12]
INSTANTS = [
    datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC),
    datetime(2024, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2))),
    datetime(2024, 1, 2, 3, 4, 5, 123456),
    datetime(2024, 1, 2),
    date(2024, 1, 2),
    datetime(2023, 1, 1, tzinfo=UTC),
]
_BOXES = [(0.0, 60.0, 20.0, 40.0), (170.0, 0.0, -170.0, -30.0), (-1.0, 1.0, 1.0, -1.0)]
_TEXT_TESTS = [
    *(models.MatchText(text=text) for text in ["fox", "Quick fox", "brown FOX", "größe", "42", "ox", "", "fo"]),
    *(models.MatchTextAny(text_any=text) for text in ["fox bread", "zzz", "QUICK", "über trot"]),
    *(models.MatchPhrase(phrase=text) for text in ["quick brown", "fox quick", "brown fox", "42 foxes"]),
]
_STRING_TESTS = [
    *(models.MatchPrefix(prefix=text) for text in ["re", "Bl", "", "The q", "2024"]),
    *(models.MatchSubstring(substring=text) for text in ["e", "ee", "fox", "Fox", "ïv", "2024-01"]),
]


def _ring(corners: list[tuple[float, float]]) -> models.GeoLineString:
    return models.GeoLineString(points=[models.GeoPoint(lon=x, lat=y) for x, y in [*corners, corners[0]]])


_EUROPE = _ring([(-5.0, 40.0), (-5.0, 60.0), (20.0, 60.0), (20.0, 40.0)])
_PARIS = _ring([(1.0, 48.0), (1.0, 50.0), (4.0, 50.0), (4.0, 48.0)])


@dataclass(frozen=True)
class World:
    """The named vectors of a collection; a single vector without a name is called ``""``."""

    vectors: dict[str, models.VectorParams]

    @property
    def single(self) -> bool:
        return "" in self.vectors

    @property
    def names(self) -> list[str]:
        return sorted(self.vectors)

    @property
    def config(self) -> Any:
        return self.vectors[""] if self.single else self.vectors

    @property
    def tolerance(self) -> float:
        """Half floats are rounded in another order by different engines."""
        half = any(params.datatype == FLOAT16 for params in self.vectors.values())
        return 4e-3 if half else 1e-4

    def adding(self, name: str, params: models.VectorParams) -> World:
        return replace(self, vectors={**self.vectors, name: params})

    def dropping(self, name: str) -> World:
        return replace(self, vectors={key: value for key, value in self.vectors.items() if key != name})


class Dice:
    """Throws worlds and what is in them."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def number(self, low: int, high: int) -> int:
        return self.random.randint(low, high)

    def pick(self, values: Sequence[T]) -> T:
        return self.random.choice(values)

    def some(self, values: Sequence[T], low: int, high: int) -> list[T]:
        return [self.pick(values) for _ in range(self.number(low, high))]

    def subset(self, values: Sequence[T], low: int, high: int) -> list[T]:
        return self.random.sample(values, min(len(values), self.number(low, high)))

    # --- vectors

    def params(self) -> models.VectorParams:
        size, distance = self.number(1, 4), self.pick(DISTANCES)
        rows = MAX_SIM if self.chance(0.25) else None
        return models.VectorParams(size=size, distance=distance, datatype=self.pick(DATATYPES), multivector_config=rows)

    def world(self) -> World:
        names = [""] if self.chance(0.4) else self.subset(["a", "b", "long name"], 1, 3)
        return World({name: self.params() for name in names})

    def vector(self, of: models.VectorParams) -> Any:
        """A dense vector, or the rows of a multivector."""
        pool = {FLOAT16: _HALVES, UINT8: _BYTES}.get(of.datatype, _FLOATS)
        if of.multivector_config is None or self.chance(0.1):
            return self.some(pool, of.size, of.size)
        return [self.some(pool, of.size, of.size) for _ in range(self.number(1, 4))]

    def point_vectors(self, world: World, least: int = 0) -> Any:
        """Some or all vectors of a point; a single unnamed vector comes bare or by its name."""
        if world.single and self.chance(0.8):
            return self.vector(world.vectors[""])
        names = world.names if self.chance(0.6) else self.subset(world.names, least, len(world.names))
        return {name: self.vector(world.vectors[name]) for name in names}

    # --- points

    def id(self) -> int | str:
        return self.pick(IDS)

    def ids(self, low: int, high: int) -> list[int | str]:
        return self.some(IDS, low, high)

    def _one_or_many(self, values: list[Any]) -> Any:
        return self.some(values, 0, 3) if self.chance(0.35) else self.pick(values)

    def _objects(self) -> list[Any]:
        return [self.pick([1, "x"]) if self.chance(0.15) else self._object() for _ in range(self.number(0, 3))]

    def _object(self) -> dict[str, Any]:
        made: dict[str, Any] = {}
        if self.chance(0.75):
            made["p"] = self.pick([1, 1, 2, 2, None, [1, 3]])
        if self.chance(0.75):
            made["q"] = self.pick(["x", "y"])
        return made

    def _field(self, name: str) -> Any:
        match name:
            case "n":
                return self.pick(_MESSY)
            case "arr":
                return {"p": 1, "q": "x"} if self.chance(0.1) else self._objects()
            case "o":
                parts = {"a": lambda: self.pick(_MESSY), "list": self._objects, "p": lambda: self.number(1, 2)}
                return {key: make() for key, make in parts.items() if self.chance(0.7)}
            case "x.y":
                return self.pick([1, "x"])
            case _:
                return self._one_or_many(_SCALARS[name])

    def payload(self) -> dict[str, Any]:
        if self.chance(0.05):
            return {}
        return {name: self._field(name) for name in [*_SCALARS, "n", "arr", "o", "x.y"] if self.chance(0.7)}

    def change(self) -> dict[str, Any]:
        """A payload to merge in; nulls remove keys."""
        if self.chance(0.3):
            return {
                key: self.number(1, 2) if key == "p" else self.pick(_MESSY)
                for key in self.subset(["a", "p", "new"], 0, 2)
            }
        names = self.subset([*_SCALARS, "n", "arr", "o", "x.y"], 0, 3)
        return {name: None if self.chance(0.25) else self._field(name) for name in names}

    # --- filters

    def _between(self, kind: Any, values: list[Any]) -> Any:
        return kind(**{name: self.pick(values) for name in self.subset(["lt", "lte", "gt", "gte"], 1, 2)})

    def _value(self) -> models.MatchValue:
        return models.MatchValue(value=self.pick([*_INTEGERS, *_STRINGS, True, False]))

    def _match(self, values: list[Any]) -> Any:
        """Match one, any or none of some values, which are all integers or all strings."""
        kind = self.number(0, 2)
        if kind == 0:
            return models.MatchValue(value=self.pick(values))
        chosen = self.some(values, 0, 3)
        return models.MatchAny(any=chosen) if kind == 1 else models.MatchExcept(**{"except": chosen})

    def _geo(self) -> dict[str, Any]:
        kind = self.number(0, 2)
        if kind == 0:
            left, top, right, bottom = self.pick(_BOXES)
            corners = {"top_left": (left, top), "bottom_right": (right, bottom)}
            points = {name: models.GeoPoint(lon=lon, lat=lat) for name, (lon, lat) in corners.items()}
            return {"geo_bounding_box": models.GeoBoundingBox(**points)}
        if kind == 1:
            center = models.GeoPoint(**self.pick(_PLACES))
            return {"geo_radius": models.GeoRadius(center=center, radius=self.pick([1.0, 60_000.0, 900_000.0, 2e7]))}
        return {"geo_polygon": models.GeoPolygon(exterior=_EUROPE, interiors=self.pick([None, [_PARIS]]))}

    def _shape(self) -> dict[str, Any]:
        kind = self.pick(["values_count", "is_empty", "is_null"])
        if kind == "values_count":
            return {kind: self._between(models.ValuesCount, [0, 1, 2, 3])}
        return {kind: self.chance(0.5)}

    def _tests(self) -> dict[str, Callable[[], dict[str, Any]]]:
        """Tests by the kind of field that they suit."""
        return {
            "i": lambda: {"match": self._match(_INTEGERS)},
            "f": lambda: {"range": self._between(models.Range, _BOUNDS)},
            "d": lambda: {"range": self._between(models.DatetimeRange, INSTANTS)},
            "k": lambda: {
                "match": self.pick([self._match(_STRINGS), self._match(_KEYWORDS), self.pick(_STRING_TESTS)])
            },
            "b": lambda: {"match": models.MatchValue(value=self.chance(0.5))},
            "u": lambda: {"match": self._match(UUIDS[:2])},
            "g": self._geo,
            "t": lambda: {"match": self.pick([self.pick(_TEXT_TESTS), self.pick(_STRING_TESTS)])},
            "n": lambda: {"match": self.pick([self._value(), self._match(_INTEGERS), self._match(_STRINGS)])},
            "shape": self._shape,
            "both": lambda: {"match": self._match(_INTEGERS), "range": self._between(models.Range, _BOUNDS)},
        }

    def _field_condition(self, paths: list[str] | None = None) -> models.FieldCondition:
        tests = self._tests()
        name = self.pick(sorted(tests))
        suited = {
            "f": ["f", "f", "i", "n"],
            "i": ["i", "i", "o.p", "arr[].p", "o.list[].p", "n"],
            "n": ["n", "o.a", "n[]"],
        }
        key = self.pick(suited.get(name, [name])) if name in _SCALARS or name in suited else self.pick(PATHS)
        if paths or self.chance(0.25):
            key = self.pick(paths or PATHS)
        test = tests[name]()
        if "is_empty" in test or "is_null" in test:
            # Where a path has several values, the core asks each of them and the specification all of them.
            key = key.replace("[]", "")
        return models.FieldCondition(key=key, **test)

    def _leaf(self, paths: list[str] | None = None) -> Any:
        kind = self.number(0, 9)
        key = self.pick(paths or PATHS)
        if kind == 0:
            return models.IsEmptyCondition(is_empty=models.PayloadField(key=key))
        if kind == 1:
            return models.IsNullCondition(is_null=models.PayloadField(key=key))
        return self._field_condition(paths)

    def _on_point(self, names: list[str]) -> Any:
        kind = self.number(0, 2)
        if kind == 0:
            return models.HasIdCondition(has_id=self.ids(0, 5))
        if kind == 1:
            return models.HasVectorCondition(has_vector=self.pick(names or ["none"]))
        total = self.number(1, 4)
        return models.SliceCondition(slice=models.Slice(total=total, index=self.number(0, total - 1)))

    def _nested(self) -> models.NestedCondition:
        """Ask for one array element: mostly by the values that the elements have."""
        values: list[Any] = [
            models.FieldCondition(key="p", match=self._match([1, 2, 3])),
            models.FieldCondition(key="q", match=self._match(["x", "y"])),
            models.FieldCondition(key="p", range=self._between(models.Range, [0.0, 1.0, 2.0])),
            self._leaf(["p", "q", "p[]", "no"]),
        ]
        inner = self._clauses(lambda: self.pick(values))
        return models.NestedCondition(
            nested=models.Nested(key=self.pick(["arr", "arr[]", "o.list", "o", "n"]), filter=inner)
        )

    def _clauses(self, leaf: Callable[[], Any]) -> models.Filter:
        """An empty ``should`` is left out: the core reads it in two ways, with an index and without."""
        names = self.pick(
            [["must"], ["should"], ["must_not"], ["min_should"], ["must", "should"], ["must", "must_not"]]
        )
        made: dict[str, Any] = {name: [leaf() for _ in range(self.number(1, 2))] for name in names}
        if "min_should" in made:
            conditions = [leaf() for _ in range(self.number(1, 3))]
            made["min_should"] = models.MinShould(conditions=conditions, min_count=self.number(1, 2))
        return models.Filter(**made)

    def filter(self, names: list[str], depth: int = 2) -> models.Filter:
        """A filter of any conditions; ``names`` are the collection's vectors."""

        def leaf() -> Any:
            kind = self.number(0, 19)
            if kind == 0 and depth:
                return self.filter(names, depth - 1)
            if kind <= 2:
                return self._nested()
            return self._on_point(names) if kind <= 4 else self._leaf()

        return self._clauses(leaf)

    def maybe_filter(self, names: list[str]) -> models.Filter | None:
        return self.filter(names) if self.chance(0.5) else None

    # --- selectors

    def payload_selector(self) -> Any:
        kind = self.number(0, 3)
        paths = self.some(PATHS, 0, 3)
        if kind == 0:
            return self.chance(0.5)
        if kind == 1:
            return paths
        return (
            models.PayloadSelectorInclude(include=paths) if kind == 2 else models.PayloadSelectorExclude(exclude=paths)
        )

    def vector_selector(self, names: list[str]) -> Any:
        named = [name for name in names if name]
        return self.subset(named, 0, 2) if named and self.chance(0.5) else self.chance(0.5)

    def selector(self, names: list[str], *, wrap: bool = True) -> Any:
        """Points by id, some of which may be missing, or by filter."""
        if self.chance(0.5):
            chosen = self.filter(names)
            return models.FilterSelector(filter=chosen) if wrap and self.chance(0.5) else chosen
        ids = self.ids(1, 3)
        return models.PointIdsList(points=ids) if wrap and self.chance(0.5) else ids
