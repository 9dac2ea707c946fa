"""Scans: states of one event from the rows of its keys, and from day tiles of heavy keys."""
