"""A graph index over the dense vectors of a segment: FAISS HNSW, walked by compact codes.

A graph covers the offsets below ``covers``, dead ones included, and never changes once it is published: FAISS
must not add while it searches. Extending one therefore builds on a copy. Links are always made by bfloat16 codes
(float32 for Manhattan); those that the recipe asks for take their place at the end, so that coarse codes cost no
links and a change of codes builds none. Results are candidates to be rescored in full precision.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from quiverdb.engine.index.codes import METRICS, Recipe, batches, encoder
from quiverdb.engine.score.distance import Offsets
from quiverdb.engine.score.forms import Rows
from quiverdb.errors import StorageError
from quiverdb.model.collection import Distance, VectorSpec
from quiverdb.model.point import FloatArray

__all__ = ["Graph", "Selector"]

_pointer = faiss.swig_ptr


class Selector:
    """Let a graph search return only the offsets whose bit is set; keeps what FAISS points to alive."""

    def __init__(self, bits: npt.NDArray[np.uint8]) -> None:
        self._bits = bits
        self._selector = faiss.IDSelectorBitmap(len(bits) * 8, _pointer(bits))
        self._parameters: dict[int, Any] = {}

    def parameters(self, depth: int) -> Any:
        """Return FAISS search parameters for this selector and depth."""
        found = self._parameters.get(depth)
        if found is None:
            found = faiss.SearchParametersHNSW(efSearch=depth, sel=self._selector)
            self._parameters[depth] = found
        return found


class Graph:
    """Search approximately among the offsets below ``covers``.

    ``trained`` is the number of rows that the codes were made for.

    >>> spec = VectorSpec(size=4, distance=Distance.DOT)
    >>> graph = Graph.build(spec, Recipe(16, 100), np.eye(4, dtype="f4"))
    >>> graph.search(np.array([0, 0, 1, 0], "f4"), 1, depth=8)[0]
    array([2])
    """

    def __init__(self, index: Any, recipe: Recipe | None, trained: int = 0) -> None:
        self.index = index
        self.recipe = recipe
        self.trained = trained
        self.covers: int = index.ntotal
        self._parameters: dict[int, Any] = {}

    @classmethod
    def build(
        cls,
        spec: VectorSpec,
        recipe: Recipe,
        rows: Rows,
        *,
        base: Path | None = None,
        known: Graph | None = None,
        threads: int = 0,
        stop: Callable[[], bool] = lambda: False,
    ) -> Graph:
        """Build a graph over ``rows``; when ``stop`` says so, over fewer.

        It goes on from a copy of ``known`` if that has the same links: from its file ``base`` when it is mapped.
        """
        if known is None or known.recipe is None or not known.recipe.same_links(recipe):
            known = None
            index = _empty(spec, recipe)
        else:
            index = faiss.read_index(str(base)) if base else faiss.clone_index(known.index)
        faiss.omp_set_num_threads(threads or os.cpu_count() or 1)
        codes = _linkable(spec, index, known, rows)
        for batch in batches(spec, rows, index.ntotal, len(rows)):
            if stop():
                break
            index.add(batch)
        trained = _encode(spec, index, recipe, known, codes, rows)
        return cls(index, recipe, trained)

    @classmethod
    def open(cls, path: Path, recipe: Recipe | None, trained: int = 0, *, load: bool = False) -> Graph:
        """Open the graph that ``save`` wrote: mapped, or with ``load`` in memory of its own."""
        return cls(faiss.read_index(str(path), 0 if load else faiss.IO_FLAG_MMAP_IFC), recipe, trained)

    def save(self, path: Path) -> int:
        """Write the graph to ``path`` and return the checksum of the file; raises ``StorageError``."""
        try:
            faiss.write_index(self.index, str(path))
        except RuntimeError as error:  # faiss tells what happened in words only
            raise StorageError(f"no space left to write {path}, or it may not be written", path=str(path)) from error
        with path.open("rb+") as file:
            os.fsync(file.fileno())
        return checksum(path)

    def search(
        self, query: FloatArray, count: int, depth: int, selector: Selector | None = None
    ) -> tuple[Offsets, FloatArray]:
        """Return up to ``count`` candidates for a prepared query, -1 in unused places, and how FAISS compares them.

        For several queries, shape (n, size), the results have the shape (n, count); they are searched in parallel.
        """
        if selector is not None:
            parameters = selector.parameters(depth)
        elif (parameters := self._parameters.get(depth)) is None:
            parameters = self._parameters[depth] = faiss.SearchParametersHNSW(efSearch=depth)
        shape = (*query.shape[:-1], count)
        found, distances = np.empty(shape, np.int64), np.empty(shape, np.float32)
        several = query.size // query.shape[-1]
        self.index.search_c(several, _pointer(query), count, _pointer(distances), _pointer(found), parameters)
        return found, distances

    def decoded(self, offsets: Offsets) -> FloatArray:
        """Return what the codes at these offsets stand for, shape (n, size)."""
        return np.asarray(self.index.reconstruct_batch(offsets), np.float32)


def checksum(path: Path) -> int:
    """Return the CRC-32 of a file."""
    crc = 0
    with path.open("rb") as file:
        while block := file.read(1 << 24):
            crc = zlib.crc32(block, crc)
    return crc


def _empty(spec: VectorSpec, recipe: Recipe) -> Any:
    """Return a graph without points, with the codes that links are made by."""
    index: Any
    if spec.distance is Distance.MANHATTAN:
        index = faiss.IndexHNSWFlat(spec.size, recipe.m, faiss.METRIC_L1)
    else:
        index = faiss.IndexHNSWSQ(spec.size, faiss.ScalarQuantizer.QT_bf16, recipe.m, METRICS[spec.distance])
        index.train(np.zeros((1, spec.size), np.float32))
    index.hnsw.efConstruction = recipe.ef_construct
    return index


def _linkable(spec: VectorSpec, index: Any, known: Graph | None, rows: Rows) -> Any:
    """Bring back the codes that links are made by, and return those that the graph was walked with instead."""
    if known is None or known.recipe is None or known.recipe.codes is None:
        return None
    walked = _taken(index)
    if spec.distance is Distance.MANHATTAN:
        linking = faiss.IndexFlat(spec.size, faiss.METRIC_L1)
    else:
        linking = encoder(spec, None, rows, index.ntotal)
    _fill(spec, linking, rows, index.ntotal)
    _give(index, linking)
    return walked


def _encode(spec: VectorSpec, index: Any, recipe: Recipe, known: Graph | None, codes: Any, rows: Rows) -> int:
    """Put the codes of the recipe in place, extending those there were if they still fit; return what they fit."""
    count: int = index.ntotal
    if recipe.codes is None or not count:
        return 0
    trained = count
    same = known is not None and known.recipe is not None and known.recipe.codes == recipe.codes
    if same and known is not None and isinstance(codes, faiss.IndexPQ) and count < 2 * known.trained:
        trained = known.trained  # codebooks cost much to train; other codes are made anew
    else:
        codes = encoder(spec, recipe.codes, rows, count)
    _fill(spec, codes, rows, count)
    _taken(index)
    _give(index, codes)
    return trained


def _fill(spec: VectorSpec, codes: Any, rows: Rows, count: int) -> None:
    for batch in batches(spec, rows, codes.ntotal, count):
        codes.add(batch)


def _taken(index: Any) -> Any:
    """Take the codes off a graph; Python owns them from here on."""
    codes = faiss.downcast_index(index.storage)
    index.own_fields = False
    codes.thisown = True
    return codes


def _give(index: Any, codes: Any) -> None:
    """Leave codes to a graph."""
    index.storage = codes
    index.own_fields = True
    codes.thisown = False
