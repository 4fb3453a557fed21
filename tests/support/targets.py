"""Our client behind the same small surface as the oracle, and the outcome of one call on either."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from edge import Missing, Refused
from rows import PointId, Row, plain_id, rows

NAME = "things"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call did: its value, or the kind of its refusal: ``missing`` or ``invalid``."""

    value: Any = None
    refusal: str | None = None
    reason: str = ""


def outcome(call: Callable[[], Any]) -> Outcome:
    """Run a call and tell what became of it; an error outside of the dialect passes through."""
    try:
        return Outcome(call())
    except Missing as error:
        return Outcome(refusal="missing", reason=str(error))
    except Refused as error:
        return Outcome(refusal="invalid", reason=str(error))
    except Exception as error:
        status = _status(error)
        if status not in (400, 404, 409, 422):
            raise
        return Outcome(refusal="missing" if status == 404 else "invalid", reason=str(error))


_CODES = {"INVALID_ARGUMENT": 400, "NOT_FOUND": 404, "ALREADY_EXISTS": 409}


def _status(error: Exception) -> int | None:
    """Return the HTTP status of a refusal, also of one that came over gRPC; ``None`` for any other error."""
    code = getattr(error, "code", None)
    if callable(code):
        return _CODES.get(code().name)
    return getattr(error, "status_code", None)


class ClientCollection:
    """One collection of a QdrantClient with the surface of ``EdgeCollection``."""

    def __init__(self, client: Any, name: str = NAME, **params: Any) -> None:
        self.client = client
        self.name = name
        self.params = params  # search_params and such, added to every query
        self.empty_payloads = True  # gRPC does not tell them from none

    def __getattr__(self, method: str) -> Callable[..., Any]:
        call = getattr(self.client, method)
        return lambda *args, **kwargs: call(self.name, *args, **kwargs)

    def close(self) -> None:
        self.client.close()

    @classmethod
    def made(cls, client: Any, config: Any, sparse: Any = None) -> ClientCollection:
        """Create a collection of a name of its own, for a client that others use, too."""
        collection = cls(client, f"{NAME}-{uuid4()}")
        client.create_collection(collection.name, vectors_config=config, sparse_vectors_config=sparse)
        return collection

    def drop(self) -> None:
        self.client.delete_collection(self.name)

    def _rows(self, points: Any) -> list[Row]:
        found = rows(points)
        return found if self.empty_payloads else [replace(row, payload=row.payload or None) for row in found]

    def scroll(self, **kwargs: Any) -> tuple[list[Row], PointId | None]:
        records, following = self.client.scroll(self.name, **kwargs)
        return self._rows(records), None if following is None else plain_id(following)

    def retrieve(self, ids: Any, **kwargs: Any) -> list[Row]:
        return self._rows(self.client.retrieve(self.name, ids, **kwargs))

    def count(self, count_filter: Any = None) -> int:
        return int(self.client.count(self.name, count_filter, exact=True).count)

    def facet(self, key: str, facet_filter: Any = None, limit: int = 10) -> list[tuple[Any, int]]:
        answer = self.client.facet(self.name, key, facet_filter=facet_filter, limit=limit, exact=True)
        return [(hit.value, hit.count) for hit in answer.hits]

    def query_points(self, query: Any = None, **kwargs: Any) -> list[Row]:
        return self._rows(self.client.query_points(self.name, query, **self.params, **kwargs).points)
