"""A graph index over the dense vectors of a segment: FAISS HNSW over compact codes.

A graph covers the offsets below ``covers``, dead ones included, and never changes once it is published: FAISS
must not add while it searches. Extending one therefore builds on a copy. The codes are bfloat16 (float32 for
Manhattan, which FAISS compares in float32 only), so results are candidates to be rescored in full precision.
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

from quiverdb.engine.score.distance import Offsets
from quiverdb.engine.score.forms import Rows
from quiverdb.errors import StorageError
from quiverdb.model.collection import Distance, VectorSpec
from quiverdb.model.point import FloatArray

__all__ = ["Graph", "Selector"]

_METRIC = {
    Distance.COSINE: faiss.METRIC_INNER_PRODUCT,
    Distance.DOT: faiss.METRIC_INNER_PRODUCT,
    Distance.EUCLID: faiss.METRIC_L2,
    Distance.MANHATTAN: faiss.METRIC_L1,
}
_ADDED_AT_ONCE = 4096
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

    >>> spec = VectorSpec(size=4, distance=Distance.DOT)
    >>> graph = Graph.build(spec, 16, 100, np.eye(4, dtype="f4"))
    >>> graph.search(np.array([0, 0, 1, 0], "f4"), 1, depth=8)
    array([2])
    """

    def __init__(self, index: Any) -> None:
        self.index = index
        self.covers: int = index.ntotal
        self._parameters: dict[int, Any] = {}

    @classmethod
    def build(
        cls,
        spec: VectorSpec,
        m: int,
        ef_construct: int,
        rows: Rows,
        *,
        base: Path | None = None,
        known: Graph | None = None,
        threads: int = 0,
        stop: Callable[[], bool] = lambda: False,
    ) -> Graph:
        """Build a graph over ``rows``; when ``stop`` says so, over fewer.

        It goes on from a copy of ``known``, which must not be mapped, or from the file ``base``.
        """
        if base:
            index = faiss.read_index(str(base))
        elif known:
            index = faiss.clone_index(known.index)
        else:
            index = _empty(spec, m, ef_construct)
        faiss.omp_set_num_threads(threads or os.cpu_count() or 1)
        while index.ntotal < len(rows) and not stop():
            chunk = rows[index.ntotal : index.ntotal + _ADDED_AT_ONCE]
            index.add(_comparable(spec, np.ascontiguousarray(chunk, np.float32)))
        return cls(index)

    @classmethod
    def open(cls, path: Path) -> Graph:
        """Map the graph that ``save`` wrote."""
        return cls(faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC))

    @classmethod
    def load(cls, path: Path) -> Graph:
        """Read the graph that ``save`` wrote into memory."""
        return cls(faiss.read_index(str(path)))

    def save(self, path: Path) -> int:
        """Write the graph to ``path`` and return the checksum of the file; raises ``StorageError``."""
        try:
            faiss.write_index(self.index, str(path))
        except RuntimeError as error:  # faiss tells what happened in words only
            raise StorageError(f"no space left to write {path}, or it may not be written", path=str(path)) from error
        with path.open("rb+") as file:
            os.fsync(file.fileno())
        return checksum(path)

    def search(self, query: FloatArray, count: int, depth: int, selector: Selector | None = None) -> Offsets:
        """Return up to ``count`` candidates for a prepared query, -1 in unused places."""
        if selector is not None:
            parameters = selector.parameters(depth)
        elif (parameters := self._parameters.get(depth)) is None:
            parameters = self._parameters[depth] = faiss.SearchParametersHNSW(efSearch=depth)
        found = np.empty(count, np.int64)
        distances = np.empty(count, np.float32)
        self.index.search_c(1, _pointer(query), count, _pointer(distances), _pointer(found), parameters)
        return found


def checksum(path: Path) -> int:
    """Return the CRC-32 of a file."""
    crc = 0
    with path.open("rb") as file:
        while block := file.read(1 << 24):
            crc = zlib.crc32(block, crc)
    return crc


def _empty(spec: VectorSpec, m: int, ef_construct: int) -> Any:
    metric = _METRIC[spec.distance]
    index: Any
    if spec.distance is Distance.MANHATTAN:
        index = faiss.IndexHNSWFlat(spec.size, m, metric)
    else:
        index = faiss.IndexHNSWSQ(spec.size, faiss.ScalarQuantizer.QT_bf16, m, metric)
        index.train(np.zeros((1, spec.size), np.float32))
    index.hnsw.efConstruction = ef_construct
    return index


def _comparable(spec: VectorSpec, rows: FloatArray) -> FloatArray:
    """Scale uint8 vectors for Cosine: they are stored as they came."""
    if spec.distance is not Distance.COSINE or spec.datatype != "uint8":
        return rows
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1), np.float32)
