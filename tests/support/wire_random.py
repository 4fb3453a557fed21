"""Random calls for the wire: points, changes, filters and queries of every shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from qdrant_client import models as m
from query_world import Author as Asker
from restated import in_models_of
from steps import Author
from wire_calls import NAME, Call


def one_test(value: Any) -> Any:
    """Return the same with one test in each condition, of which the official client sends only one over gRPC."""
    if isinstance(value, Mapping):
        return {key: one_test(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(one_test, value))
    if isinstance(value, m.FieldCondition) and value.match is not None:
        return m.FieldCondition(key=value.key, match=value.match)
    if isinstance(value, BaseModel):
        return value.model_copy(update={name: one_test(getattr(value, name)) for name in value.model_fields_set})
    return value


def random_calls(seed: int) -> list[Call]:
    """Calls from a seed, in the models of the official client."""
    author, asker = Author(seed), Asker(seed)
    found = []
    for step in author.sequence(60):
        if step.kind == "write":
            arguments = dict(step.arguments)
            found.append((arguments.pop("method"), arguments))
    filters = [{"scroll_filter": author.filter(), "limit": 5} for _ in range(25)]
    found += [("scroll", arguments) for arguments in filters]
    requests = [asker.request(depth) for depth in (0, 0, 0, 0, 0, 0, 1, 1, 2, 3)]
    found += [("query_batch_points", {"requests": [request]}) for request in requests]
    return [
        Call(method, one_test(in_models_of(m, {"collection_name": NAME, **arguments})), f"number {place}")
        for place, (method, arguments) in enumerate(found)
    ]
