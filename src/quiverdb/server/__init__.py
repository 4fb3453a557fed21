"""The server: Qdrant's REST and gRPC protocols in front of a database."""
