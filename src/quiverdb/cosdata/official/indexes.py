"""The names of ``cosdata.api.indexes``: an index of ours has the fields of each."""

from __future__ import annotations

from quiverdb.cosdata._indexes import Index, Indexes

__all__ = ["DenseIndex", "Index", "Indexes", "SparseIndex", "TfIdfIndex"]

DenseIndex = SparseIndex = TfIdfIndex = Index
