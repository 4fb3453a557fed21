"""Codes: the compact form of the vectors that a graph is walked with, as the quantization setting asks for.

Settings flow in, FAISS indexes over flat codes flow out. A code never takes more bits per component than its
setting names; where that needs codebooks and the points are too few for them, codes of four or eight bits stand in.

| bits | codes | for |
|---|---|---|
| 8, 4 | the range of each component, divided evenly | scalar, product x4 and x8, turbo of 8 and 4 bits |
| 2, 1 | RaBitQ (Gao, Long 2024): signs about the mean, with 20 or 8 bytes of factors per vector | binary, turbo |
| 2, 1, 0.5 | a codebook for each group of components | product x16 to x64; binary and turbo of small vectors |
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import faiss
import msgspec
import numpy as np
import numpy.typing as npt

from quiverdb.engine.score.forms import Rows
from quiverdb.model.collection import Binary, Distance, HnswSpec, Product, Quantization, Scalar, Turbo, VectorSpec
from quiverdb.model.point import FloatArray

__all__ = ["METRICS", "Codes", "Recipe", "batches", "codes_for", "comparable", "encoder", "recipe_for", "spread"]

METRICS = {
    Distance.COSINE: faiss.METRIC_INNER_PRODUCT,
    Distance.DOT: faiss.METRIC_INNER_PRODUCT,
    Distance.EUCLID: faiss.METRIC_L2,
    Distance.MANHATTAN: faiss.METRIC_L2,
}
"""How codes are compared. FAISS compares no codes by Manhattan distance; Euclid ranks much alike."""

_BATCH = 4096
_SAMPLE = 16_384
_CODEBOOK_POINTS, _CODEBOOK_ROUNDS = 40, 8
"""Training points per codebook entry, and rounds: more of either gains nothing that rescoring does not."""
_LEAST_POINTS = 1024
_SMALL = 128
"""Below this size the factors of RaBitQ outweigh its bits."""
_TURBO_BITS = {"bits8": 8, "bits4": 4, "bits2": 2, "bits1_5": 1, "bits1": 1}
_QUERY_BITS = {"default": 8, "binary": 1, "scalar4bits": 4, "scalar8bits": 8}
_SPREAD = {8.0: 2, 4.0: 2, 2.0: 4, 1.0: 10, 0.5: 24}
_MANHATTAN_SPREAD = 3


class Codes(msgspec.Struct, frozen=True):
    """Say how vectors are encoded.

    ``bits`` per component; ``quantile``: the share of the values that lies within the range of 8-bit codes;
    ``query_bits``: the bits per component of a query that signs are compared with.

    >>> codes_for(Product("x64"), 384)
    Codes(kind='product', bits=0.5, quantile=None, query_bits=0)
    """

    kind: Literal["scalar", "product", "rabitq"]
    bits: float
    quantile: float | None = None
    query_bits: int = 0


class Recipe(msgspec.Struct, frozen=True):
    """Say how a graph is built: its links, and the codes it is walked with (``None``: bfloat16).

    >>> recipe_for(HnswSpec(m=16, ef_construct=100), None, 4)
    Recipe(m=16, ef_construct=100, codes=None)
    """

    m: int
    ef_construct: int
    codes: Codes | None = None

    def same_links(self, other: Recipe) -> bool:
        """Tell whether only the codes differ."""
        return (self.m, self.ef_construct) == (other.m, other.ef_construct)


def recipe_for(hnsw: HnswSpec, quantization: Quantization | None, size: int) -> Recipe:
    """Return how to build a graph over vectors of ``size`` components under complete settings."""
    return Recipe(hnsw.m or 0, hnsw.ef_construct or 0, codes_for(quantization, size))


def codes_for(quantization: Quantization | None, size: int) -> Codes | None:
    """Return the codes that a setting asks for; ``None`` without one."""
    match quantization:
        case None:
            return None
        case Scalar(quantile):
            return Codes("scalar", 8, quantile)
        case Product(compression):
            share = 32 / int(compression[1:])
            return Codes("scalar" if share >= 4 else "product", share)
        case Turbo(bits):
            whole = _TURBO_BITS[bits or "bits4"]
            return Codes("scalar", whole) if whole >= 4 else _few_bits(whole, size, None)
        case Binary(encoding, query_encoding):
            return _few_bits(2 if encoding == "two_bits" else 1, size, query_encoding)


def _few_bits(bits: int, size: int, query_encoding: str | None) -> Codes:
    if size < _SMALL:
        return Codes("product", bits)
    return Codes("rabitq", bits, query_bits=_QUERY_BITS[query_encoding or "default"])


def spread(codes: Codes | None, distance: Distance) -> float:
    """Return how many candidates per wanted point the codes need, so that the right ones are among them.

    Measured as recall after rescoring on real embeddings (``bench/README.md``).
    """
    if codes is None:
        return 1.1
    return _SPREAD[codes.bits] * (_MANHATTAN_SPREAD if distance is Distance.MANHATTAN else 1)


def encoder(spec: VectorSpec, codes: Codes | None, rows: Rows, count: int) -> Any:
    """Return an empty FAISS index that encodes vectors like the first ``count`` rows, trained on them."""
    metric = METRICS[spec.distance]
    if codes is None:
        index = faiss.IndexScalarQuantizer(spec.size, faiss.ScalarQuantizer.QT_bf16, metric)
        index.train(np.zeros((1, spec.size), np.float32))
        return index
    if codes.kind == "product" and count < _LEAST_POINTS:
        codes = Codes("scalar", 4)
    if codes.kind == "scalar":
        kind = faiss.ScalarQuantizer.QT_8bit if codes.bits == 8 else faiss.ScalarQuantizer.QT_4bit
        index = faiss.IndexScalarQuantizer(spec.size, kind, metric)
        index.train(_ends(spec, codes, rows, count))
        return index
    if codes.kind == "product":
        index = faiss.IndexPQ(spec.size, *_groups(spec.size, codes.bits), metric)
        clustering = index.pq.cp
        clustering.niter, clustering.max_points_per_centroid = _CODEBOOK_ROUNDS, _CODEBOOK_POINTS
        clustering.min_points_per_centroid = 1  # or it prints a warning
    else:
        index = faiss.IndexRaBitQ(spec.size, metric, int(codes.bits))
        index.qb = codes.query_bits
    index.train(_sample(spec, rows, count))
    return index


def _groups(size: int, bits: float) -> tuple[int, int]:
    """Return how many groups of components, and of how many bits each, make the best use of the bits."""
    whole = (group for group in range(1, size + 1) if size % group == 0)
    fitting = [(groups * width, width, groups) for groups in whole for width in range(1, 9)]
    used, width, groups = max((choice for choice in fitting if choice[0] <= size * bits), default=(0, 0, 0))
    if used * 2 < size * bits:  # the size has no suitable divisor
        return size, max(1, int(bits))
    return groups, width


def _ends(spec: VectorSpec, codes: Codes, rows: Rows, count: int) -> FloatArray:
    """Return the lowest and the highest value of each component, shape (2, size), within the quantile if any."""
    if codes.quantile is not None and codes.quantile < 1:
        rest = (1 - codes.quantile) / 2
        return np.asarray(np.quantile(_sample(spec, rows, count), (rest, 1 - rest), axis=0), np.float32)
    low = np.full(spec.size, np.inf, np.float32)
    high = -low
    for batch in batches(spec, rows, 0, count):
        np.minimum(low, batch.min(axis=0), out=low)
        np.maximum(high, batch.max(axis=0), out=high)
    return np.stack([low, high])


def _sample(spec: VectorSpec, rows: Rows, count: int) -> FloatArray:
    return comparable(spec, rows[: count : max(1, count // _SAMPLE)])


def batches(spec: VectorSpec, rows: Rows, start: int, end: int) -> Iterator[FloatArray]:
    """Return the rows from ``start`` to before ``end`` as FAISS compares them, some at a time."""
    for first in range(start, end, _BATCH):
        yield comparable(spec, rows[first : min(end, first + _BATCH)])


def comparable(spec: VectorSpec, rows: npt.NDArray[Any]) -> FloatArray:
    """Return rows in float32, scaled for Cosine when uint8: these are stored as they came."""
    rows = np.ascontiguousarray(rows, np.float32)
    if spec.distance is not Distance.COSINE or spec.datatype != "uint8":
        return rows
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1), np.float32)
