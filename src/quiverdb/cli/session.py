"""What the commands share: opening a database, and errors as one line instead of a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.markup import escape

from quiverdb.errors import QuiverError

if TYPE_CHECKING:
    from quiverdb.qdrant import QdrantClient

__all__ = ["existing_database", "folder_size", "is_database", "one_line_errors", "require_database"]


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Print an expected error in one line on stderr and exit with code 1."""
    try:
        yield
    except (QuiverError, OSError, ValueError) as error:
        # Errors of the dialects are ValueErrors, and those of pydantic have many lines.
        Console(stderr=True, soft_wrap=True).print(f"[red]error:[/] {_sentence(error)}", highlight=False, markup=True)
        raise typer.Exit(1) from error


@contextmanager
def existing_database(folder: Path) -> Iterator[QdrantClient]:
    """Open the database in a folder; unlike the client, never make one."""
    from quiverdb.qdrant import QdrantClient

    require_database(folder)
    client = QdrantClient(path=str(folder))
    try:
        yield client
    finally:
        client.close()


def is_database(folder: Path) -> bool:
    """Tell whether a folder holds a database; raises an error if it is one of another format."""
    from quiverdb.engine.storage.manifest import read_manifest

    return folder.is_dir() and read_manifest(folder) is not None


def require_database(folder: Path) -> None:
    """Raise an error if a folder holds no database."""
    if not is_database(folder):
        message = f"there is no QuiverDB database in {folder}"
        raise FileNotFoundError(message)


def folder_size(folder: Path) -> int:
    """Return how many bytes the files in a folder take."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # background work replaces files
            if path.is_file():
                total += path.stat().st_size
    return total


def _sentence(error: BaseException) -> str:
    """Return the message in one line; the dialect's errors wrap those of the model, which read better."""
    if isinstance(error.__cause__, QuiverError):
        error = error.__cause__
    return escape(" ".join(str(error).split()) or type(error).__name__)
