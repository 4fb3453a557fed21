"""The questions of the demo, one for each way of asking."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from rich.console import Console

from quiverdb.cli.render import cell, duration, hits_table, plain_table
from quiverdb.embed import Bm25, HashingEmbedder
from quiverdb.qdrant import QdrantClient, models

__all__ = ["COLLECTION", "DENSE", "SPARSE", "ask_all", "hybrid"]

COLLECTION = "stdlib"
DENSE = "dense"
SPARSE = "bm25"

_SHOWN = ("name", "kind", "lines", "summary")
_CANDIDATES = 50
_LIKED = ("shutil.copytree", "shutil.move")
_DISLIKED = ("shutil.make_archive",)

T = TypeVar("T")


def ask_all(client: QdrantClient, console: Console) -> None:
    """Ask every question and show the answers."""
    console.print(f"It holds {_kinds(client)}.\n")
    ask_hybrid(client, console, "parse command line arguments")
    ask_filtered(client, console, "wait until several threads have finished")
    ask_grouped(client, console, "compress and decompress data")
    ask_by_example(client, console)


def hybrid(text: str, condition: models.Filter | None = None) -> list[models.Prefetch]:
    """Return the two searches that a hybrid question fuses: by similar words and by the same words."""
    dense = HashingEmbedder().embed([text])[0].tolist()
    terms = Bm25().embed_queries([text])[0]
    sparse = models.SparseVector(indices=terms.indices.tolist(), values=terms.values.tolist())
    return [
        models.Prefetch(query=dense, using=DENSE, filter=condition, limit=_CANDIDATES),
        models.Prefetch(query=sparse, using=SPARSE, filter=condition, limit=_CANDIDATES),
    ]


def ask_hybrid(client: QdrantClient, console: Console, text: str) -> None:
    """Fuse the ranks of dense and sparse search."""
    answer, taken = _timed(
        lambda: client.query_points(
            COLLECTION, prefetch=hybrid(text), query=models.FusionQuery(fusion=models.Fusion.RRF), limit=5
        )
    )
    console.print(hits_table(f"Hybrid, “{text}” ({taken})", answer.points, _SHOWN))


def ask_filtered(client: QdrantClient, console: Console, text: str) -> None:
    """Ask the same way among public methods of some length only."""
    condition = models.Filter(
        must=[
            models.FieldCondition(key="kind", match=models.MatchValue(value="method")),
            models.FieldCondition(key="public", match=models.MatchValue(value=True)),
            models.FieldCondition(key="lines", range=models.Range(gte=10)),
        ],
        must_not=[models.FieldCondition(key="package", match=models.MatchAny(any=["idlelib", "tkinter"]))],
    )
    answer, taken = _timed(
        lambda: client.query_points(
            COLLECTION, prefetch=hybrid(text, condition), query=models.FusionQuery(fusion=models.Fusion.RRF), limit=5
        )
    )
    console.print(
        hits_table(f"Filtered: public methods of 10 lines or more, “{text}” ({taken})", answer.points, _SHOWN)
    )


def ask_grouped(client: QdrantClient, console: Console, text: str) -> None:
    """Ask for the best modules and the best documents in each."""
    dense = HashingEmbedder().embed([text])[0].tolist()
    answer, taken = _timed(
        lambda: client.query_points_groups(
            COLLECTION, query=dense, using=DENSE, group_by="module", limit=4, group_size=2, with_payload=True
        )
    )
    table = plain_table(
        f"Grouped by module, “{text}” ({taken})", ("module", "score", "name", "summary"), numbers=("score",)
    )
    for group in answer.groups:
        for i, point in enumerate(group.hits):
            payload = point.payload or {}
            module = "" if i else str(group.id)
            table.add_row(module, f"{point.score:.3f}", cell(payload.get("name")), cell(payload.get("summary")))
    console.print(table)


def ask_by_example(client: QdrantClient, console: Console) -> None:
    """Ask for what is like some documents and unlike others."""
    liked, disliked = _ids(client, _LIKED), _ids(client, _DISLIKED)
    if not liked:
        return  # another standard library than those known
    answer, taken = _timed(
        lambda: client.query_points(
            COLLECTION,
            query=models.RecommendQuery(
                recommend=models.RecommendInput(
                    positive=liked, negative=disliked, strategy=models.RecommendStrategy.BEST_SCORE
                )
            ),
            using=DENSE,
            limit=5,
        )
    )
    title = f"Like {' and '.join(_LIKED)}, unlike {' and '.join(_DISLIKED)} ({taken})"
    console.print(hits_table(title, answer.points, _SHOWN))


def _kinds(client: QdrantClient) -> str:
    facets = client.facet(COLLECTION, "kind").hits
    plural = {"class": "classes"}
    return ", ".join(f"{facet.count:,} {plural.get(str(facet.value), f'{facet.value}s')}" for facet in facets)


def _ids(client: QdrantClient, names: Sequence[str]) -> list[Any]:
    condition = models.FieldCondition(key="name", match=models.MatchAny(any=list(names)))
    records, _ = client.scroll(COLLECTION, scroll_filter=models.Filter(must=[condition]), limit=len(names))
    return [record.id for record in records]


def _timed(ask: Callable[[], T]) -> tuple[T, str]:
    start = time.perf_counter()
    answer = ask()
    return answer, duration(time.perf_counter() - start)
