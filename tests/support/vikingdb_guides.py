"""What the guides of VikingDB's SDKs do, written for any SDK; and our own guides, run as users run them."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest
from tests.support.small_servers import Answer, HttpServer, Seen
from tests.support.vikingdb_official import envelope

from quiverdb.vikingdb.exceptions import VikingException
from quiverdb.vikingdb.operations import OPERATIONS
from quiverdb.vikingdb.service.service import Service

__all__ = ["FLOWS", "Sdk", "forgetful_cloud", "run_guides"]

ROOT = Path(__file__).parents[2]
GUIDES = ROOT / "examples" / "vikingdb"

_numbers = itertools.count(1_000)


class Sdk(NamedTuple):
    """A client of an SDK, its models, and its class of request options."""

    client: Any
    models: ModuleType
    options: Callable[..., Any]


class Session:
    """Three chapters of a story under a tag of their own, in one of the collections that the guides assume."""

    def __init__(self, sdk: Sdk, name: str = "text") -> None:
        self.sdk, self.models = sdk, sdk.models
        self.tag = f"session-{uuid.uuid4().hex[:8]}"
        self.first = next(_numbers) * 10
        self.collection = sdk.client.collection(collection_name=name)
        self.index = sdk.client.index(collection_name=name, index_name=f"{name}_index")
        self.options = sdk.options(request_id=self.tag)
        self.rows = [
            {"title": f"{self.tag} {title}", "paragraph": self.first + at, "score": score, "text": f"{text} {self.tag}"}
            for at, (title, score, text) in enumerate(CHAPTERS)
        ]
        self.within = {"op": "range", "field": "paragraph", "gte": self.first, "lt": self.first + len(self.rows)}

    def ask(self, method: Callable[..., Any], request: Any) -> Any:
        """Return the result of a request, whose answer must bear the tag."""
        response = method(request, request_options=self.options)
        assert (response.code, response.request_id) == ("Success", self.tag)
        return response.result

    def store(self) -> None:
        for row in self.rows:
            result = self.ask(self.collection.upsert, self.models.UpsertDataRequest(data=[row]))
            assert result.token_usage == {} or result.token_usage

    def embed(self, texts: list[str]) -> list[list[float]]:
        request = self.models.EmbeddingRequest(
            data=[self.models.EmbeddingData(text=text) for text in texts],
            dense_model=self.models.EmbeddingModelOpt(name="bge-m3"),
        )
        return [item.dense for item in self.ask(self.sdk.client.embedding().embedding, request).data]


CHAPTERS = (
    ("orientation", 72.5, "Newcomers are shown around the vector archive."),
    ("retrieval-lab", 88.4, "The laboratory retrieves chapters by what they mean."),
    ("signal-tuning", 93.1, "The Signal is tuned until relevant chapters come first."),
)


def connectivity(sdk: Sdk) -> None:
    session = Session(sdk)
    result = session.ask(session.index.search_by_random, sdk.models.SearchByRandomRequest(limit=1))
    assert len(result.data) == 1


def lifecycle(sdk: Sdk) -> None:
    session, models = Session(sdk), sdk.models
    session.store()
    ids = []
    for row in session.rows:
        request = models.SearchByMultiModalRequest(text=row["text"], need_instruction=False, limit=3)
        best = session.ask(session.index.search_by_multi_modal, request).data[0]
        assert best.fields["title"] == row["title"]
        ids.append(best.id)
    change = {"__AUTO_ID__": ids[1], "score": 92.65}
    session.ask(session.collection.update, models.UpdateDataRequest(data=[change]))
    fetched = session.ask(session.collection.fetch, models.FetchDataInCollectionRequest(ids=ids)).items
    scores = {item.id: item.fields["score"] for item in fetched}
    assert scores == dict(zip(ids, (72.5, 92.65, 93.1), strict=True))
    session.ask(session.collection.delete, models.DeleteDataRequest(ids=ids))
    assert session.ask(session.collection.fetch, models.FetchDataInCollectionRequest(ids=ids)).items == []


def multi_modal(sdk: Sdk) -> None:
    session = Session(sdk)
    session.store()
    good = {"op": "range", "field": "score", "gt": 85.0}
    request = sdk.models.SearchByMultiModalRequest(
        text=session.rows[1]["text"],
        need_instruction=False,
        limit=3,
        filter={"op": "and", "conds": [session.within, good]},
        output_fields=["title", "score"],
    )
    titles = [hit.fields["title"] for hit in session.ask(session.index.search_by_multi_modal, request).data]
    assert titles == [session.rows[1]["title"], session.rows[2]["title"]]


def vector(sdk: Sdk) -> None:
    session = Session(sdk, "vector")
    vectors = session.embed([row["text"] for row in session.rows])
    rows = [row | {"vector": vector} for row, vector in zip(session.rows, vectors, strict=True)]
    session.ask(session.collection.upsert, sdk.models.UpsertDataRequest(data=rows))
    (query,) = session.embed([session.rows[1]["text"]])
    request = sdk.models.SearchByVectorRequest(
        dense_vector=query, limit=5, filter=session.within, output_fields=["title", "score", "paragraph"]
    )
    hits = session.ask(session.index.search_by_vector, request).data
    assert len(hits) == 3
    assert hits[0].fields == {name: session.rows[1][name] for name in ("title", "score", "paragraph")}


def keywords(sdk: Sdk) -> None:
    session = Session(sdk)
    session.store()
    request = sdk.models.SearchByKeywordsRequest(keywords=["Signal"], filter=session.within, limit=3)
    hits = session.ask(session.index.search_by_keywords, request).data
    assert hits[0].fields["title"] == session.rows[2]["title"]
    assert all(session.tag in hit.fields["title"] for hit in hits)


def aggregate(sdk: Sdk) -> None:
    session = Session(sdk)
    session.store()
    request = sdk.models.AggRequest(op="count", field="paragraph", cond={"gt": 1})
    assert session.ask(session.index.aggregate, request).agg == {"-1": 2}  # other rows have paragraphs of their own
    lower = sdk.models.AggRequest(op="count", field="paragraph", cond={"gte": 1}, filter=session.within)
    assert len(session.ask(session.index.aggregate, lower).agg) == 3


def embedding_of_a_sequence(sdk: Sdk) -> None:
    session, models = Session(sdk), sdk.models
    request = models.EmbeddingRequest(
        dense_model=models.EmbeddingModelOpt(name="doubao-embedding-vision", version="250615"),
        sparse_model=models.EmbeddingModelOpt(name="bge-m3"),
        data=[models.EmbeddingData(full_modal_seq=[models.FullModalData(text="a chapter and its vector")])],
    )
    (item,) = session.ask(sdk.client.embedding().embedding, request).data
    assert len(item.dense) == 2048


def embedding(sdk: Sdk) -> None:
    session, models = Session(sdk), sdk.models
    request = models.EmbeddingRequest(
        dense_model=models.EmbeddingModelOpt(name="bge-m3"),
        sparse_model=models.EmbeddingModelOpt(name="bge-m3"),
        data=[models.EmbeddingData(text="a chapter and its vectors")],
    )
    (item,) = session.ask(sdk.client.embedding().embedding, request).data
    assert len(item.dense) == 1024
    assert item.sparse


FLOWS: Mapping[str, Callable[[Sdk], None]] = {
    "E1": connectivity,
    "E2": lifecycle,
    "E3.1": multi_modal,
    "E3.2": vector,
    "E3.3": keywords,
    "E4": aggregate,
    "E5 sequence": embedding_of_a_sequence,
    "E5 text": embedding,
}


def run_guides(folder: Path, env_file: str = "", **settings: str) -> str:
    """Run our guides in a process of their own, started in a folder, and return what it printed; all must pass."""
    (folder / ".env").write_text(env_file)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("VIKINGDB_")}
    inherited["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    environment = inherited | {f"VIKINGDB_{name}": value for name, value in settings.items()}
    command = [sys.executable, "-m", "pytest", "-W", "error", "-p", "no:cacheprovider", str(GUIDES), "-k", "guide"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "8 passed" in done.stdout
    return done.stdout


@contextmanager
def forgetful_cloud(service: Service) -> Iterator[HttpServer]:
    """Serve as the cloud does: upserts do not tell the ids of rows, and the first search after them finds nothing."""
    by_path = {row.path: row for row in OPERATIONS.values()}
    fresh = False

    def answer(seen: Seen) -> Answer:
        nonlocal fresh
        if seen.target.endswith("/Ping"):
            return envelope({})
        operation = by_path[seen.target].name
        assert seen.headers["authorization"].startswith("HMAC-SHA256 Credential=AKLT/")
        try:
            result = dict(service.call(operation, json.loads(seen.body))["result"] or {})
        except VikingException as error:
            pytest.fail(f"{operation}: {error}")
        if operation == "upsert":
            del result["ids"]
            fresh = True
        elif fresh and (operation.startswith("search") or operation == "aggregate"):
            result |= {"data": []} if "data" in result else {"agg": {}}
            fresh = False
        return envelope(result)

    with HttpServer(answer) as server:
        yield server
