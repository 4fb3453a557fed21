"""A database in which something happens while others read it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from quiverdb.cosdata.service.layout import HEAD
from quiverdb.database import Database

_READING = ("query", "facet", "scroll", "retrieve", "count")


class Interfering:
    """Do something before what a reader asks for, but for the head of a collection, so many times."""

    def __init__(self, database: Database, meanwhile: Callable[[], None], times: int = 1) -> None:
        self.database = database
        self.meanwhile = meanwhile
        self.times = times

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.database, name)
        if name not in _READING or not self.times:
            return method

        def interfered(*arguments: Any, **options: Any) -> Any:
            if self.times and arguments[1:] != ([HEAD],):
                self.times -= 1
                self.meanwhile()
            return method(*arguments, **options)

        return interfered
