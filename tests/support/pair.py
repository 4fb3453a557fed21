"""Two databases that must give the same answers: runs steps on both, compares, and cuts a failing sequence down."""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from edge import EdgeCollection
from rows import Row, assert_ranked, assert_row, assert_rows, close
from steps import Step, compact
from targets import ClientCollection, outcome
from worlds import World

from quiverdb.qdrant import models

ALL = 1000


def seeds(count: int) -> list[int]:
    """The seeds to run: always the same ones, or as many as QUIVERDB_SEEDS says, from QUIVERDB_FIRST_SEED on."""
    first = int(os.environ.get("QUIVERDB_FIRST_SEED", "0"))
    return list(range(first, first + int(os.environ.get("QUIVERDB_SEEDS", str(count)))))


class RefusalDiffersError(AssertionError):
    """One database refused what the other did, or for another kind of reason."""

    def __init__(self, message: str, kinds: tuple[str | None, ...]) -> None:
        super().__init__(message)
        self.kinds = kinds


class Pair:
    """Our collection and the oracle's; one method for each kind of step."""

    def __init__(self, world: World, ours: ClientCollection, oracle: EdgeCollection | ClientCollection) -> None:
        self.world = world
        self.ours = ours
        self.oracle = oracle

    def close(self) -> None:
        self.ours.close()
        self.oracle.close()

    def run(self, step: Step) -> None:
        getattr(self, step.kind)(**step.arguments)

    @contextmanager
    def indexed(self, field: str) -> Iterator[None]:
        """Give the databases the index that they need to order or facet by ``field``."""
        yield

    def both(self, method: str, **arguments: Any) -> tuple[Any, Any]:
        want = outcome(lambda: getattr(self.oracle, method)(**arguments))
        got = outcome(lambda: getattr(self.ours, method)(**arguments))
        if got.refusal != want.refusal:
            message = f"{method}: {got.refusal} ({got.reason}) instead of {want.refusal} ({want.reason})"
            raise RefusalDiffersError(message, (method, got.refusal, want.refusal))
        return got.value, want.value

    def same_state(self) -> None:
        """Compare the number of points, all points, and a search over each vector."""
        got, want = self.both("count")
        assert got == want
        one, other = self.both("scroll", limit=ALL, with_payload=True, with_vectors=True)
        assert_rows(one[0], other[0], self.world.tolerance)
        for name, params in self.world.vectors.items():
            hits, truth = self.both("query_points", query=[1.0] * params.size, using=name or None, limit=ALL)
            assert_ranked(hits, truth, limit=ALL, tolerance=self.world.tolerance)

    # --- writes

    def write(self, method: str, **arguments: Any) -> None:
        self.both(method, **arguments)
        self.same_state()

    def create_vector(self, name: str, params: models.VectorParams) -> None:
        dense = models.DenseVectorConfig(**params.model_dump(exclude_none=True))
        config = models.DenseVectorNameConfig(dense=dense)
        self.world = self.world.adding(name, params)
        self.write("create_vector_name", vector_name=name, vector_name_config=config)

    def drop_vector(self, name: str) -> None:
        self.world = self.world.dropping(name)
        self.write("delete_vector_name", vector_name=name)

    def declare(self, field: str, schema: Any) -> None:
        """Declare a payload index on our side, where it must not change answers."""
        self.ours.create_payload_index(field_name=field, field_schema=schema)
        self.same_state()

    def undeclare(self, field: str) -> None:
        self.ours.delete_payload_index(field_name=field)
        self.same_state()

    # --- reads

    def filtered(self, chosen: models.Filter, limit: int, offset: Any) -> None:
        """Count and page through what a filter lets through."""
        got, want = self.both("count", count_filter=chosen)
        found, expected = self.both("scroll", scroll_filter=chosen, limit=ALL, with_payload=True)
        assert_rows(found[0], expected[0])
        assert got == want == len(found[0])
        page, truth = self.both("scroll", scroll_filter=chosen, limit=limit, offset=offset)
        assert_rows(page[0], truth[0])
        assert page[1] == truth[1], "the next page starts elsewhere"

    def ranked(self, request: dict[str, Any], limit: int, offset: int, threshold: float | None) -> None:
        full = outcome(lambda: self.oracle.query_points(**request, limit=ALL))
        if threshold is not None and not full.refusal and self._borderline(full.value, threshold):
            threshold = None
        got, _ = self.both("query_points", **request, limit=limit, offset=offset, score_threshold=threshold)
        if not full.refusal:
            truth = self.oracle.query_points(**request, limit=ALL, score_threshold=threshold)
            assert_ranked(got, truth, limit=limit, offset=offset, tolerance=self.world.tolerance)

    def _borderline(self, hits: list[Row], threshold: float) -> bool:
        """Tell whether rounding decides which hits pass the threshold."""
        return any(close(hit.score, threshold, 4 * self.world.tolerance) for hit in hits)

    def listed(self, chosen: models.Filter | None, limit: int, offset: int) -> None:
        got, want = self.both("query_points", query_filter=chosen, limit=limit, offset=offset)
        assert_rows(got, want)
        assert [hit.score for hit in got] == [hit.score for hit in want]

    def sampled(self, chosen: models.Filter | None, limit: int) -> None:
        query = models.SampleQuery(sample=models.Sample.RANDOM)
        allowed = {hit.id: hit for hit in self.oracle.scroll(scroll_filter=chosen, limit=ALL)[0]}
        got = self.ours.query_points(query=query, query_filter=chosen, limit=limit)
        assert len({hit.id for hit in got}) == len(got) == min(limit, len(allowed))
        for hit in got:
            assert hit.id in allowed
            assert_row(hit, allowed[hit.id])

    def retrieved(self, ids: list[Any], with_payload: Any, with_vectors: Any) -> None:
        got, want = self.both("retrieve", ids=ids, with_payload=with_payload, with_vectors=with_vectors)
        assert_rows(got, want, self.world.tolerance)

    def faceted(self, field: str, chosen: models.Filter | None, limit: int) -> None:
        passing = self.passing(chosen)
        with self.indexed(field):
            want = self.oracle.facet(key=field, facet_filter=passing, limit=limit)
            got = self.ours.facet(key=field, facet_filter=chosen, limit=limit)
        assert [(type(v), v, n) for v, n in got] == [(type(v), v, n) for v, n in want]

    def ordered(self, order: models.OrderBy, chosen: models.Filter | None, limit: int) -> None:
        passing = self.passing(chosen)
        with self.indexed(order.key):
            full, _ = self.oracle.scroll(scroll_filter=passing, order_by=order, limit=ALL, with_payload=True)
            got, following = self.ours.scroll(scroll_filter=chosen, order_by=order, limit=limit, with_payload=True)
            found = self.ours.query_points(
                query=models.OrderByQuery(order_by=order), query_filter=chosen, limit=limit, with_payload=True
            )
        assert following is None
        assert_ordered(got, full, limit)
        assert_ordered(found, full, limit, query=True)

    def passing(self, chosen: models.Filter | None) -> models.Filter | None:
        """The points that a filter lets through, by id: an index that the oracle gets for a while may not matter."""
        if chosen is None:
            return None
        found, _ = self.oracle.scroll(scroll_filter=chosen, limit=ALL)
        return models.Filter(must=[models.HasIdCondition(has_id=[row.id for row in found])])


def assert_ordered(got: list[Row], full: list[Row], limit: int, *, query: bool = False) -> None:
    """Compare a page ordered by values; points of equal value may stand in any order."""
    truth = {(row.id, row.order_value): row for row in full}
    values = [row.order_value for row in got]
    expected = [row.order_value for row in full][:limit]
    if not query:
        assert [(type(v), v) for v in values] == [(type(v), v) for v in expected]
    assert len(got) == len(expected)
    pairs = [(row.id, row.order_value) for row in got]
    assert len(set(pairs)) == len(pairs)
    for row in got:
        assert_row(row, truth[row.id, row.order_value])


# --- cutting failing sequences down


def check(make: Callable[[World], Pair], world: World, steps: list[Step], patience: float = 30.0) -> None:
    """Run the steps; if they fail, fail with the fewest that still do."""
    if (error := _failure(make, world, steps)) is None:
        return
    mark = _mark(error)
    fewest = _reduce(lambda some: _mark(_failure(make, world, some)) == mark, steps, patience)
    listing = "\n".join(f"  {step}" for step in fewest)
    final = _failure(make, world, fewest) or error
    raise AssertionError(f"{final}\n\nvectors: {compact(world.config)}\nsteps:\n{listing}") from final


def _failure(make: Callable[[World], Pair], world: World, steps: list[Step]) -> Exception | None:
    pair = make(world)
    try:
        for step in steps:
            pair.run(step)
    except Exception as error:
        return error
    finally:
        pair.close()
    return None


def _mark(error: Exception | None) -> object:
    """What two failures share if they are the same one: the kind of error and the place."""
    if error is None:
        return None
    places = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    return type(error), places[-2:], getattr(error, "kinds", None)


def _reduce(fails: Callable[[list[Step]], bool], steps: list[Step], patience: float) -> list[Step]:
    """Leave out ever smaller runs of steps as long as the rest still fails."""
    deadline = time.monotonic() + patience
    size = len(steps) // 2
    while size:
        position = 0
        while position < len(steps) and time.monotonic() < deadline:
            shorter = steps[:position] + steps[position + size :]
            if fails(shorter):
                steps = shorter
            else:
                position += size
        size //= 2
    return _simplify(fails, steps, deadline)


def _simplify(fails: Callable[[list[Step]], bool], steps: list[Step], deadline: float) -> list[Step]:
    """Leave out parts of requests."""
    improved = True
    while improved:
        improved = False
        for number, step in enumerate(steps):
            for arguments in _simpler_arguments(step.arguments):
                if time.monotonic() > deadline:
                    return steps
                shorter = [*steps[:number], Step(step.kind, arguments), *steps[number + 1 :]]
                if fails(shorter):
                    steps, improved = shorter, True
                    break
    return steps


def _simpler_arguments(arguments: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for name, value in arguments.items():
        yield from ({**arguments, name: less} for less in _simpler(value))


def _simpler(value: Any) -> Iterator[Any]:
    """All values with one element or key less, at any depth."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield {other: kept for other, kept in value.items() if other != key}
            yield from ({**value, key: less} for less in _simpler(item))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield [*value[:index], *value[index + 1 :]]
            yield from ([*value[:index], less, *value[index + 1 :]] for less in _simpler(item))
    elif hasattr(value, "model_copy"):
        for name in type(value).model_fields:
            for less in _simpler(getattr(value, name)):
                # An empty clause of a filter means something else than none.
                yield value.model_copy(update={name: less or None if name in ("must", "should", "must_not") else less})
