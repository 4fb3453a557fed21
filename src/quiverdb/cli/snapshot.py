"""``quiverdb snapshot``: keep copies of a collection, or of everything, and go back to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quiverdb.cli.session import one_line_errors, require_database

if TYPE_CHECKING:
    from quiverdb.engine.database import EngineDatabase
    from quiverdb.model.snapshot import Snapshot

__all__ = ["snapshot_app"]

snapshot_app = typer.Typer(
    help="Create, list, delete and recover snapshots. Without a collection, they are of everything.",
    no_args_is_help=True,
)

_Folder = Annotated[Path, typer.Argument(help="Folder of the database.", metavar="PATH", show_default=False)]
_Collection = Annotated[
    str | None,
    typer.Option("--collection", "-c", help="Name of the collection.", metavar="NAME", show_default=False),
]


@contextmanager
def _opened(folder: Path, *, make: bool = False) -> Iterator[EngineDatabase]:
    """Open the database in a folder; make one only where asked."""
    from quiverdb.engine.database import EngineDatabase

    if not make:
        require_database(folder)
    with EngineDatabase.open(folder) as database:
        yield database


@snapshot_app.command()
def create(path: _Folder, collection: _Collection = None) -> None:
    """Write a snapshot and show where it is."""
    with one_line_errors(), _opened(path) as database:
        snapshot = database.create_snapshot(collection)
        if snapshot is not None:
            _show([snapshot])
            typer.echo(snapshot.path)


@snapshot_app.command("list")
def list_snapshots(path: _Folder, collection: _Collection = None) -> None:
    """List the snapshots."""
    with one_line_errors(), _opened(path) as database:
        _show(database.snapshots(collection))


@snapshot_app.command()
def delete(
    path: _Folder,
    name: Annotated[str, typer.Argument(help="Name of the snapshot.", metavar="NAME", show_default=False)],
    collection: _Collection = None,
) -> None:
    """Delete a snapshot."""
    with one_line_errors(), _opened(path) as database:
        database.delete_snapshot(collection, name)


@snapshot_app.command()
def recover(
    path: _Folder,
    location: Annotated[
        str,
        typer.Argument(
            help="Name of a snapshot of this database, a path, or a file:// URL.",
            metavar="SNAPSHOT",
            show_default=False,
        ),
    ],
    collection: _Collection = None,
    checksum: Annotated[
        str | None, typer.Option(help="SHA-256 that the file must have.", metavar="HEX", show_default=False)
    ] = None,
) -> None:
    """Make a collection, or everything, what a snapshot holds."""
    with one_line_errors(), _opened(path, make=True) as database:
        database.recover_snapshot(collection, location, checksum=checksum)
        for name in database.collection_names() if collection is None else [collection]:
            typer.echo(f"{name}: {database.info(name).points_count:,} points")


def _show(snapshots: Sequence[Snapshot]) -> None:
    from quiverdb.cli.render import cell, file_size, new_console, plain_table

    table = plain_table("Snapshots", ("name", "created", "size", "checksum"), numbers=("name", "size"))
    for snapshot in snapshots:
        created = datetime.fromtimestamp(snapshot.created_at).astimezone()
        table.add_row(
            snapshot.name,
            f"{created:%Y-%m-%d %H:%M:%S}",
            file_size(snapshot.size),
            cell((snapshot.checksum or "")[:16]),
        )
    new_console().print(table)
