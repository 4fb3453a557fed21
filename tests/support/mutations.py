"""Requests that are almost right: JSON of which a few values were replaced, dropped, doubled or moved."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

__all__ = ["EVIL", "Literal", "bytes_changed", "changed", "written"]


@dataclass(frozen=True)
class Literal:
    """What stands in JSON as it is, JSON or not."""

    text: bytes


def deep(opening: bytes, closing: bytes, depth: int) -> Literal:
    return Literal(opening * depth + b"1" + closing * depth)


EVIL: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 0.5, -0.0, "", "1", "x", "\0", "../../etc/passwd", "a[].b[0]", "%s%n{0}", "x" * 10_000,
    "😀" * 300, [], {}, [[]], [{}], [None], {"": None}, {"id": 1}, {"key": {}}, {"must": []}, [[1.0, 2.0], [3.0]],
    2**31, 2**32, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**63) - 1, 10**30, 1e38, 1e308, -1e308, 5e-324,
    *(Literal(text) for text in (
        b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e999", b"1e-999", b"0x10", b"01", b"1.", b".5", b"+1", b"1_0",
        b"9" * 5000, b"0." + b"9" * 5000, b"1e" + b"9" * 5000, b'"\\ud800"', b'"\\udc00\\ud800"', b'"\xff\xfe"',
        b'"\\x"', b'"\xed\xa0\x80"', b'"\n"', b"tru", b"{", b"]", b"",
        b"/**/1", b'{"a":1,"a":2}', b'{"must":[],"must":{}}',
        b"[1,]", b'{"a":1,}', b"[" + b"0," * 20_000 + b"0]",
    )),
    deep(b"[", b"]", 60), deep(b"[", b"]", 100_000), deep(b'{"must":[', b"]}", 60), deep(b'{"must":', b"}", 100),
    deep(b'{"nested":{"key":"a","filter":', b"}}", 50), deep(b'{"prefetch":', b"}", 100), deep(b'{"sum":[', b"]}", 60),
    deep(b'{"a":', b"}", 120),
)  # fmt: skip
"""Values that hardly fit anywhere."""


def _evil(random: Random) -> Any:
    return copy.deepcopy(random.choice(EVIL))


Spot = tuple[Any, Any]
"""A container, and the key or place in it."""


def spots(tree: Any) -> Iterator[Spot]:
    """All places where a value stands."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for place, value in list(items):
        yield tree, place
        yield from spots(value)


def changed(tree: Any, random: Random, times: int = 1) -> Any:
    """A copy of a tree in which a few things are other than they should be."""
    root = [json.loads(json.dumps(tree))]
    for _ in range(times):
        all_spots = list(spots(root))
        if not all_spots:
            break
        random.choice(_CHANGES)(random, all_spots, *random.choice(all_spots))
    return root[0] if root else {}


def _replace(random: Random, _: list[Spot], inside: Any, place: Any) -> None:
    inside[place] = _evil(random)


def _drop(_: Random, __: list[Spot], inside: Any, place: Any) -> None:
    del inside[place]


def _wrap(random: Random, _: list[Spot], inside: Any, place: Any) -> None:
    inside[place] = random.choice([[inside[place]], {"x": inside[place]}, [inside[place]] * 50])


def _turn_to_text(_: Random, __: list[Spot], inside: Any, place: Any) -> None:
    inside[place] = str(inside[place])


def _move(random: Random, all_spots: list[Spot], inside: Any, place: Any) -> None:
    other, there = random.choice(all_spots)
    inside[place] = json.loads(written(other[there])) if _is_plain(other[there]) else _evil(random)


def _add(random: Random, _: list[Spot], inside: Any, place: Any) -> None:
    if isinstance(inside, dict):
        inside[random.choice(["x", "", "limit", "filter", "using", "id", "\0"])] = _evil(random)
    else:
        inside.insert(place, _evil(random))


def _rename(_: Random, __: list[Spot], inside: Any, place: Any) -> None:
    if isinstance(inside, dict):
        inside[place[::-1]] = inside.pop(place)


def _scale(random: Random, _: list[Spot], inside: Any, place: Any) -> None:
    value = inside[place]
    if isinstance(value, int | float) and not isinstance(value, bool):
        inside[place] = value * random.choice([-1, 0.5, 1000, 2**32, 2**64])
    else:
        inside[place] = _evil(random)


_CHANGES: tuple[Callable[[Random, list[Spot], Any, Any], None], ...] = (
    _replace, _replace, _replace, _replace, _drop, _wrap, _turn_to_text, _move, _add, _rename, _scale,
)  # fmt: skip


def _is_plain(value: Any) -> bool:
    try:
        json.dumps(value)
    except TypeError:
        return False
    return True


def written(tree: Any) -> bytes:
    """A tree as JSON, with its literals as they are."""
    match tree:
        case Literal():
            return tree.text
        case dict():
            return b"{%b}" % b",".join(b"%b:%b" % (written(str(key)), written(value)) for key, value in tree.items())
        case list():
            return b"[%b]" % b",".join(map(written, tree))
        case _:
            return json.dumps(tree).encode()


def bytes_changed(data: bytes, random: Random) -> bytes:
    """Bytes of which some were flipped, lost, doubled or put elsewhere."""
    changed = bytearray(data)
    for _ in range(random.choice([1, 1, 2, 5])):
        at, to = sorted(random.choices(range(len(changed) + 1), k=2))
        match random.randrange(6):
            case 0 | 1 if at < len(changed):
                changed[at] ^= 1 << random.randrange(8)
            case 2:
                del changed[at:to]
            case 3:
                changed[at:at] = changed[at : min(to, at + 100)]
            case 4:
                changed[at:at] = random.randbytes(random.choice([1, 2, 8]))
            case _ if at < len(changed):
                changed[at] = random.choice([0, 0x7F, 0x80, 0xFF])
    return bytes(changed)
