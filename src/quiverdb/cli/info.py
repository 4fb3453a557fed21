"""``quiverdb info``: what a database holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from quiverdb.cli.render import cell, file_size, new_console, options_line, plain_table
from quiverdb.cli.session import folder_size
from quiverdb.qdrant import QdrantClient, models

__all__ = ["show_info"]


def show_info(client: QdrantClient, folder: Path) -> None:
    """Print the collections, their vectors, and their payload indexes."""
    console = new_console()
    names = sorted(collection.name for collection in client.get_collections().collections)
    counted = "1 collection" if len(names) == 1 else f"{len(names)} collections"
    console.print(f"[bold]{escape(str(folder))}[/]: {counted}, {file_size(folder_size(folder))}", highlight=False)
    aliases = {alias.alias_name: alias.collection_name for alias in client.get_aliases().aliases}
    for name in names:
        also = sorted(alias for alias, target in aliases.items() if target == name)
        _show_collection(console, name, also, client.get_collection(name))


def _show_collection(console: Console, name: str, aliases: list[str], info: models.CollectionInfo) -> None:
    also = f" (also {', '.join(aliases)})" if aliases else ""
    indexed = info.indexed_vectors_count or 0
    points = info.points_count or 0
    console.print(
        f"\n[bold cyan]{escape(name + also)}[/]: {info.status.value}, {points:,} points, {indexed:,} vectors indexed"
    )
    for message in (info.optimizer_status, *(info.warnings or ())):
        if not isinstance(message, models.OptimizersStatusOneOf):
            console.print(f"[red]{escape(str(message))}")
    vectors = plain_table("Vectors", ("name", "kind", "size", "distance", "options"), numbers=("size",))
    for row in (*_dense_rows(info.config.params), *_sparse_rows(info.config.params)):
        vectors.add_row(*map(cell, row))
    console.print(vectors)
    if info.payload_schema:
        schema = plain_table("Payload indexes", ("key", "type", "points", "options"), numbers=("points",))
        for key, field in sorted(info.payload_schema.items()):
            parameters = {} if field.params is None else field.params.model_dump(mode="json", exclude={"type"})
            schema.add_row(cell(key), field.data_type.value, f"{field.points:,}", cell(options_line(parameters)))
        console.print(schema)
    if info.config.metadata:
        console.print(f"Metadata: {options_line(info.config.metadata)}", highlight=False)


def _dense_rows(params: models.CollectionParams) -> Iterator[tuple[str, ...]]:
    vectors = params.vectors or {}
    for name, vector in (vectors if isinstance(vectors, Mapping) else {"": vectors}).items():
        kind = "multivector" if vector.multivector_config else "dense"
        more = vector.model_dump(mode="json", exclude={"size", "distance", "multivector_config"})
        yield name or "(unnamed)", kind, str(vector.size), vector.distance.value, options_line(more)


def _sparse_rows(params: models.CollectionParams) -> Iterator[tuple[str, ...]]:
    for name, vector in (params.sparse_vectors or {}).items():
        yield name, "sparse", "", "Dot", options_line(vector.model_dump(mode="json"))
