"""The VikingDB API: a client for VikingDB that also runs without a server, on the engine of this package."""
