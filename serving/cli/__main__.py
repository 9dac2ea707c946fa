"""`python -m serving.cli` is `lianjing`."""

from serving.cli.app import main

main()
