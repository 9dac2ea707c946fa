"""A first scenario and mapping, guessed from a table by rules that are written beside each guess."""
