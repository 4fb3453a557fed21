"""The application: commands and their options. What a command needs is imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import quiverdb
from quiverdb.cli.serve import serve
from quiverdb.cli.session import existing_database, one_line_errors
from quiverdb.cli.snapshot import snapshot_app
from quiverdb.cli.vikingdb import vikingdb_app

__all__ = ["app"]

app = typer.Typer(
    help="A vector database in a Python process that speaks the APIs of Qdrant, Cosdata and VikingDB.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

app.add_typer(snapshot_app, name="snapshot")
app.add_typer(vikingdb_app, name="vikingdb")
app.command()(serve)

_Folder = Annotated[Path, typer.Argument(help="Folder of the database.", metavar="PATH", show_default=False)]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"quiverdb {quiverdb.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    pass


@app.command()
def demo(
    path: Annotated[
        Path | None,
        typer.Option(help="Folder to keep the demo in; your cache folder by default.", show_default=False),
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Read everything anew.")] = False,
) -> None:
    """Search the standard library of this Python: hybrid, filtered, grouped, and by example."""
    with one_line_errors():
        from quiverdb.cli.demo import run_demo

        run_demo(path, fresh=fresh)


@app.command()
def info(path: _Folder) -> None:
    """Describe the collections of a database."""
    with one_line_errors(), existing_database(path) as client:
        from quiverdb.cli.info import show_info

        show_info(client, path)


@app.command()
def query(
    path: _Folder,
    collection: Annotated[
        str, typer.Argument(help="Name of the collection.", metavar="COLLECTION", show_default=False)
    ],
    text: Annotated[
        str | None,
        typer.Option(
            help="Search for a text, embedded by QuiverDB's own hashing and BM25 embedders. "
            "Makes sense where the points were embedded by them, as in the demo.",
        ),
    ] = None,
    vector: Annotated[
        str | None,
        typer.Option(help='Search for a vector: "[0.1, 0.2]" or {"indices": [1], "values": [0.5]}.', metavar="JSON"),
    ] = None,
    id: Annotated[str | None, typer.Option(help="Search for what is like a stored point.", metavar="ID")] = None,
    filter: Annotated[str | None, typer.Option(help="Filter in Qdrant's JSON form.", metavar="JSON")] = None,
    limit: Annotated[int, typer.Option(help="Number of points to show.", min=1)] = 10,
    using: Annotated[str | None, typer.Option(help="Named vector to search by.", metavar="NAME")] = None,
) -> None:
    """Search a collection. Without --text, --vector or --id, show its first points."""
    with one_line_errors(), existing_database(path) as client:
        from quiverdb.cli.query import Question, show_answer

        show_answer(client, collection, Question(text, vector, id, filter, limit, using))


@app.command(context_settings={"allow_interspersed_args": False, "ignore_unknown_options": True})
def run(
    target: Annotated[
        str, typer.Argument(help="Script, or name of a module with -m.", metavar="PROGRAM", show_default=False)
    ],
    arguments: Annotated[
        list[str] | None, typer.Argument(help="Arguments of the program.", metavar="ARGS...", show_default=False)
    ] = None,
    module: Annotated[bool, typer.Option("-m", help="Run a module, as python -m does.")] = False,
) -> None:
    """Run a program written for another database; its imports of qdrant_client, cosdata or vikingdb find QuiverDB."""
    from quiverdb.cli.run import run_program

    raise typer.Exit(run_program(target, arguments or (), as_module=module))
