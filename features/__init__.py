"""Features: one declared number about an event, computed from what was known strictly before it."""

import os

# LLVM's loop vectoriser, as numba 0.68 carries it, gets loops wrong that store numbers of two sizes
# under one condition. Integers are exact only if the machine's code is: it stays off.
os.environ.setdefault("NUMBA_LOOP_VECTORIZE", "0")
