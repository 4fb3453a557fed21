"""The embedded database: model in, answer out."""
