"""Which route a request takes: paths as a tree of steps, where ``{name}`` stands for any one step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Generic, TypeVar
from urllib.parse import unquote

from quiverdb.errors import InvalidInputError

__all__ = ["MethodError", "PathError", "Router"]

T = TypeVar("T")
_Found = tuple[T, Mapping[str, str]]


class PathError(LookupError):
    """Tell that no route has this path."""


class MethodError(LookupError):
    """Tell that the routes of this path have other methods, those in ``allowed``."""

    def __init__(self, allowed: tuple[str, ...]) -> None:
        super().__init__(allowed)
        self.allowed = allowed


class _Step(Generic[T]):
    def __init__(self) -> None:
        self.steps: dict[str, _Step[T]] = {}
        self.ends: dict[str, tuple[T, tuple[str, ...]]] = {}
        """By method: the target, and the names of what the braces stand for."""


_ANY = "{}"


class Router(Generic[T]):
    """Find the target of a method and path.

    >>> router = Router[str]()
    >>> router.add("GET", "/collections/{name}", "info")
    >>> router.find("HEAD", "/collections/a%2Fb")
    ('info', {'name': 'a/b'})
    """

    def __init__(self, *, exact: bool = False) -> None:
        self._root = _Step[T]()
        self._exact = exact
        """Whether a slash at the end of a path counts."""
        self.find = lru_cache(maxsize=1024)(self._find)
        """As ``_find``; most requests are for a few paths."""

    def add(self, method: str, path: str, target: T) -> None:
        """Lead a method and path to a target."""
        step, names = self._root, []
        for part in path.split("/")[1:]:
            if part.startswith("{"):
                names.append(part[1:-1])
                part = _ANY
            step = step.steps.setdefault(part, _Step[T]())
        step.ends[method] = (target, tuple(names))

    def _find(self, method: str, path: str) -> _Found[T]:
        """Return the target of a method and a quoted path, and what the braces stand for.

        Raise ``PathError`` or ``MethodError`` if there is none, ``InvalidInputError`` for a path that is no UTF-8.
        """
        try:
            steps = (path if self._exact else path.rstrip("/")).split("/")[1:]
            parts = [unquote(part, errors="strict") for part in steps] or [""]
        except UnicodeDecodeError:
            raise InvalidInputError("it is not UTF-8", fault="path") from None
        found = list(self._walk(self._root, parts, 0, ()))
        if not found:
            raise PathError(path)
        for wanted in (method, "GET") if method == "HEAD" else (method,):
            for step, values in found:
                if wanted in step.ends:
                    target, names = step.ends[wanted]
                    return target, dict(zip(names, values, strict=True))
        known = {method for step, _ in found for method in step.ends}
        raise MethodError(tuple(sorted(known | ({"HEAD"} if "GET" in known else set()))))

    def _walk(
        self, step: _Step[T], parts: list[str], depth: int, values: tuple[str, ...]
    ) -> Iterator[tuple[_Step[T], tuple[str, ...]]]:
        """Yield the ends that a path may mean, literal steps before those that may be anything."""
        if depth == len(parts):
            if step.ends:
                yield step, values
            return
        part = parts[depth]
        if part != _ANY and (literal := step.steps.get(part)) is not None:
            yield from self._walk(literal, parts, depth + 1, values)
        if part and (anything := step.steps.get(_ANY)) is not None:
            yield from self._walk(anything, parts, depth + 1, (*values, part))
