"""The command line: every command parses, calls one function, shows the answer."""

from serving.cli.app import main

__all__ = ["main"]
