"""Payload filters: parse paths, evaluate a condition on a payload, compile a filter to a bitmap."""
