"""What the guides share: where they run, the chapters that they store, and how everything is deleted in the end.

Nothing of it is needed to use the SDK; read the guides first.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from quiverdb.vikingdb import IAM, APIKey, Auth, RequestOptions
from quiverdb.vikingdb.guides import seed
from quiverdb.vikingdb.vector import (
    CollectionClient,
    DeleteDataRequest,
    FetchDataInCollectionRequest,
    IndexClient,
    SearchByRandomRequest,
    UpsertDataRequest,
    UpsertDataResponse,
    VikingDB,
    filters,
)

Answer = TypeVar("Answer")
Chapter = dict[str, Any]

MEMORY = ":memory:"
CLOUD = "https://api-vikingdb.vikingdb.{region}.volces.com"
CLOUD_REGION = "ap-southeast-1"
CLOUD_PATIENCE = 90.0
"""Seconds: the cloud shows rows in an index some 20 seconds after they were stored."""
PAUSE = 0.5


def setting(name: str, default: str = "") -> str:
    """Return ``VIKINGDB_<name>`` from the environment, or else from the file .env of this folder."""
    return os.environ.get(f"VIKINGDB_{name}") or _env_file().get(f"VIKINGDB_{name}") or default


def _env_file() -> dict[str, str]:
    """Read lines like ``VIKINGDB_AK=key``."""
    path = Path(".env")
    lines = path.read_text("utf-8").splitlines() if path.is_file() else []
    pairs = [line.removeprefix("export ").partition("=") for line in lines if not line.lstrip().startswith("#")]
    return {name.strip(): value.strip().strip("'\"") for name, equals, value in pairs if equals}


def address() -> str:
    """Return the URL of the server to work with; empty if the guides run in this process.

    Keys without an address are meant for the cloud.
    """
    if setting("ENDPOINT"):
        return setting("ENDPOINT")
    if setting("HOST"):
        return f"{setting('SCHEME', 'https')}://{setting('HOST')}"
    return CLOUD.format(region=setting("REGION", CLOUD_REGION)) if credentials() else ""


def credentials() -> Auth | None:
    """Return what proves who asks."""
    if setting("API_KEY"):
        return APIKey(setting("API_KEY"))
    if setting("AK"):
        return IAM(setting("AK"), setting("SK"), session_token=setting("SESSION_TOKEN"))
    return None


def connect() -> VikingDB:
    """Return a client of the server, or of a database in this process, which has what the guides assume."""
    if address():
        return VikingDB(address(), region=setting("REGION", CLOUD_REGION), auth=credentials())
    client = VikingDB(path=setting("PATH", MEMORY))
    seed(client, project_name=setting("PROJECT") or None)
    return client


def patience() -> float:
    """Return for how many seconds to ask for rows that were stored and are not found yet."""
    return float(setting("PATIENCE", str(CLOUD_PATIENCE if address() else 0)))


class Story:
    """Three chapters for a collection, under a tag of their own.

    The tag tells them from what others store: it is part of their titles and texts. Their paragraphs follow each
    other from a number that nobody else has, so ``within`` is a filter for them.
    """

    def __init__(self, client: VikingDB, collection_name: str, index_name: str) -> None:
        place: dict[str, Any] = {"collection_name": collection_name, "project_name": setting("PROJECT") or None}
        self.collection: CollectionClient = client.collection(**place)
        self.index: IndexClient = client.index(**place, index_name=index_name)
        self.tag = f"guide-{uuid.uuid4().hex[:12]}"
        self.options = RequestOptions(request_id=self.tag)
        self.patience = patience()
        first = time.time_ns() // 1000
        self.chapters = [chapter | {"paragraph": first + at} for at, chapter in enumerate(self._chapters())]
        self.within = filters.range_("paragraph", gte=first, lt=first + len(self.chapters))
        self._stored = 0
        self._ids: set[Any] = set()

    def _chapters(self) -> Sequence[Chapter]:
        return (
            {
                "title": f"Orientation {self.tag}",
                "score": 72.5,
                "text": f"The crew studies the map of the archive and learns where everything is kept. {self.tag}",
            },
            {
                "title": f"Retrieval lab {self.tag}",
                "score": 88.4,
                "text": f"In the laboratory they retrieve the documents that answer a question. {self.tag}",
            },
            {
                "title": f"Signal tuning {self.tag}",
                "score": 93.1,
                "text": f"At night they tune the ranking until the signal is stronger than the noise. {self.tag}",
            },
        )

    def store(self, *rows: Chapter) -> UpsertDataResponse:
        """Store rows with one request, and remember to delete them."""
        response = self.collection.upsert(UpsertDataRequest(data=rows), request_options=self.options)
        self._stored += len(rows)
        self._ids.update(response.ids)
        return response

    def delete(self, *ids: Any) -> None:
        """Delete rows, and remember that they are gone."""
        self.collection.delete(DeleteDataRequest(ids=ids), request_options=self.options)
        self._ids.update(ids)

    def eventually(self, ask: Callable[[], Answer]) -> Answer:
        """Ask until the answer is something, or patience is at its end; return the last answer."""
        end = time.monotonic() + self.patience
        while not (answer := ask()) and time.monotonic() < end:
            time.sleep(PAUSE)
        return answer

    def clean_up(self) -> None:
        """Delete what was stored.

        QuiverDB tells the ids of the rows that it stores; the cloud does not, so they are looked up by the tag.
        """

        def all_ids() -> bool:
            self._ids |= self._tagged()
            return len(self._ids) >= self._stored

        complete = len(self._ids) >= self._stored or self.eventually(all_ids)
        if self._ids:
            self.delete(*self._ids)
            left = self.collection.fetch(FetchDataInCollectionRequest(ids=list(self._ids))).result
            assert left is not None
            assert left.items == []
        assert complete, f"rows with {self.tag} in their titles are not found, so they stay in the collection"

    def _tagged(self) -> set[Any]:
        """Return the ids of rows that bear the tag."""
        request = SearchByRandomRequest(filter=self.within, limit=100, output_fields=["title"])
        result = self.index.search_by_random(request).result
        return {hit.id for hit in result.data if self.tag in hit.fields["title"]} if result else set()
