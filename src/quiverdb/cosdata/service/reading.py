"""Reading: what is answered about a collection holds of one of its states, whatever others do meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import TypeVar

from quiverdb.cosdata.errors import ConflictError
from quiverdb.cosdata.service.commits import changing, current
from quiverdb.cosdata.service.context import Context
from quiverdb.cosdata.service.state import State, load_state
from quiverdb.errors import InvalidInputError
from quiverdb.errors import NotFoundError as MissingError

__all__ = ["in_one_state", "of_the_present"]

T = TypeVar("T")

_ATTEMPTS = 50
_UNGUARDED = 3
"""So many attempts let others write; after that they wait, unless they write through another service."""


def in_one_state(context: Context, state: State, read: Callable[[State], T]) -> T:
    """Return what is read of a state in several steps, read again if something was changed meanwhile.

    Raises ``ConflictError`` if others than this service change the collection without a pause.
    """
    for attempt in range(_ATTEMPTS):
        with ExitStack() as guard:
            if attempt >= _UNGUARDED:
                [state] = guard.enter_context(changing(context, [state]))
            found = read(state)
            if load_state(context.database, state.name) == state:
                return found
        state = current(context, state.name)
    raise ConflictError(f"'{state.name}' is written to without a pause by another process: ask again")


def of_the_present(context: Context, state: State, read: Callable[[State], T]) -> T:
    """Return what is read of the present, once more if that fails because an index came or went."""
    try:
        return read(state)
    except (InvalidInputError, MissingError):
        latest = current(context, state.name)
        if latest.settings == state.settings:
            raise
        return in_one_state(context, latest, read)
