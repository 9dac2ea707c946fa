"""Whole cases of an event log: cases made unusual on purpose, and how well they are found again."""
