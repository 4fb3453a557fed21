"""The Cosdata API: a client for Cosdata servers that also runs without one, on the engine of this package."""
