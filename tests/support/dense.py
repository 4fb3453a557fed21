"""Many random payloads and filters from a seed: in hundreds of points nearly every condition divides."""

from __future__ import annotations

from random import Random
from typing import Any

from strategies import DATES, DEGREES, FLOATS, IDS, INTEGERS, LATITUDES, MOMENTS, SMALL, STRINGS, UUIDS, WORDS

from quiverdb.model.filter import (
    Condition,
    DatetimeRange,
    Filter,
    GeoBox,
    GeoPoint,
    GeoPolygon,
    GeoRadius,
    HasId,
    HasVector,
    IsEmpty,
    IsNull,
    MatchAny,
    MatchExcept,
    MatchPrefix,
    MatchSubstring,
    MatchText,
    MatchValue,
    MinShould,
    Nested,
    Range,
    Slice,
    ValuesCount,
)

__all__ = ["KEYS_BY_KIND", "Dice"]

KEYS_BY_KIND = {
    "string": ("s", "ss", "o[].s", "mixed"),
    "text": ("t", "ts", "o[].t", "mixed"),
    "integer": ("i", "is", "o[].i", "mixed", "o[0].i"),
    "number": ("i", "f", "fs", "o[].i", "mixed"),
    "bool": ("b", "mixed"),
    "date": ("d", "ds", "mixed"),
    "place": ("g", "gs", "mixed"),
    "uuid": ("u", "us", "o[].u"),
    "any": (
        "s",
        "ss",
        "t",
        "is",
        "f",
        "b",
        "ds",
        "g",
        "mixed",
        "o",
        "o[]",
        "o[].i",
        "o[].s",
        "deep.x",
        "deep.o[].i",
        "zz",
    ),
}
QUERIES = ("red", "fox", "fox red", "red fox", "jumps", "RED", "the jumps fox", "straße", "re", "")


class Dice:
    """Draw payloads, conditions and filters."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.pick = self.random.choice

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def some(self, draw: Any, low: int, high: int) -> list[Any]:
        return [draw() for _ in range(self.random.randint(low, high))]

    # --- payloads

    def payload(self) -> dict[str, Any]:
        pick, place = self.pick, self._place_value
        whole: dict[str, Any] = {
            "s": pick(STRINGS),
            "ss": self.some(lambda: pick(WORDS), 0, 4),
            "t": pick(WORDS),
            "ts": self.some(lambda: pick(WORDS), 1, 3),
            "i": pick(INTEGERS),
            "is": self.some(lambda: pick(INTEGERS), 0, 3),
            "f": pick((*FLOATS, *SMALL)),
            "fs": self.some(lambda: pick(FLOATS), 1, 3),
            "b": pick((True, False, [True, False])),
            "d": pick(DATES),
            "ds": self.some(lambda: pick((*DATES, "soon")), 0, 3),
            "g": place(),
            "gs": self.some(place, 0, 3),
            "u": pick((*UUIDS, UUIDS[0].upper())),
            "us": self.some(lambda: pick((*UUIDS, UUIDS[0].upper(), "x")), 1, 2),
            "o": self.objects(),
            "deep": {"x": self.scalar(), "o": self.objects()},
            "mixed": self.scalar() if self.chance(0.5) else self.some(self.scalar, 0, 4),
        }
        kept = {key: value for key, value in whole.items() if not self.chance(0.2)}
        for key in kept:
            if self.chance(0.08):
                kept[key] = pick((None, [], [None], [[1], None], {}, [kept[key]]))
        return kept

    def objects(self) -> Any:
        if self.chance(0.1):
            return self.pick(({"i": 1, "s": "red"}, 5, [[{"i": 1}]], None))
        return self.some(self._object, 0, 3)

    def _object(self) -> Any:
        pick = self.pick
        whole = {"i": pick((*SMALL, 1.0, None, [1, 2])), "s": pick(WORDS), "t": pick((*WORDS, [*WORDS[:2]]))}
        whole |= {"u": pick((UUIDS[0], UUIDS[0].upper())), "o": self.some(lambda: {"i": pick(SMALL)}, 0, 2)}
        return {key: value for key, value in whole.items() if not self.chance(0.3)} if self.chance(0.95) else 7

    def scalar(self) -> Any:
        pick = self.pick
        return pick(
            (None, pick(STRINGS), pick(INTEGERS), pick(FLOATS), pick((True, False)), self._place_value(), {"x": 1})
        )

    def _place_value(self) -> Any:
        found: dict[str, Any] = {"lon": self.pick(DEGREES), "lat": self.pick(LATITUDES)}
        if self.chance(0.05):
            found[self.pick(("lon", "lat"))] = self.pick((None, "1", True, 1))
        return found

    # --- conditions

    def key(self, kind: str) -> str:
        return self.pick(KEYS_BY_KIND[kind if self.chance(0.9) else "any"])

    def condition(self, *, slices: bool = True) -> Condition:
        draw = self.pick((self._match, self._match, self._text, self._range, self._place, self._shape, self._point))
        found = draw()
        return self.condition(slices=slices) if isinstance(found, Slice) and not slices else found

    def _match(self) -> Condition:
        pick = self.pick
        match pick(("string", "integer", "bool", "uuid", "part")):
            case "string":
                return self._listed("string", STRINGS)
            case "integer":
                return self._listed("integer", (*SMALL, 2**53 + 1, -(2**63)))
            case "uuid":
                return self._listed("uuid", (*UUIDS, UUIDS[0].upper(), UUIDS[0].replace("-", "")))
            case "bool":
                return MatchValue(self.key("bool"), pick((True, False)))
            case _:
                if self.chance(0.5):
                    return MatchPrefix(self.key("string"), pick(("", "r", "Re", "the", "2020")))
                return MatchSubstring(self.key("string"), pick(("ed", "fox", "-", "ß", "zz")))

    def _listed(self, kind: str, pool: tuple[Any, ...]) -> Condition:
        listed = tuple(self.some(lambda: self.pick(pool), 0, 4))
        key = self.key(kind)
        return self.pick((MatchValue(key, self.pick(pool)), MatchAny(key, listed), MatchExcept(key, listed)))

    def _text(self) -> Condition:
        return MatchText(self.key("text"), self.pick(QUERIES), self.pick(("all", "all", "any", "phrase")))

    def _bounds(self, pool: tuple[Any, ...]) -> dict[str, Any]:
        return {name: self.pick(pool) for name in ("lt", "lte", "gt", "gte") if self.chance(0.35)}

    def _range(self) -> Condition:
        if self.chance(0.3):
            return DatetimeRange(self.key("date"), **self._bounds(MOMENTS))
        return Range(self.key("number"), **self._bounds((*FLOATS, 3.0, 2.0**53, 2.0**53 + 2, 2.0**63)))

    def place(self) -> GeoPoint:
        return GeoPoint(self.pick(DEGREES), self.pick(LATITUDES))

    def _ring(self) -> tuple[GeoPoint, ...]:
        ring = [self.place() for _ in range(self.random.randint(3, 5))]
        return (*ring, ring[0])

    def _place(self) -> Condition:
        key = self.key("place")
        holes = (self._ring(),) if self.chance(0.3) else ()
        radius = self.pick((0.0, 1.0, 1.2e5, 2e6, 1e7, 3e7))
        return self.pick(
            (
                GeoBox(key, self.place(), self.place()),
                GeoRadius(key, self.place(), radius),
                GeoPolygon(key, self._ring(), holes),
            )
        )

    def _shape(self) -> Condition:
        key = self.key("any")
        counts = ValuesCount(key, **self._bounds((0, 1, 1, 2, 3)))
        return self.pick((IsEmpty(key), IsNull(key), counts))

    def _point(self) -> Condition:
        total = self.random.randint(1, 5)
        ids = tuple(self.some(lambda: self.pick((*IDS, *range(200))), 0, 60))
        return self.pick(
            (HasId(ids), HasVector(self.pick(("", "image", "zz"))), Slice(total, self.random.randrange(total)))
        )

    # --- filters

    def filter(self, depth: int = 2, *, slices: bool = True) -> Filter:
        def clause(low: int, high: int) -> tuple[Condition, ...]:
            return tuple(self.some(lambda: self.part(depth, slices=slices), low, high))

        least = MinShould(clause(1, 4), self.random.randint(1, 3))
        return self.pick(
            (
                Filter(must=clause(1, 1)),
                Filter(must=clause(2, 3)),
                Filter(should=clause(1, 3)),
                Filter(must_not=clause(1, 2)),
                Filter(min_should=least),
                Filter(must=clause(0, 2), should=clause(0, 2), must_not=clause(0, 1)),
            )
        )

    def part(self, depth: int, *, slices: bool) -> Condition:
        if depth == 0 or self.chance(0.6):
            return self.condition(slices=slices)
        if self.chance(0.5):
            return self.filter(depth - 1, slices=slices)
        return Nested(self.pick(("o", "o[]", "deep.o", "mixed", "o[].o")), self.inner(depth - 1, slices=slices))

    def inner(self, depth: int, *, slices: bool) -> Filter:
        """Draw a filter over the keys of the objects in ``o``."""
        pick = self.pick

        def one() -> Condition:
            if self.chance(0.1):
                return pick((HasId((1,)), HasVector(""), Slice(1, 0) if slices else IsNull("i")))
            if depth > 0 and self.chance(0.15):
                return Nested("o", self.inner(depth - 1, slices=slices))
            if depth > 0 and self.chance(0.15):
                return self.inner(depth - 1, slices=slices)
            integers = (MatchValue("i", pick(SMALL)), MatchAny("i", (1, 2)), MatchExcept("i", (1,)))
            shapes = (IsEmpty("i"), IsNull("i"), ValuesCount("i", **self._bounds((0, 1, 2))))
            text = MatchText("t", pick(QUERIES), pick(("all", "any", "phrase")))
            bounds = Range("i", **self._bounds((0.0, 1.0, 2.0)))
            return pick((*integers, *shapes, text, bounds, MatchValue("u", UUIDS[0]), MatchPrefix("s", "re")))

        def clause(low: int, high: int) -> tuple[Condition, ...]:
            return tuple(self.some(one, low, high))

        return pick(
            (
                Filter(must=clause(1, 1)),
                Filter(must=clause(2, 2)),
                Filter(should=clause(1, 3)),
                Filter(must=clause(1, 1), must_not=clause(1, 1)),
                Filter(min_should=MinShould(clause(2, 3), self.random.randint(1, 2))),
                Filter(must_not=clause(1, 1)),
                Filter(),
            )
        )
