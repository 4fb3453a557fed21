"""Indexes over the rows of a segment: graphs and scans for vectors, postings and ranges for payloads."""
