"""Errors, as one tree. Every class carries fields that a program can read besides the sentence for people.

::

    QuiverError
    ├── InvalidInputError (ValueError)      the request is wrong            field, fault
    │   └── LimitError                      it exceeds a collection's limit limit
    ├── RateLimitedError                    too many requests of late       retry_after
    ├── RefusedError                        a server does not take it on    status, plain
    ├── NotFoundError (LookupError)         no such collection, point, …    kind, name
    ├── AlreadyExistsError (ValueError)     the name is taken               kind, name
    ├── UnsupportedError                    a backend lacks a feature       feature, backend
    ├── MissingLibraryError (ImportError)   an extra is not installed       library, extra
    ├── ClosedError (RuntimeError)          used after close, or in a fork
    ├── RemoteError                         a server failed, or is away     status, url
    └── StorageError (OSError)              the disk                        path
        ├── LockedError                     another process writes here     path, owner
        ├── FormatError                     a folder of another version     path, found, supported
        └── CorruptionError                 damaged bytes                   path
"""

from __future__ import annotations

from typing import Literal, TypeAlias

__all__ = [
    "AlreadyExistsError",
    "ClosedError",
    "CorruptionError",
    "Fault",
    "FormatError",
    "InvalidInputError",
    "LimitError",
    "LockedError",
    "MissingLibraryError",
    "NotFoundError",
    "QuiverError",
    "RateLimitedError",
    "RefusedError",
    "RemoteError",
    "StorageError",
    "UnsupportedError",
]


Fault: TypeAlias = Literal["meaning", "range", "body", "query", "path"]
"""What is wrong with a request: what it means, a number out of its range, or that a part of it cannot be read."""


class QuiverError(Exception):
    """Base of all errors that QuiverDB raises on purpose.

    >>> try:
    ...     raise InvalidInputError("size must be positive", field="size")
    ... except QuiverError as error:
    ...     print(error)
    size must be positive
    """


class InvalidInputError(QuiverError, ValueError):
    """Tell what was wrong with a request; ``field`` names the part, when one is to blame."""

    def __init__(self, message: str, *, field: str | None = None, fault: Fault = "meaning") -> None:
        super().__init__(message)
        self.field = field
        self.fault: Fault = fault


class LimitError(InvalidInputError):
    """Tell that a request exceeds a limit that its collection sets; ``limit`` names the setting."""

    def __init__(self, message: str, *, limit: str) -> None:
        super().__init__(message, field=limit)
        self.limit = limit


class RateLimitedError(QuiverError):
    """Tell that a collection takes no more requests for now, and after how many seconds to try again.

    Without ``retry_after`` the request is too large to pass at any time.
    """

    def __init__(self, message: str, *, retry_after: float | None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RefusedError(QuiverError):
    """Tell that a server does not take a request on: who asks may not, or it is too large.

    ``status`` is the HTTP status; ``plain`` says that the answer is the bare message, as to those who are not let in.
    """

    def __init__(self, message: str, *, status: int, plain: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.plain = plain


class NotFoundError(QuiverError, LookupError):
    """Tell that nothing of this ``kind`` has this ``name``."""

    def __init__(self, message: str, *, kind: str, name: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.name = name


class AlreadyExistsError(QuiverError, ValueError):
    """Tell that something of this ``kind`` has this ``name`` already."""

    def __init__(self, message: str, *, kind: str, name: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.name = name


class UnsupportedError(QuiverError, NotImplementedError):
    """Tell that ``backend`` lacks ``feature``."""

    def __init__(self, feature: str, backend: str, advice: str = "") -> None:
        super().__init__(f"{feature} is not supported by {backend}." + (f" {advice}" if advice else ""))
        self.feature = feature
        self.backend = backend


class MissingLibraryError(QuiverError, ImportError):
    """Tell that ``library`` is needed, which comes with the ``extra`` of this package."""

    def __init__(self, purpose: str, *, library: str, extra: str) -> None:
        super().__init__(f"{purpose} needs {library}: pip install quiverdb[{extra}]")
        self.library = library
        self.extra = extra


class ClosedError(QuiverError, RuntimeError):
    """Tell that a database was used after it was closed, or in a forked child."""


class RemoteError(QuiverError):
    """Tell that the server at ``url`` failed, with the ``status`` it answered; ``None`` if there was no answer."""

    def __init__(self, message: str, *, status: int | None, url: str) -> None:
        super().__init__(message)
        self.status = status
        self.url = url


class StorageError(QuiverError, OSError):
    """Tell that the file or folder ``path`` could not be read or written."""

    def __init__(self, message: str, *, path: str) -> None:
        super().__init__(message)
        self.path = path


class LockedError(StorageError, RuntimeError):
    """Tell that another process writes to ``path``; ``owner`` describes it."""

    def __init__(self, message: str, *, path: str, owner: str) -> None:
        super().__init__(message, path=path)
        self.owner = owner


class FormatError(StorageError):
    """Tell that ``path`` has format ``found``, while this release reads ``supported``."""

    def __init__(self, message: str, *, path: str, found: int, supported: int) -> None:
        super().__init__(message, path=path)
        self.found = found
        self.supported = supported


class CorruptionError(StorageError):
    """Tell that the bytes of ``path`` are not those that were written."""
