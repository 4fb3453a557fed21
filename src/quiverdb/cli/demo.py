"""The demo: thousands of docstrings into a database on disk, and questions about them.

The folder is built once. Its collection's metadata says how many documents of which Python it should hold, so that a
later run can tell a complete folder from one whose building was cut short, and from one of another Python.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from contextlib import closing
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from quiverdb.cli.corpus import Document, read_documents, source_files
from quiverdb.cli.questions import COLLECTION, DENSE, SPARSE, ask_all
from quiverdb.cli.render import duration, file_size, new_console
from quiverdb.cli.session import folder_size, is_database
from quiverdb.embed import Bm25, HashingEmbedder
from quiverdb.errors import StorageError
from quiverdb.qdrant import QdrantClient, models

__all__ = ["default_folder", "run_demo"]

_BATCH = 500


def default_folder() -> Path:
    """Return the demo's place among the user's caches."""
    if sys.platform == "win32":
        caches = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        caches = Path.home() / "Library" / "Caches"
    else:
        caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return caches / "quiverdb" / "demo"


def run_demo(path: Path | None, *, fresh: bool) -> None:
    """Build or reopen the demo's folder, and ask."""
    console = new_console()
    folder = default_folder() if path is None else path
    if folder.is_dir() and any(folder.iterdir()) and not is_database(folder):
        message = f"{folder} holds other files: name an empty folder"
        raise FileExistsError(message)
    start = time.perf_counter()
    with closing(QdrantClient(path=str(folder))) as client:
        if not fresh and is_complete(client):
            count = client.count(COLLECTION).count
            opened = duration(time.perf_counter() - start)
            console.print(f"Reopened {count:,} documents in [bold]{opened}[/] from {folder}")
        else:
            build(client, console)
            console.print(f"Stored in {folder} ({file_size(folder_size(folder))})")
        ask_all(client, console)
    console.print("\nThe next run reopens the folder. Ask it yourself:")
    console.print(f"  quiverdb query {folder} {COLLECTION} --text 'copy a folder'", highlight=False, soft_wrap=True)
    console.print(f"  quiverdb info {folder}", highlight=False, soft_wrap=True)


def is_complete(client: QdrantClient) -> bool:
    """Tell whether the folder holds all documents of this Python."""
    if not client.collection_exists(COLLECTION):
        return False
    metadata = client.get_collection(COLLECTION).config.metadata or {}
    expected = metadata.get("documents")
    return metadata.get("python") == platform.python_version() and client.count(COLLECTION).count == expected


def build(client: QdrantClient, console: Console) -> None:
    """Read, embed and store all documents."""
    start = time.perf_counter()
    with _progress(console) as progress:
        files = source_files()
        reading = progress.track(files, description="reading")
        documents = [document for file in reading for document in read_documents(file)]
        _create(client, len(documents))
        batches = [documents[start : start + _BATCH] for start in range(0, len(documents), _BATCH)]
        for i, batch in enumerate(progress.track(batches, description="embedding and storing")):
            client.upsert(COLLECTION, points=_points(batch, i * _BATCH), wait=True)
        task = progress.add_task("indexing", total=None)
        while (info := client.get_collection(COLLECTION)).status == models.CollectionStatus.YELLOW:
            time.sleep(0.02)
        if info.status != models.CollectionStatus.GREEN:
            raise StorageError(f"indexing failed: {info.optimizer_status}", path=COLLECTION)
        progress.update(task, total=1, completed=1)
    taken = duration(time.perf_counter() - start)
    console.print(f"Read, embedded and stored [bold]{len(documents):,}[/] documents in [bold]{taken}[/]")


def _create(client: QdrantClient, documents: int) -> None:
    client.delete_collection(COLLECTION)
    client.create_collection(
        COLLECTION,
        vectors_config={DENSE: models.VectorParams(size=HashingEmbedder().size, distance=models.Distance.COSINE)},
        sparse_vectors_config={SPARSE: models.SparseVectorParams(modifier=models.Modifier.IDF)},
        metadata={"documents": documents, "python": platform.python_version()},
    )
    for key, kind in (
        ("name", models.PayloadSchemaType.KEYWORD),
        ("kind", models.PayloadSchemaType.KEYWORD),
        ("package", models.PayloadSchemaType.KEYWORD),
        ("lines", models.PayloadSchemaType.INTEGER),
        ("public", models.PayloadSchemaType.BOOL),
    ):
        client.create_payload_index(COLLECTION, key, kind)


def _points(documents: list[Document], first: int) -> list[models.PointStruct]:
    texts = [f"{document.name} {document.text}" for document in documents]
    dense = HashingEmbedder().embed(texts).tolist()
    sparse = Bm25().embed_documents(texts)
    return [
        models.PointStruct(
            id=first + i,
            vector={
                DENSE: dense[i],
                SPARSE: models.SparseVector(indices=sparse[i].indices.tolist(), values=sparse[i].values.tolist()),
            },
            payload=msgspec.to_builtins(document),
        )
        for i, document in enumerate(documents)
    ]


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    )
