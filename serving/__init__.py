"""Serving: scores before the money moves, with reasons that a reviewer can check."""
