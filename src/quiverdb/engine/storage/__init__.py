"""Bytes on disk or in memory: rows, append-only files, manifest, lock."""
