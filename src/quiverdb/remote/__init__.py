"""Talks to a Qdrant server: transports below, and a ``Database`` over them."""
