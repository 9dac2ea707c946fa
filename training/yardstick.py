"""Whether the fixed rules are a fair yardstick: they hit what the typology table says they see.

The truth table says of each case whether the fixed rules should hit it (`Typology.should_be_hit`):
not where the typology is one that no rule sees, not where only a part is seen and the case is of
another, and not where whoever it is about knows the rules. Each blatant case that should be hit
must have an event that a rule hits. Over all units the rules hit, few belong to a case: public
figures of comparable warnings are 3 to 17 %.
"""

from typing import Final, NamedTuple, Self

from training.evaluation import Rate
from training.screening import Screening

BLATANT: Final = "blatant"
_MOST: Final = 0.9


class Yardstick(NamedTuple):
    """Blatant cases that rules should hit and do, units of such kinds, precision of all hits."""

    blatant: Rate
    units: Rate
    """Blatant units of every kind that rules see in part, also of cases that escape them."""
    precision: Rate
    missed: tuple[str, ...]
    """Typologies of which rules hit less than nine in ten cases that they should."""

    @classmethod
    def of(cls, screening: Screening) -> Self:
        """Judge the rules of a screening in which cases were planted."""
        rows = [each for each in screening.recalls if each.severity == BLATANT and each.n_seen]
        cases = Rate.of(sum(row.seen_hit for row in rows), sum(row.n_seen for row in rows))
        units = Rate.of(sum(row.rule_hits for row in rows), sum(row.n_units for row in rows))
        missed = tuple(row.typology for row in rows if row.seen_hit < _MOST * row.n_seen)
        return cls(cases, units, screening.overlap.rules_hit, missed)
