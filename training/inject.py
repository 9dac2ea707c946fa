"""What the simulator plants: the table of typologies.

Codes T01 to T22 are integrity typologies, those with an L benign look-alikes that must not top a
queue. A typology's dials say how each quantity runs from mild to extreme; the lower, middle and
upper third of a dial are the severities subtle, moderate and blatant.

>>> TYPOLOGIES["T16"].range_of("n_firms", "blatant")
(29.33..., 40.0)
>>> sorted(code for code, each in TYPOLOGIES.items() if each.benign)
['L01', 'L02', 'L03', 'L04', 'L05', 'L06']
"""

from collections.abc import Mapping
from typing import Any, Final

from training.typologies import approvals, payouts
from training.typology import Typology

BY_SCENARIO: Final[Mapping[str, tuple[Typology[Any], ...]]] = {
    "payouts": payouts.TYPOLOGIES,
    "approvals": approvals.TYPOLOGIES,
}
TYPOLOGIES: Final[Mapping[str, Typology[Any]]] = {
    each.code: each for table in BY_SCENARIO.values() for each in table
}
