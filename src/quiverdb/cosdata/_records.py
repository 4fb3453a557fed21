"""What the client returns: plain dictionaries whose keys are attributes besides.

``version["id"]`` and ``version.id`` are the same, so programs that take dictionaries and programs that take objects
both find what they look for, and everything can be written as JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NotRequired, Self, TypedDict, overload

__all__ = ["Batches", "Hit", "Neighbor", "Record", "Results", "Vector", "Version", "VersionList"]


class Hit(TypedDict):
    """Describe a vector that a search found; ``text`` is there if it was asked for and is stored."""

    id: str
    document_id: str | None
    score: float
    text: NotRequired[str | None]


class Results(TypedDict):
    """Hold what a search found, the best first."""

    results: list[Hit]
    warning: NotRequired[str]


class Batches(TypedDict):
    """Hold what each search of a batch found."""

    responses: list[Results]
    warning: NotRequired[str]


class Neighbor(TypedDict):
    """Describe a vector that is near another one."""

    id: str
    score: float


class Record(dict[str, Any]):
    """A dictionary whose keys are attributes, too."""

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """Return a record of this data, in which fields that nobody knows are ``None``."""
        return cls({**dict.fromkeys(cls.__annotations__), **data})

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}") from None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{key}={value!r}' for key, value in self.items())})"


class Version(Record):
    """A version: a state of a collection that has a number.

    >>> version = Version.of({"version_number": 3, "vector_count": 10})
    >>> version.version_number, version["vector_count"], version.description
    (3, 10, None)
    """

    hash: int
    version_number: int
    timestamp: int
    vector_count: int
    id: str
    description: str | None

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """Return a version of this data; its id and hash are its number unless the server tells others."""
        number = data["version_number"]
        known = {"hash": number, "id": str(number)}
        return super().of({**known, **{key: value for key, value in data.items() if value is not None}})

    @property
    def created_at(self) -> datetime:
        """When the version was created, in local time."""
        return datetime.fromtimestamp(self.timestamp)  # noqa: DTZ006 (naive as in the official client)


class VersionList(list[Version]):
    """Versions by number, and which one is current; the fields of the server's answer are items besides.

    >>> versions = VersionList([Version.of({"version_number": 1})], {"current_version": 1})
    >>> [version["id"] for version in versions], versions["current_version"], len(versions["versions"])
    (['1'], 1, 1)
    """

    def __init__(self, versions: Iterable[Version], answer: Mapping[str, Any]) -> None:
        super().__init__(versions)
        self.answer: dict[str, Any] = {**answer, "versions": list(self)}

    @overload  # type: ignore[override]
    def __getitem__(self, key: slice) -> list[Version]: ...

    @overload
    def __getitem__(self, key: str) -> Any: ...

    @overload
    def __getitem__(self, key: int) -> Version: ...

    def __getitem__(self, key: int | slice | str) -> Any:
        return self.answer[key] if isinstance(key, str) else super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        """Return a field of the answer."""
        return self.answer.get(key, default)


class Vector(Record):
    """A stored vector; ``vector["values"]`` is another name of its dense values.

    >>> vector = Vector.of({"id": "a", "dense_values": [1.0, 2.0], "metadata": {"n": 1}})
    >>> vector.id, vector.metadata, vector["values"], vector.text
    ('a', {'n': 1}, [1.0, 2.0], None)
    """

    id: str
    document_id: str | None
    dense_values: list[float] | None
    metadata: dict[str, str | int] | None
    sparse_indices: list[int] | None
    sparse_values: list[float] | None
    text: str | None

    def __missing__(self, key: str) -> Any:
        if key == "values":
            return self["dense_values"]
        raise KeyError(key)
