"""Features: one declared number about an event, computed from what was known strictly before it."""

import os
from pathlib import Path

from features import compiled

# LLVM's loop vectoriser, as numba 0.68 carries it, gets loops wrong that store numbers of two sizes
# under one condition. Integers are exact only if the machine's code is: it stays off.
os.environ.setdefault("NUMBA_LOOP_VECTORIZE", "0")

_here = Path(__file__).parent
_place = compiled.place(
    os.environ.get("NUMBA_CACHE_DIR"), compiled.digest(_here, _here.parent / "models")
)
if _place is not None:
    os.environ["NUMBA_CACHE_DIR"] = str(_place)
