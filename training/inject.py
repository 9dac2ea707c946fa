"""What the simulator plants: the table of typologies.

Codes T01 to T22 are integrity typologies, those with an L benign look-alikes that must not top a
queue. T19 shows in two scenarios, and each names the features that tell of it there. How strong
each may be stands in its section of the parameters, `[typologies.<code>]`: a dial says how a
quantity runs from mild to strong, and its lower, middle and upper third are the severities subtle,
moderate and blatant.

>>> from training.simulation.config import SimulationConfig
>>> SimulationConfig.load().typologies.T16.n_firms.over("blatant")
(29.33..., 40.0)
>>> sorted(code for code, each in TYPOLOGIES.items() if each.benign)
['L01', 'L02', 'L03', 'L04', 'L05', 'L06', 'L07', 'L08', 'L09']
"""

from collections.abc import Mapping
from typing import Any, Final

from training.typologies import approvals, assignments, credit_repairs, payouts, small_works
from training.typology import Typology

BY_SCENARIO: Final[Mapping[str, tuple[Typology[Any], ...]]] = {
    "payouts": (*payouts.TYPOLOGIES, payouts.PAID_AFTER_REPAIR),
    "approvals": approvals.TYPOLOGIES,
    "credit_repairs": credit_repairs.TYPOLOGIES,
    "small_works": small_works.TYPOLOGIES,
    "assignments": assignments.TYPOLOGIES,
}
TYPOLOGIES: Final[Mapping[str, Typology[Any]]] = {
    each.code: each for table in BY_SCENARIO.values() for each in table
}
