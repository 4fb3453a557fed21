"""``quiverdb serve``: a database behind Qdrant's protocols."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from quiverdb.cli.session import one_line_errors

__all__ = ["serve"]


def serve(
    data: Annotated[str, typer.Option(help="Folder of the database, or :memory:.", metavar="DIR")] = "./storage",
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port of the REST interface; 0 takes a free one.")] = 6333,
    ports_file: Annotated[
        Path | None,
        typer.Option(help="File to write the ports to, as JSON, once requests are let in.", show_default=False),
    ] = None,
) -> None:
    """Serve a database to the clients of Qdrant, until Ctrl-C or SIGTERM."""
    with one_line_errors():
        from quiverdb.engine.database import EngineDatabase
        from quiverdb.server.serving import Server, run
        from quiverdb.server.sources import load_settings

        def started(server: Server) -> None:
            Console(stderr=True).print(f"[bold]QuiverDB[/] serves {data} on {server.url}", highlight=False)
            if ports_file is not None:
                unfinished = ports_file.with_name(ports_file.name + ".new")
                unfinished.write_text(json.dumps({"http": server.port, "grpc": None}))
                unfinished.replace(ports_file)

        with EngineDatabase.open(data) as database:
            run(database, load_settings({"host": host, "port": port, "grpc_port": 0, "data": data}), started)
