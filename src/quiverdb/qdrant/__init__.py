"""The Qdrant dialect."""
