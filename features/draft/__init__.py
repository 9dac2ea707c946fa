"""A first scenario and mapping, guessed from a table; each guess is told with its rule."""
