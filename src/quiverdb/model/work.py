"""Background work on a collection, as a database reports it."""

from __future__ import annotations

from typing import Literal, TypeAlias
from uuid import UUID, uuid4

import msgspec

__all__ = ["Work", "WorkKind", "WorkReport"]

WorkKind: TypeAlias = Literal["indexing", "vacuum"]
"""Building or extending a graph, and leaving the space of dead points."""


class Work(msgspec.Struct, frozen=True):
    """Describe a piece of background work.

    >>> Work("indexing", points=20_000).started_at is None
    True
    """

    kind: WorkKind | str
    """What is being done; servers know of more kinds than the engine."""
    points: int
    """How many points the collection had when the work began, or has now if it waits."""
    started_at: float | None = None
    """Seconds since 1970-01-01 UTC; ``None`` for work that waits."""
    finished_at: float | None = None
    error: str | None = None
    id: UUID = msgspec.field(default_factory=uuid4)


class WorkReport(msgspec.Struct, frozen=True):
    """List the background work on a collection: under way, waiting, and done, the latest first."""

    segment: UUID
    """Names what the points are stored in; it changes when dead space is left behind."""
    points: int
    running: tuple[Work, ...] = ()
    queued: tuple[Work, ...] = ()
    completed: tuple[Work, ...] = ()
