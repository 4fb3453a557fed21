"""The protocols of a Qdrant server, REST and gRPC, as tables and pure functions: no input and output."""
