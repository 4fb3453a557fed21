"""Answers of the model in, objects of the Qdrant API out: pure functions."""
