"""Text analysis: from a text to the tokens that text indexes and BM25 vectors count."""

from quiverdb.text.analyzer import Analyzer, analyzer_for

__all__ = ["Analyzer", "analyzer_for"]
