"""Regular expressions that take time in proportion to the text, whatever the pattern.

The patterns are those of Python's ``re``, whose own matcher may take ages for a few characters; here all ways to
match are followed at once, and what was worked out for a character is kept for the next one. What that cannot do,
references back and looking around, is refused.
"""

from __future__ import annotations

import re
import re._constants as sre  # type: ignore[import-not-found]
import re._parser as parser  # type: ignore[import-not-found]
import warnings
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, TypeAlias

from quiverdb.vikingdb.service.reading import invalid

__all__ = ["compile_pattern"]

_LONGEST = 1024
_LARGEST = 2000
_KEPT = 100_000
"""How many states a machine remembers in all, which bounds its memory to a few megabytes."""
_MACHINES = 32

Test: TypeAlias = Callable[[str], bool]
States: TypeAlias = frozenset[int]

_CATEGORIES: dict[Any, Test] = {
    sre.CATEGORY_DIGIT: str.isdecimal,
    sre.CATEGORY_NOT_DIGIT: lambda char: not char.isdecimal(),
    sre.CATEGORY_SPACE: str.isspace,
    sre.CATEGORY_NOT_SPACE: lambda char: not char.isspace(),
    sre.CATEGORY_WORD: lambda char: _is_word(char),
    sre.CATEGORY_NOT_WORD: lambda char: not _is_word(char),
}


def compile_pattern(pattern: str, name: str) -> Callable[[str], bool]:
    """Return what tells whether a pattern matches somewhere in a text; ``name`` it goes by in errors.

    >>> compile_pattern("^(a+)+$", "pattern")("a" * 1000 + "b")
    False
    """
    if len(pattern) > _LONGEST:
        raise invalid(f"{name} takes at most {_LONGEST} characters, got {len(pattern)}")
    try:
        return _compiled(pattern).found_in
    except (re.error, RecursionError, OverflowError) as error:
        raise invalid(f"{name} is no regular expression that can be used: {error}") from error


@lru_cache(maxsize=_MACHINES)
def _compiled(pattern: str) -> _Machine:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parsed = parser.parse(pattern)
    if parsed.state.flags & re.ASCII:
        raise re.error("the flag a is not supported")
    program = _Program(parsed.state.flags)
    program.sequence(parsed)
    program.add(("match",))
    return _Machine(program.steps)


class _Program:
    """Write down the steps of a machine.

    ``("char", test)`` takes a character, ``("at", where)`` is passed at some places only, ``("split", one, other)`` and
    ``("jump", to)`` go on elsewhere, and ``("match",)`` is the end.
    """

    def __init__(self, flags: int) -> None:
        self.steps: list[tuple[Any, ...]] = []
        self._flags = flags

    def add(self, step: tuple[Any, ...]) -> int:
        if len(self.steps) >= _LARGEST:
            raise re.error("it is too large")
        self.steps.append(step)
        return len(self.steps) - 1

    def sequence(self, parsed: Iterable[tuple[Any, Any]]) -> None:
        for kind, value in parsed:
            self._item(kind, value)

    def _item(self, kind: Any, value: Any) -> None:
        match str(kind):
            case "LITERAL" | "NOT_LITERAL" | "ANY" | "IN":
                self.add(("char", _test(kind, value, self._flags)))
            case "SUBPATTERN":
                self._group(*value)
            case "BRANCH":
                self._branch(value[1])
            case "MAX_REPEAT" | "MIN_REPEAT":
                self._repeat(*value)
            case "AT":
                line = "_LINE" if self._flags & re.MULTILINE and str(value) in ("AT_BEGINNING", "AT_END") else ""
                self.add(("at", f"{value}{line}"))
            case other:
                raise re.error(f"{other.lower()} is not supported")

    def _group(self, _number: Any, on: int, off: int, inner: Any) -> None:
        flags = self._flags
        self._flags = (flags | on) & ~off
        self.sequence(inner)
        self._flags = flags

    def _branch(self, options: list[Any]) -> None:
        ends = []
        for option in options[:-1]:
            split = self.add(("split",))
            self.sequence(option)
            ends.append(self.add(("jump",)))
            self.steps[split] = ("split", split + 1, len(self.steps))
        self.sequence(options[-1])
        for end in ends:
            self.steps[end] = ("jump", len(self.steps))

    def _repeat(self, least: int, most: Any, inner: Any) -> None:
        for _ in range(least):
            before = len(self.steps)
            self.sequence(inner)
            if len(self.steps) == before:  # nothing, however often it is repeated
                break
        if most is sre.MAXREPEAT:
            split = self.add(("split",))
            self.sequence(inner)
            self.add(("jump", split))
            self.steps[split] = ("split", split + 1, len(self.steps))
            return
        splits = []
        for _ in range(most - least):
            splits.append(self.add(("split",)))
            self.sequence(inner)
        for split in splits:
            self.steps[split] = ("split", split + 1, len(self.steps))


class _Machine:
    """Follow all ways through the steps at once."""

    def __init__(self, steps: list[tuple[Any, ...]]) -> None:
        self._steps = steps
        self._end = len(steps) - 1
        self._places = tuple(sorted({step[1] for step in steps if step[0] == "at"}))
        self._closures: dict[tuple[States, tuple[bool, ...]], States] = {}
        self._moves: dict[tuple[States, str], States] = {}
        self._held = 0

    def found_in(self, text: str) -> bool:
        """Tell whether there is a match anywhere in a text."""
        states: States = frozenset((0,))
        nowhere: tuple[bool, ...] = ()
        for position in range(len(text) + 1):
            where = tuple(_AT[place](text, position) for place in self._places) if self._places else nowhere
            reached = self._closures.get((states, where))
            if reached is None:
                reached = self._kept(self._closures, (states, where), self._closure(states, where))
            if self._end in reached:
                return True
            if position < len(text):
                move = (reached, text[position])
                states = self._moves.get(move) or self._kept(self._moves, move, self._moved(*move))
        return False

    def _kept(self, cache: dict[Any, States], key: Any, value: States) -> States:
        self._held += len(value) + 1
        if self._held > _KEPT:
            self._closures.clear()
            self._moves.clear()
            self._held = len(value) + 1
        cache[key] = value
        return value

    def _closure(self, states: States, where: tuple[bool, ...]) -> States:
        """Return the states that can be reached without a character."""
        here = dict(zip(self._places, where, strict=True))
        open_, seen = list(states), set(states)
        while open_:
            state = open_.pop()
            step = self._steps[state]
            match step[0]:
                case "split" | "jump":
                    following: tuple[int, ...] = step[1:]
                case "at" if here[step[1]]:
                    following = (state + 1,)
                case _:
                    following = ()
            for to in following:
                if to not in seen:
                    seen.add(to)
                    open_.append(to)
        return frozenset(state for state in seen if self._steps[state][0] in ("char", "match"))

    def _moved(self, states: States, char: str) -> States:
        """Return the states after a character; a match may begin after it, too."""
        return frozenset((0, *(state + 1 for state in states if self._steps[state][1](char))))


def _test(kind: Any, value: Any, flags: int) -> Test:
    test = _plain_test(kind, value, flags)
    if not flags & re.IGNORECASE or str(kind) == "ANY":
        return test
    if str(kind) == "NOT_LITERAL":
        literal = _test(sre.LITERAL, value, flags)
        return lambda char: not literal(char)
    if str(kind) == "IN" and str(value[0][0]) == "NEGATE":
        listed = _test(kind, value[1:], flags)
        return lambda char: not listed(char)
    return lambda char: test(char) or test(char.lower()) or test(char.upper())


def _plain_test(kind: Any, value: Any, flags: int) -> Test:
    match str(kind):
        case "LITERAL":
            wanted = chr(value)
            return lambda char: char == wanted
        case "NOT_LITERAL":
            unwanted = chr(value)
            return lambda char: char != unwanted
        case "ANY":
            return (lambda _char: True) if flags & re.DOTALL else (lambda char: char != "\n")
        case _:
            negated = str(value[0][0]) == "NEGATE"
            tests = tuple(_member(*member) for member in value[negated:])
            return lambda char: any(test(char) for test in tests) is not negated


def _member(kind: Any, value: Any) -> Test:
    match str(kind):
        case "LITERAL":
            wanted = chr(value)
            return lambda char: char == wanted
        case "RANGE":
            low, high = map(chr, value)
            return lambda char: low <= char <= high
        case _:
            return _CATEGORIES[value]


def _is_word(char: str) -> bool:
    return char.isalnum() or char == "_"


def _at_boundary(text: str, position: int) -> bool:
    before = position > 0 and _is_word(text[position - 1])
    return before is not (position < len(text) and _is_word(text[position]))


_AT: dict[str, Callable[[str, int], bool]] = {
    "AT_BEGINNING": lambda _text, position: position == 0,
    "AT_BEGINNING_STRING": lambda _text, position: position == 0,
    "AT_BEGINNING_LINE": lambda text, position: position == 0 or text[position - 1] == "\n",
    "AT_END_LINE": lambda text, position: position == len(text) or text[position] == "\n",
    "AT_END": lambda text, position: position == len(text) or (position == len(text) - 1 and text[-1] == "\n"),
    "AT_END_STRING": lambda text, position: position == len(text),
    "AT_BOUNDARY": _at_boundary,
    "AT_NON_BOUNDARY": lambda text, position: not _at_boundary(text, position),
}
