"""Arithmetic on vectors and scores; no I/O, no state."""
