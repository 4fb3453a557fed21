"""The engine's settings where a caller gave none."""

from __future__ import annotations

from quiverdb.model.collection import HnswSpec, OptimizerSpec

__all__ = ["EF_SEARCH", "HNSW", "OPTIMIZERS"]

HNSW = HnswSpec(m=24, ef_construct=200, full_scan_threshold=10_000, max_indexing_threads=0, on_disk=False)
OPTIMIZERS = OptimizerSpec(
    deleted_threshold=0.2,
    vacuum_min_vector_number=1000,
    default_segment_number=1,
    indexing_threshold=10_000,
    flush_interval_sec=5,
)
EF_SEARCH = 100
"""The depth of a graph search that names none."""
