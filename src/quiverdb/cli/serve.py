"""``quiverdb serve``: a database behind the protocols of Qdrant, Cosdata and VikingDB."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quiverdb.cli.session import one_line_errors

if TYPE_CHECKING:
    from quiverdb.database import Database
    from quiverdb.server.serving import Server
    from quiverdb.server.settings import Settings

__all__ = ["serve"]


def serve(
    data: Annotated[
        str | None, typer.Option(help="Folder of the database, or :memory:.", metavar="DIR", show_default="./storage")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="File of settings: TOML or YAML.", metavar="FILE", show_default=False)
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port of the REST interface; 0 takes any free one.", show_default="6333")
    ] = None,
    grpc_port: Annotated[
        int | None,
        typer.Option(
            help="Port of the gRPC interface; 0 takes any free one.", show_default="6334, if gRPC is installed"
        ),
    ] = None,
    cosdata_port: Annotated[
        int | None,
        typer.Option(
            help="Port for Cosdata's paths alone, which the REST interface has too; 0 takes any free one.",
            show_default=False,
        ),
    ] = None,
    vikingdb_port: Annotated[
        int | None,
        typer.Option(
            help="Port for VikingDB's paths alone, which the REST interface has too; 0 takes any free one.",
            show_default=False,
        ),
    ] = None,
    api_key: Annotated[
        str | None, typer.Option(help="Key that clients must have.", metavar="KEY", show_default=False)
    ] = None,
    read_only_api_key: Annotated[
        str | None, typer.Option(help="Key of those who may only read.", metavar="KEY", show_default=False)
    ] = None,
    insecure: Annotated[
        bool | None, typer.Option("--insecure", help="Listen on a public address without a key.", show_default=False)
    ] = None,
    tls_cert: Annotated[
        str | None, typer.Option(help="Certificate, in PEM format.", metavar="FILE", show_default=False)
    ] = None,
    tls_key: Annotated[
        str | None, typer.Option(help="Key of the certificate.", metavar="FILE", show_default=False)
    ] = None,
    tls_self_signed: Annotated[
        str | None,
        typer.Option(
            help="Speak TLS with a certificate that is made in this folder; clients trust its ca.pem.",
            metavar="DIR",
            show_default=False,
        ),
    ] = None,
    backend: Annotated[
        str | None,
        typer.Option(help="Qdrant server that holds the data instead of a folder.", metavar="URL", show_default=False),
    ] = None,
    recover_host: Annotated[
        list[str] | None,
        typer.Option(help="Host that snapshots may be fetched from; can be given several times.", show_default=False),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(help="Threads that read, and as many that write.", show_default="by the number of cores"),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Any other setting, as service.enable_cors=false.", metavar="KEY=VALUE"),
    ] = None,
    ports_file: Annotated[
        Path | None,
        typer.Option(help="File to write the ports to, as JSON, once requests are let in.", show_default=False),
    ] = None,
) -> None:
    """Serve a database to the clients of Qdrant, Cosdata and VikingDB, until Ctrl-C or SIGTERM.

    Settings come from flags, then QUIVERDB__SECTION__KEY and QDRANT__SECTION__KEY in the environment, then the file.
    """
    flags = {name: value for name, value in locals().items() if name not in ("config", "set_", "ports_file")}
    with one_line_errors():
        from quiverdb.server.serving import run
        from quiverdb.server.sources import load_settings

        settings = load_settings(flags | _implied(flags) | _pairs(set_ or ()), file=config)
        _log_to_stderr(settings.log_level)

        def started(server: Server) -> None:
            _tell(server, settings)
            if ports_file is not None:
                _write(ports_file, server.ports)

        with _database(settings) as database:
            run(database, settings, started)


def _implied(flags: Mapping[str, Any]) -> dict[str, Any]:
    """Return what other flags go without saying."""
    return {"service.enable_tls": True} if flags["tls_cert"] or flags["tls_key"] else {}


def _pairs(given: list[str] | tuple[()]) -> dict[str, Any]:
    pairs = {}
    for pair in given:
        key, equals, value = pair.partition("=")
        if not equals:
            message = f"--set takes KEY=VALUE, got {pair!r}"
            raise ValueError(message)
        pairs[key] = value
    return pairs


def _database(settings: Settings) -> Database:
    from quiverdb.engine.database import EngineDatabase

    storage = settings.storage
    if storage.backend is None:
        return EngineDatabase.open(storage.storage_path)
    from quiverdb.remote.connect import connect
    from quiverdb.remote.database import RemoteDatabase

    caller = connect(storage.backend, api_key=storage.backend_api_key, timeout=_BACKEND_TIMEOUT)
    return RemoteDatabase(caller, url=storage.backend)


_BACKEND_TIMEOUT = 60
"""Seconds: those who ask this server have deadlines of their own."""
_LEVELS = {"TRACE": logging.DEBUG, "WARN": logging.WARNING, "OFF": logging.CRITICAL + 1}


def _log_to_stderr(level: str) -> None:
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    logging.getLogger("quiverdb").setLevel(_LEVELS.get(level, level))
    logging.getLogger("uvicorn").setLevel(logging.ERROR)  # what clients do wrong is no trouble of the server


def _tell(server: Server, settings: Settings) -> None:
    from rich.console import Console
    from rich.markup import escape

    source = settings.storage.backend or settings.storage.storage_path
    found = (server.url, server.grpc_target, server.cosdata_url, server.vikingdb_url)
    places = " and ".join(place for place in found if place)
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    console.print(f"[bold]QuiverDB[/] serves {escape(source)} on [bold]{escape(places)}[/]; Ctrl-C ends it.")


def _write(path: Path, ports: Mapping[str, int | None]) -> None:
    """Write a file that is complete as soon as it is there."""
    unfinished = path.with_name(path.name + ".new")
    unfinished.write_text(json.dumps(ports))
    unfinished.replace(path)
