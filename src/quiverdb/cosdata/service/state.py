"""What a collection is set to and how far it has come, read before each operation."""

from __future__ import annotations

from typing import Any

import msgspec

from quiverdb.cosdata.errors import NotFoundError, ServerError
from quiverdb.cosdata.service.layout import HEAD, MARK, Head, NamedVersion, Settings
from quiverdb.database import Database
from quiverdb.errors import NotFoundError as MissingError

__all__ = ["SpoiltError", "State", "load_state", "unknown"]

_DIGITS = 18
"""More than numbers of versions have."""
_SHOWN = 40


class SpoiltError(ServerError):
    """Tell that another API has changed what makes a collection one of Cosdata's."""


class State(msgspec.Struct, frozen=True):
    """Hold the settings and the head of a collection.

    >>> State("docs", Settings(dimension=3), Head(number=2), stored=True).at("2") is None
    True
    """

    name: str
    settings: Settings
    head: Head
    stored: bool
    """Whether the head is a point; a new collection has none until its first commit."""
    created_at: float = 0.0
    """Seconds since 1970; of a collection without a head."""

    @property
    def present(self) -> int:
        """The number that the present state goes by."""
        return self.head.number if self.head.same_as is None else self.head.same_as

    def at(self, version: Any) -> int | None:
        """Return the number of the state that a ``version`` argument asks for; None if it is the present one.

        Raises ``NotFoundError`` for what is no number of a version.
        """
        if version is None:
            return None
        number = _number(version)
        if number in (self.head.number, self.present):
            return None
        return self.named(version).number

    def named(self, version: Any) -> NamedVersion:
        """Return a version that has been created; raises ``NotFoundError`` if there is none."""
        number = _number(version)
        for named in self.head.versions:
            if named.number == number:
                return named
        known = ", ".join(str(named.number) for named in self.head.versions[-20:]) or "none"
        raise NotFoundError(
            f"Version Not Found! '{self.name}' has no version {str(version)[:_SHOWN]};"
            f" create_version names the present state (versions: {known})"
        )


def _number(version: Any) -> int | None:
    """Return the number that an argument holds, as one or in digits."""
    if type(version) is str and version.isascii() and version.isdigit() and len(version) <= _DIGITS:
        return int(version)
    return version if type(version) is int else None


def load_state(database: Database, name: str, *, headless: bool = False) -> State:
    """Return the state of a collection; raises ``errors.NotFoundError`` if Cosdata's API knows none of this name.

    Raises ``SpoiltError`` if it cannot be read.

    A ``headless`` one has the settings alone, which is all that a search of the present needs.
    """
    if not isinstance(name, str) or not name:
        raise unknown(name)
    try:
        metadata = database.spec(name).metadata or {}
        if MARK in metadata:
            settings = msgspec.convert(metadata[MARK], Settings)
            if headless:
                return State(name, settings, Head(), stored=False)
            records = database.retrieve(name, [HEAD])
            if records:
                head = msgspec.convert((records[0].payload or {}).get("head"), Head)
                return State(name, settings, head, stored=True)
            return State(name, settings, Head(), stored=False, created_at=database.info(name).created_at)
    except msgspec.ValidationError as error:
        message = f"Collection '{name}' was changed by another API and is none of Cosdata's any more: delete it there"
        raise SpoiltError(message) from error
    raise unknown(name)


def unknown(name: Any) -> MissingError:
    """Return the error that tells of no collection."""
    return MissingError(f"Collection '{name}' not found", kind="collection", name=str(name))
