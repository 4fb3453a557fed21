"""``quiverdb vikingdb``: what users of VikingDB's API need besides its clients."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quiverdb.cli.session import one_line_errors

if TYPE_CHECKING:
    from quiverdb.vikingdb.credentials import Auth
    from quiverdb.vikingdb.vector.client import VikingDB

__all__ = ["vikingdb_app"]

vikingdb_app = typer.Typer(help="Prepare databases for programs that use VikingDB's API.", no_args_is_help=True)


@vikingdb_app.callback()
def _group() -> None:
    pass


@vikingdb_app.command()
def seed_guides(
    data: Annotated[
        Path | None,
        typer.Option(help="Folder of a database, made if it is not there.", metavar="DIR", show_default=False),
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="A server: of QuiverDB, or VikingDB itself.", metavar="URL", show_default=False)
    ] = None,
    ak: Annotated[
        str | None, typer.Option(help="Access key.", envvar="VIKINGDB_AK", metavar="KEY", show_default=False)
    ] = None,
    sk: Annotated[
        str | None, typer.Option(help="Its secret key.", envvar="VIKINGDB_SK", metavar="KEY", show_default=False)
    ] = None,
    api_key: Annotated[
        str | None,
        typer.Option(
            help="API key, in place of the other two.", envvar="VIKINGDB_API_KEY", metavar="KEY", show_default=False
        ),
    ] = None,
    region: Annotated[str, typer.Option(help="Region of the server.", envvar="VIKINGDB_REGION")] = "cn-beijing",
    project: Annotated[
        str | None, typer.Option(help="Project of the collections.", envvar="VIKINGDB_PROJECT", show_default="default")
    ] = None,
) -> None:
    """Create the collections that the guides of VikingDB's SDKs and their quick start assume, where they are not there.

    These are text with text_index, vector with vector_index, demo_collection with demo_index, and two rows in text.
    """
    with one_line_errors():
        from quiverdb.vikingdb.guides import seed

        with _client(data, url, _auth(ak, sk, api_key), region) as client:
            for step in seed(client, project_name=project):
                typer.echo(step)


def _client(data: Path | None, url: str | None, auth: Auth | None, region: str) -> AbstractContextManager[VikingDB]:
    from quiverdb.vikingdb.vector.client import VikingDB

    if (data is None) == (url is None):
        message = "give either --data, a folder, or --url, a server"
        raise ValueError(message)
    return VikingDB(path=data) if url is None else VikingDB(url, auth=auth, region=region)


def _auth(ak: str | None, sk: str | None, api_key: str | None) -> Auth | None:
    from quiverdb.vikingdb.credentials import IAM, APIKey

    if api_key is not None:
        return APIKey(api_key)
    return None if ak is None and sk is None else IAM(ak, sk)
