"""Background work: graphs are built and extended, and the space of dead points is reclaimed.

One thread serves all collections of a database. It works on views, so that reads and writes go on, and takes a
collection's writer lock only to publish. A graph is extended

- at once when many points are outside it, and when writing has paused with a noticeable number outside;
- seldom when only a few are outside, because every extension writes the whole graph anew.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

import msgspec

from quiverdb.engine.collection import Collection
from quiverdb.engine.compaction import compact, wasteful
from quiverdb.engine.index.hnsw import Graph
from quiverdb.engine.segment import Segment
from quiverdb.engine.settings import effective_hnsw, effective_optimizers, recipe_of, resident
from quiverdb.engine.storage.rows import Commit
from quiverdb.engine.view import View
from quiverdb.errors import ClosedError
from quiverdb.model.work import Work, WorkKind, WorkReport

__all__ = ["Optimizer"]

_log = logging.getLogger("quiverdb")

URGENT = 0.2
"""Share of uncovered points that is indexed while writing goes on."""
NOTICEABLE = 0.01
"""Share of uncovered points that is indexed as soon as writing pauses."""
_PAUSE = 0.05
_SELDOM = 10.0
"""A graph with few points outside rests this many times as long as writing it took."""
_ROUND = 1.0
"""A collection that was not written to for this long is flushed."""
_RETRY = 5.0
"""Work that failed, on a full disk for example, is tried again after this time."""
_LONG = 60.0
_REMEMBERED = 16
"""How many finished pieces of work are reported for a collection: as many as by Qdrant."""


class Optimizer:
    """Run the background work of a database, in a thread that starts when there is something to do."""

    def __init__(self, collections: Callable[[], Iterable[Collection]]) -> None:
        self._collections = collections
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._running: tuple[Collection, Work] | None = None
        self._completed: WeakKeyDictionary[Collection, deque[Work]] = WeakKeyDictionary()

    def notify(self) -> None:
        """Tell that something was written."""
        self._wake.set()
        if self._thread is None:
            with self._starting:
                if self._thread is None and not self._stopping.is_set():
                    self._thread = threading.Thread(target=self._run, name="quiverdb-optimizer", daemon=True)
                    self._thread.start()

    def working(self, collection: Collection) -> bool:
        """Tell whether work on a collection is under way or due soon."""
        return self._work_on(collection) is not None or bool(_due_soon(collection))

    def report(self, collection: Collection) -> WorkReport:
        """List the work on a collection: under way, due soon, and done."""
        running = self._work_on(collection)
        points = len(collection.view.live)
        return WorkReport(
            segment=collection.segment_id,
            points=points,
            running=() if running is None else (running,),
            queued=tuple(Work(kind, points) for kind in _due_soon(collection) if not running or running.kind != kind),
            completed=tuple(reversed(self._completed.get(collection, ()))),
        )

    def _work_on(self, collection: Collection) -> Work | None:
        running = self._running
        return running[1] if running is not None and running[0] is collection else None

    @contextmanager
    def _working(self, collection: Collection, kind: WorkKind) -> Iterator[None]:
        """Show what is being done in the reports."""
        work = Work(kind, len(collection.view.live), started_at=time.time())
        self._running = collection, work
        failed = None
        try:
            yield
        except Exception as error:
            failed = f"{type(error).__name__}: {error}"
            raise
        finally:
            done = msgspec.structs.replace(work, finished_at=time.time(), error=failed)
            self._completed.setdefault(collection, deque(maxlen=_REMEMBERED)).append(done)
            self._running = None

    def stop(self) -> None:
        """Stop after the step at hand; a graph under way is published as far as it came."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            waiting = failed = False
            for collection in list(self._collections()):
                try:
                    waiting |= self._serve(collection)
                    collection.error = None
                except ClosedError:
                    continue
                except Exception as error:  # the thread must outlive one bad collection
                    if collection.closed:
                        continue
                    failed = True
                    collection.error = f"{type(error).__name__}: {error}"
                    _log.exception("background work on collection %r failed", collection.name)
            self._wake.wait(_PAUSE if waiting else _RETRY if failed else _LONG)

    def _serve(self, collection: Collection) -> bool:
        """Do what is due for a collection; tell whether something is due later."""
        later = self._flush(collection)
        if wasteful(collection.segment):
            with self._working(collection, "vacuum"):
                compact(collection, self._stopping.is_set)
        for name in _indexable(collection.view):
            due = self._due(collection, name)
            later |= due is False
            if due:
                with self._working(collection, "indexing"):
                    self._extend(collection, name)
                later = True
        return later

    def _flush(self, collection: Collection) -> bool:
        """Flush a collection that rests; tell whether it still has to come to rest."""
        if collection.flushed:
            return False
        resting = time.monotonic() - collection.last_write >= _ROUND
        if resting:
            collection.flush()
        return not resting

    def _due(self, collection: Collection, name: str) -> bool | None:
        """Tell whether to extend a graph: yes, not yet (False), or nothing to do (None)."""
        view = collection.view
        share = _share(view, name)
        if share == 0:
            return None
        idle = time.monotonic() - collection.last_write >= _PAUSE
        if share >= URGENT or (idle and share >= NOTICEABLE):
            return True
        return idle and time.monotonic() >= collection.resting_until.get(name, 0.0)

    def _extend(self, collection: Collection, name: str) -> None:
        segment, view = collection.segment, collection.view
        spec = view.schema.spec.vectors[name]
        hnsw = effective_hnsw(view.schema.spec, spec)
        known = segment.graphs.get(name)
        base = segment.folder / known[1].file if known and segment.folder and known[1].file else None
        graph = Graph.build(
            spec,
            recipe_of(view.schema.spec, spec),
            view.dense(name),
            base=base,
            known=known[0] if known else None,
            threads=hnsw.max_indexing_threads or 0,
            stop=self._stopping.is_set,
        )
        view.vectors[name].release()
        if known and (graph.covers, graph.recipe) == (known[0].covers, known[0].recipe):
            return  # stopped before anything was added
        if known and graph.covers < known[0].covers:
            return  # stopped before it was as good as the one it replaces
        started = time.monotonic()
        _publish(collection, segment, view, name, graph)
        taken = time.monotonic() - started
        collection.resting_until[name] = time.monotonic() + _SELDOM * taken


def _due_soon(collection: Collection) -> list[WorkKind]:
    """Return the kinds of work that will be done as soon as writing pauses."""
    view = collection.view
    due: list[WorkKind] = ["vacuum"] if wasteful(collection.segment) else []
    return due + ["indexing" for name in _indexable(view) if _share(view, name) >= NOTICEABLE]


def _indexable(view: View) -> list[str]:
    """Return the dense vectors that have, or are large enough for, a graph."""
    threshold = effective_optimizers(view.schema.spec).indexing_threshold or 0
    found = []
    for name, spec in view.schema.spec.vectors.items():
        if spec.multivector or not effective_hnsw(view.schema.spec, spec).m or threshold == 0:
            continue
        if name in view.graphs or len(view.with_vector(name)) * view.row_size(name) >= threshold * 1024:
            found.append(name)
    return found


def _share(view: View, name: str) -> float:
    """Return the share of the offsets that the graph does not cover as the settings want it."""
    graph = view.graphs.get(name)
    spec = view.schema.spec
    covered = graph.covers if graph and graph.recipe == recipe_of(spec, spec.vectors[name]) else 0
    return (view.count - covered) / max(1, view.count)


def _publish(collection: Collection, segment: Segment, view: View, name: str, graph: Graph) -> None:
    """Write a graph under a name of its own, commit that name, and drop the file it replaces."""
    if graph.covers == 0:
        return
    slot = view.schema.slots[name]
    spec = view.schema.spec
    graph, state = segment.saved(slot, graph, load=resident(spec, spec.vectors[name]))
    with collection.writer:
        if collection.segment is not segment or segment.vectors.get(name) is not view.vectors[name]:
            segment.drop_graph(state)
            return
        old = segment.graphs.get(name)

        def install() -> None:
            segment.graphs[name] = graph, state

        described = segment.state()
        described = msgspec.structs.replace(described, graphs={**described.graphs, name: state})
        collection.publish(Commit(described), install)
    if old is not None and old[1].file != state.file:
        segment.drop_graph(old[1])
