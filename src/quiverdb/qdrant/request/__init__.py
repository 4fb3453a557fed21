"""Requests of the Qdrant API in, requests of the model out: pure functions, dispatched by the name of the type.

Objects of this package and of the official one have the same class names and attributes, so both go through the
same code; dicts become objects of this package first. What is wrong raises ``InvalidInputError``.
"""
