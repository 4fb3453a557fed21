"""Where a Cosdata client can work: everywhere it must behave in the same way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from quiverdb.engine.database import EngineDatabase

Options = Mapping[str, Any]


@contextmanager
def _memory(_: Path) -> Iterator[Options]:
    yield {"host": ":memory:"}


@contextmanager
def _folder(folder: Path) -> Iterator[Options]:
    yield {"path": folder / "data"}


@contextmanager
def _database(_: Path) -> Iterator[Options]:
    with EngineDatabase.open(":memory:") as database:
        yield {"database": database}


PLACES: Mapping[str, Callable[[Path], AbstractContextManager[Options]]] = {
    "memory": _memory,
    "folder": _folder,
    "database": _database,
}
"""The options of a client for each place, for as long as the context lasts."""
